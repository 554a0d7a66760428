"""Model families: what differs between them is data here, and nowhere a branch on a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFamily:
    """What the studio must know of a kind of model before its weights are read.

    native_size       (width, height) in pixels it was trained on
    sizes             presets worth offering, (width, height) in pixels
    steps             sensible default
    guidance_scale    sensible default
    example_prompts   four that suit it, for the empty page
    latent_channels   channels of the VAE's latents
    vae_factor        pixels a latent cell is wide
    """

    name: str
    native_size: tuple[int, int]
    sizes: tuple[tuple[int, int], ...]
    steps: int
    guidance_scale: float
    example_prompts: tuple[str, ...]
    preview_factors: tuple[tuple[float, float, float], ...]
    latent_channels: int = 4
    vae_factor: int = 8


_PHOTO_PROMPTS = (
    "a lighthouse on a cliff at dawn, soft mist, oil painting",
    "portrait of an old fisherman, window light, 85mm photograph",
    "a quiet street in the rain at night, neon reflections",
    "a fox in a birch forest, watercolor illustration",
)

_SD_PREVIEW_FACTORS = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
"""Published fit to the VAE that SD 1.x and 2.x share."""

PICTUREBOOK = ModelFamily(
    name="picturebook",
    native_size=(128, 128),
    sizes=((128, 128), (160, 128), (128, 160), (160, 96), (96, 160), (192, 96), (96, 192)),
    steps=20,
    guidance_scale=6.0,
    example_prompts=(
        "a red house on a meadow at sunset",
        "an orange boat on the sea under a stormy sky",
        "a purple balloon over a snowy field at dawn, watercolor",
        "a white cat in the forest at night, moon",
    ),
    preview_factors=_SD_PREVIEW_FACTORS,
)
SD1 = ModelFamily(
    name="SD 1.x",
    native_size=(512, 512),
    sizes=((512, 512), (768, 512), (512, 768), (640, 512), (512, 640), (768, 432)),
    steps=20,
    guidance_scale=7.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SD_PREVIEW_FACTORS,
)
SD2 = ModelFamily(
    name="SD 2.x",
    native_size=(768, 768),
    sizes=((768, 768), (1024, 768), (768, 1024), (512, 512), (1024, 576)),
    steps=20,
    guidance_scale=7.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SD_PREVIEW_FACTORS,
)

"""Model families: what differs between them is data here, and nowhere a branch on a name."""

from __future__ import annotations

from dataclasses import dataclass

from studio.domain.noise_schedules import ALIGN_YOUR_STEPS

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True)
class PromptEncoder:
    """How one of a family's text encoders turns a prompt into embeddings.

    part             the part of the checkpoint: "text_encoder" or "text_encoder_2"
    layer            the layer the family was trained on, counted as artists count CLIP skip: 1 is
                     the last, 2 the one before; a request can only go further down
    left_out         so many last layers are never stored, as nothing uses them
    final_norm       the encoder's last layer norm is applied to the layer taken
    pooled           its projected end-of-text embedding conditions the U-Net too
    pad_token        fills a chunk up
    depth            layers of the whole encoder, those left out included
    activation       in its layers: "quick_gelu" of OpenAI's CLIP, "gelu" of OpenCLIP's
    head_width       of its attention
    """

    part: str = "text_encoder"
    layer: int = 1
    left_out: int = 0
    final_norm: bool = True
    pooled: bool = False
    pad_token: str = END_OF_TEXT
    depth: int = 12
    activation: str = "quick_gelu"
    head_width: int = 64


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
    latent_scale      what its VAE's latents are multiplied by, to have a spread of about 1
    prompt_encoders   its text encoders; their embeddings are laid side by side
    size_conditioning what is told to the U-Net beside the prompt, in this order: "original_size",
                      "crop_top_left", "target_size" (height and width each) and "aesthetic_score"
    aesthetic_scores  told for the prompt and for the negative prompt, where it is told at all
    zero_negative     an empty negative prompt is all zeros instead of being encoded
    optimal_sigmas    noise levels of ten steps that were found best for it (Align Your Steps)
    head_width        of its U-Net's attention; None: told by its projections, 64 where these are
                      matrices, an eighth of the width where they are convolutions
    unet_norm_groups  groups that each group norm of its U-Net has
    vae_norm_groups   and of its VAE
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
    latent_scale: float = 0.18215
    prompt_encoders: tuple[PromptEncoder, ...] = (PromptEncoder(),)
    size_conditioning: tuple[str, ...] = ()
    aesthetic_scores: tuple[float, float] = (6.0, 2.5)
    zero_negative: bool = False
    optimal_sigmas: tuple[float, ...] = ALIGN_YOUR_STEPS
    head_width: int | None = None
    unet_norm_groups: int = 32
    vae_norm_groups: int = 32


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

_SDXL_PREVIEW_FACTORS = (
    (0.392, 0.405, 0.455),
    (-0.263, -0.020, 0.065),
    (0.057, 0.169, -0.076),
    (-0.311, -0.236, -0.208),
)
"""Published fit to the VAE of SDXL."""

_SDXL_SIZES = (
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
    (1344, 768),
    (768, 1344),
    (1536, 640),
)
"""The buckets it was trained in that artists use most."""

_SDXL_SECOND_ENCODER = PromptEncoder(
    "text_encoder_2",
    layer=2,
    final_norm=False,
    pooled=True,
    pad_token="!",
    depth=32,
    activation="gelu",
)

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
    prompt_encoders=(PromptEncoder(depth=3, head_width=32),),
    head_width=32,
    unet_norm_groups=16,
    vae_norm_groups=2,
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
    prompt_encoders=(
        PromptEncoder(layer=2, left_out=1, pad_token="!", depth=24, activation="gelu"),
    ),
)
_SDXL_OPTIMAL_SIGMAS = (
    14.6146412293,
    6.3184485287,
    3.7681790315,
    2.1811480769,
    1.3405244945,
    0.8620721141,
    0.5550693289,
    0.3798540708,
    0.2332364134,
    0.1114188177,
    0.0291671582,
)
"""NVIDIA's, published with arXiv:2404.14507."""

SDXL = ModelFamily(
    name="SDXL",
    native_size=(1024, 1024),
    sizes=_SDXL_SIZES,
    steps=25,
    guidance_scale=6.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SDXL_PREVIEW_FACTORS,
    latent_scale=0.13025,
    prompt_encoders=(
        PromptEncoder("text_encoder", layer=2, final_norm=False),
        _SDXL_SECOND_ENCODER,
    ),
    size_conditioning=("original_size", "crop_top_left", "target_size"),
    zero_negative=True,
    optimal_sigmas=_SDXL_OPTIMAL_SIGMAS,
)
SDXL_REFINER = ModelFamily(
    name="SDXL refiner",
    native_size=(1024, 1024),
    sizes=_SDXL_SIZES,
    steps=25,
    guidance_scale=6.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SDXL_PREVIEW_FACTORS,
    latent_scale=0.13025,
    prompt_encoders=(_SDXL_SECOND_ENCODER,),
    size_conditioning=("original_size", "crop_top_left", "aesthetic_score"),
    optimal_sigmas=_SDXL_OPTIMAL_SIGMAS,
)

"""The families whose backbone is the U-Net of Stable Diffusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.family import ModelFamily
from studio.domain.imports import IMPORTING
from studio.domain.noise_schedules import ALIGN_YOUR_STEPS
from studio.domain.prompt_emphasis import Segment
from studio.domain.schedulers import SamplerOptions
from studio.families.stable_diffusion.prompt_encoder import PromptEncoder


@dataclass(frozen=True)
class UNetFamily(ModelFamily):
    """What differs between them is data here, and nowhere a branch on a name.

    prompt_encoders   its text encoders; their embeddings are laid side by side
    size_conditioning what is told to the U-Net beside the prompt, in this order: "original_size",
                      "crop_top_left", "target_size" (height and width each) and "aesthetic_score"
    aesthetic_scores  told for the prompt and for the negative prompt, where it is told at all
    zero_negative     an empty negative prompt is all zeros instead of being encoded
    optimal_sigmas    noise levels of ten steps that were found best for it (Align Your Steps)
    crumb             a word whose tokens have fewer letters than this, on average, is not known
    head_width        of its U-Net's attention; None: told by its projections, 64 where these are
                      matrices, an eighth of the width where they are convolutions
    unet_norm_groups  groups that each group norm of its U-Net has
    """

    takes: frozenset[str] = frozenset({"lora", "embedding", "controlnet"})
    takes_weights: bool = True
    tells_words: bool = True
    has_deep_blocks: bool = True
    has_plain_calls: bool = True
    prompt_encoders: tuple[PromptEncoder, ...] = (PromptEncoder(),)
    size_conditioning: tuple[str, ...] = ()
    aesthetic_scores: tuple[float, float] = (6.0, 2.5)
    zero_negative: bool = False
    optimal_sigmas: tuple[float, ...] = ALIGN_YOUR_STEPS
    crumb: float = 2.0
    head_width: int | None = None
    unet_norm_groups: int = 32

    @property
    def text_parts(self) -> tuple[str, ...]:
        return tuple(encoder.part for encoder in self.prompt_encoders)

    def objection(self, sampling: Any) -> tuple[str, str] | None:
        """None: requests are checked against the tables of `domain.schedulers`."""
        return None

    def open(self, ref: Any, dtype: Any) -> Any:
        with IMPORTING:
            from studio.families.stable_diffusion import parts

        return parts.open_parts(ref, dtype)

    def tokenizers(self, ref: Any) -> Any:
        import torch

        return self.open(ref, torch.float32).tokenizers

    def count(self, pieces: Sequence[Segment], tokenizers: Any) -> tuple[int, int]:
        from studio.families.stable_diffusion.tokens import chunks

        rows = chunks(pieces, tokenizers[0])
        return sum(row.tokens for row in rows), len(rows)

    def unknown(self, words: Sequence[str], tokenizers: Any) -> list[str]:
        from studio.families.stable_diffusion.tokens import count

        return [word for word in words if 1 < count(word, tokenizers[0]) > len(word) / self.crumb]

    def texts(
        self,
        asked: Sequence[tuple[Sequence[Segment], bool]],
        sampling: Any,
        models: Any,
        device: Any,
    ) -> Any:
        from studio.families.stable_diffusion import text

        return text.texts(asked, sampling, models, device)

    def token_starts(self, pieces: Sequence[Segment], models: Any) -> list[tuple[int, int]]:
        from studio.families.stable_diffusion import tokens

        vectors = {name: each[0] for name, each in models.embeddings.items()}
        return tokens.starts(pieces, models.tokenizers[0], vectors)

    def at_size(self, text: Any, is_negative: bool, size: tuple[int, int]) -> Any:
        from studio.families.stable_diffusion.text import at_size

        return at_size(text, is_negative, self, size)

    def predictor(self, backbone: Any, execution: Any = None) -> Any:
        from studio.families.stable_diffusion.backbone import UNetPredictor

        return UNetPredictor(backbone, execution)

    def scheduler(self, ref: Any, sampling: Any, seeds: Sequence[int]) -> Any:
        from studio.diffusion import schedulers

        options = SamplerOptions(
            eta=sampling.eta,
            s_churn=sampling.s_churn,
            s_tmin=sampling.s_tmin,
            s_tmax=sampling.s_tmax,
            s_noise=sampling.s_noise,
            zero_snr=ref.zero_snr,
            optimal_sigmas=self.optimal_sigmas,
        )
        predicts = ref.prediction_type or "epsilon"
        return schedulers.build(
            sampling.scheduler, sampling.noise_schedule, predicts, seeds, options
        )


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

PICTUREBOOK = UNetFamily(
    name="picturebook",
    native_size=(256, 256),
    sizes=((256, 256), (320, 256), (256, 320), (320, 192), (192, 320), (384, 192), (192, 384)),
    steps=20,
    guidance_scale=6.0,
    example_prompts=(
        "a red house on a meadow at sunset",
        "an orange boat on the sea under a stormy sky",
        "a purple balloon over a snowy field at dawn, watercolor",
        "a white cat in the forest at night, moon",
    ),
    latent_space="picturebook",
    bears=(0.25, 2.0),
    crumb=math.inf,  # each word that it learnt is a token
    preview_factors=_SD_PREVIEW_FACTORS,
    prompt_encoders=(PromptEncoder(depth=3, head_width=32),),
    head_width=32,
    unet_norm_groups=16,
    vae_norm_groups=2,
)
SD1 = UNetFamily(
    name="SD 1.x",
    native_size=(512, 512),
    sizes=((512, 512), (768, 512), (512, 768), (640, 512), (512, 640), (768, 432)),
    steps=20,
    guidance_scale=7.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SD_PREVIEW_FACTORS,
)
SD2 = UNetFamily(
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

SDXL = UNetFamily(
    name="SDXL",
    native_size=(1024, 1024),
    sizes=_SDXL_SIZES,
    steps=25,
    guidance_scale=6.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SDXL_PREVIEW_FACTORS,
    latent_scale=0.13025,
    latent_space="SDXL",
    prompt_encoders=(
        PromptEncoder("text_encoder", layer=2, final_norm=False),
        _SDXL_SECOND_ENCODER,
    ),
    size_conditioning=("original_size", "crop_top_left", "target_size"),
    zero_negative=True,
    optimal_sigmas=_SDXL_OPTIMAL_SIGMAS,
)
SDXL_REFINER = UNetFamily(
    name="SDXL refiner",
    native_size=(1024, 1024),
    sizes=_SDXL_SIZES,
    steps=25,
    guidance_scale=6.0,
    example_prompts=_PHOTO_PROMPTS,
    preview_factors=_SDXL_PREVIEW_FACTORS,
    latent_scale=0.13025,
    latent_space="SDXL",
    prompt_encoders=(_SDXL_SECOND_ENCODER,),
    size_conditioning=("original_size", "crop_top_left", "aesthetic_score"),
    optimal_sigmas=_SDXL_OPTIMAL_SIGMAS,
)

"""Z-Image: a single-stream transformer under the flow law, prompted through Qwen3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.family import ModelFamily
from studio.domain.imports import IMPORTING
from studio.domain.prompt_emphasis import Segment

SHIFT = 3.0
"""Of its noise levels, where the checkpoint does not say another."""

SAMPLERS = ("Euler", "DPM++ 2M", "Heun")
NOISE_SCHEDULES = ("automatic", "simple")
"""Both its own: even strides, shifted."""


@dataclass(frozen=True)
class ZImageFamily(ModelFamily):
    """See `ModelFamily`. The samplers are the deterministic ones that the flow law allows."""

    def objection(self, sampling: Any) -> tuple[str, str] | None:
        if sampling.scheduler not in SAMPLERS:
            why = (
                f"{sampling.scheduler} does not sample {self.name} rightly, which is trained by "
                f"flow matching. Choose one of: {', '.join(SAMPLERS)}."
            )
            return why, "scheduler"
        if sampling.noise_schedule not in NOISE_SCHEDULES:
            return (
                f"{self.name} has a noise schedule of its own. Choose Automatic.",
                "noise_schedule",
            )
        return None

    def open(self, ref: Any, dtype: Any) -> Any:
        with IMPORTING:
            from studio.families.z_image import parts

        return parts.open_parts(ref, dtype)

    def tokenizers(self, ref: Any) -> Any:
        import torch

        return self.open(ref, torch.float32).tokenizers

    def count(self, pieces: Sequence[Segment], tokenizers: Any) -> tuple[int, int]:
        from studio.families.z_image import text

        return text.count("".join(piece.text for piece in pieces), tokenizers[0]), 1

    def texts(
        self,
        asked: Sequence[tuple[Sequence[Segment], bool]],
        sampling: Any,
        models: Any,
        device: Any,
    ) -> Any:
        from studio.families.z_image import text

        return text.texts(asked, models, device)

    def predictor(self, backbone: Any, execution: Any = None) -> Any:
        from studio.families.z_image.backbone import TransformerPredictor

        return TransformerPredictor(backbone)

    def guided(self, negative: Any, positive: Any, scale: Any) -> Any:
        """The same number, put as its makers do, so that it is rounded as theirs."""
        return positive + (scale - 1) * (positive - negative)

    def scheduler(self, ref: Any, sampling: Any, seeds: Sequence[int]) -> Any:
        from studio.diffusion.samplers.flow import FLOW_SAMPLERS, FlowSchedule

        shift = ref.facts.flow_shift or SHIFT
        return FLOW_SAMPLERS[sampling.scheduler](FlowSchedule(shift), seeds)


Z_IMAGE = ZImageFamily(
    name="Z-Image",
    native_size=(1024, 1024),
    sizes=(
        (1024, 1024),
        (1152, 896),
        (896, 1152),
        (1216, 832),
        (832, 1216),
        (1344, 768),
        (768, 1344),
        (1536, 640),
    ),
    steps=8,
    guidance_scale=1.0,
    example_prompts=(
        "a lighthouse on a cliff at dawn, soft mist, oil painting",
        "portrait of an old fisherman, window light, 85mm photograph",
        "a quiet street in the rain at night, a sign that says OPEN in red neon",
        "a fox in a birch forest, watercolor illustration",
    ),
    preview_factors=(
        (-0.0346, 0.0244, 0.0681),
        (0.0034, 0.0210, 0.0687),
        (0.0275, -0.0668, -0.0433),
        (-0.0174, 0.0160, 0.0617),
        (0.0859, 0.0721, 0.0329),
        (0.0004, 0.0383, 0.0115),
        (0.0405, 0.0861, 0.0915),
        (-0.0236, -0.0185, -0.0259),
        (-0.0245, 0.0250, 0.1180),
        (0.1008, 0.0755, -0.0421),
        (-0.0515, 0.0201, 0.0011),
        (0.0428, -0.0012, -0.0036),
        (0.0817, 0.0765, 0.0749),
        (-0.1264, -0.0522, -0.1103),
        (-0.0280, -0.0881, -0.0499),
        (-0.1262, -0.0982, -0.0778),
    ),
    preview_bias=(-0.0329, -0.0718, -0.0851),
    latent_channels=16,
    latent_scale=0.3611,
    latent_shift=0.1159,
    latent_space="Flux",
    backbone="transformer",
    where={
        "text_encoder": "Download text_encoders/qwen_3_4b.safetensors from "
        "huggingface.co/Comfy-Org/z_image_turbo and put it into the folder text_encoder of the "
        "models.",
        "vae": "Download vae/ae.safetensors from huggingface.co/Comfy-Org/z_image_turbo and put it "
        "into the folder VAE of the models.",
    },
)
"""Latents and their colours are those of the VAE that FLUX.1 was published with, which it shares.
Sizes, steps and guidance are those of Z-Image-Turbo; no header tells it from its undistilled
sibling, which wants some 30 steps and a guidance of 4 to 5."""

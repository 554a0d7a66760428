"""U-Nets to measure with, and their calls: as stock diffusers does one, and as the studio does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import UNet2DConditionModel

from common import models, pairs
from studio.diffusion.execution import Answer, Call, Execution, Tensors
from studio.diffusion.rows import Rows
from studio.families.stable_diffusion.backbone import UNetPredictor

CONFIGS = {
    "sd15": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sdxl": {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}

_TINY = 8
"""Latent cells, across and down, of picturebook's calls."""


def built(model: str, dtype: torch.dtype, device: torch.device) -> UNet2DConditionModel:
    """One of CONFIGS, of random weights, or "picturebook", the one that ships."""
    if model == "picturebook":
        unet = UNet2DConditionModel.from_pretrained(models.embedded().path / "unet", dtype=dtype)
        unet.register_to_config(sample_size=_TINY)
        return unet.to(device).requires_grad_(False).eval()
    with torch.device("meta"):
        unet = UNet2DConditionModel(**CONFIGS[model])
    unet = unet.to(dtype).to_empty(device=device).requires_grad_(False).eval()
    for parameter in unet.parameters():
        parameter.data.normal_(std=0.02)
    return unet


def _inputs(
    unet: UNet2DConditionModel, dtype: torch.dtype, pictures: int
) -> dict[str, torch.Tensor]:
    config, device = unet.config, unet.device
    generator = torch.Generator("cpu").manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    rows = 2 * pictures
    inputs = {
        "sample": noise(rows, 4, config.sample_size, config.sample_size),
        "prompt_embeds": noise(rows, 77, config.cross_attention_dim),
    }
    if config.addition_embed_type:
        size = config.sample_size * 8.0
        time_ids = torch.tensor([size, size, 0, 0, size, size], device=device)
        inputs |= {"pooled": noise(rows, 1280), "time_ids": time_ids.to(dtype).expand(rows, -1)}
    return inputs


def stock(unet: UNet2DConditionModel, pictures: int = 1) -> Callable[[], torch.Tensor]:
    """One step under guidance, two rows a picture, as diffusers' pipelines call it."""
    given = _inputs(unet, unet.dtype, pictures)
    added = {"text_embeds": given.get("pooled"), "time_ids": given.get("time_ids")}
    timestep = torch.full((2 * pictures,), 500.0, device=unet.device)
    return lambda: unet(
        given["sample"],
        timestep,
        encoder_hidden_states=given["prompt_embeds"],
        added_cond_kwargs=added if unet.config.addition_embed_type else None,
        return_dict=False,
    )[0]


def ours(
    unet: UNet2DConditionModel, pictures: int = 1, execution: Execution | None = None
) -> Callable[[], torch.Tensor]:
    """The same step behind the studio's own predictor. The weights lie as the caller has them:
    those of the studio channels last."""
    given = _inputs(unet, torch.float32, pictures)
    rows = Rows(
        given["sample"],
        torch.full((2 * pictures,), 500.0, device=unet.device),
        given["prompt_embeds"],
        given.get("pooled"),
        given.get("time_ids"),
    )
    predict = UNetPredictor(unet, execution)
    return lambda: predict(rows)


def timed(work: Callable[[], object], device: torch.device, times: int = 1) -> pairs.Timed:
    """Seconds of one `work` on `device`, of so many `times` that are asked for without waiting."""

    def whole() -> None:
        for _ in range(times):
            work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return lambda: pairs.seconds(whole) / times


class Seen:
    """An execution. `was_quick`: whether its last call was not done as it is."""

    def __init__(self, within: Execution) -> None:
        self._within, self.alters = within, within.alters
        self.was_quick = False

    def __call__(
        self,
        backbone: torch.nn.Module,
        call: Call,
        given: Tensors,
        as_it_is: Callable[[], Answer],
    ) -> Answer:
        self.was_quick = True

        def slow() -> torch.Tensor:
            self.was_quick = False
            return as_it_is()

        return self._within(backbone, call, given, slow)

    def is_settled(self, backbone: torch.nn.Module, call: Call, given: Tensors) -> bool:
        return self._within.is_settled(backbone, call, given)

    def forget(self) -> None:
        self._within.forget()

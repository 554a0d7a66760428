"""The call of the U-Net."""

from __future__ import annotations

from typing import Any

import torch

from studio.diffusion import seamless
from studio.diffusion.attention import CrossAttention
from studio.diffusion.image_prompts import ImageAttention
from studio.diffusion.interruption import interruptible
from studio.diffusion.rows import Residuals, Rows
from studio.diffusion.text_keys import TextKeys


class UNetPredictor:
    """The U-Net, as a `diffusion.shared_call.Predictor`."""

    def __init__(self, unet: torch.nn.Module) -> None:
        self._unet = unet
        self._dtype = unet.dtype  # what it computes in, however small its weights are kept
        self._image_attention: ImageAttention | None = None
        self._cross_attention: CrossAttention | None = None
        self._text_keys = TextKeys(unet)

    def __call__(self, rows: Rows, residuals: Residuals | None = None) -> torch.Tensor:
        if not rows.watched:
            return self._predicted(rows, residuals)
        if self._cross_attention is None:
            self._cross_attention = CrossAttention(self._unet)
        with self._cross_attention.looked_at(rows.watched, rows.sample.shape[2:]):
            return self._predicted(rows, residuals)

    def _predicted(self, rows: Rows, residuals: Residuals | None) -> torch.Tensor:
        sample = rows.sample
        if rows.extra_channels is not None:
            sample = torch.cat([sample, rows.extra_channels], dim=1)
        named = {
            "encoder_hidden_states": rows.prompt_embeds.to(self._dtype),
            "return_dict": False,
        }
        if rows.pooled_embeds is not None:
            named["added_cond_kwargs"] = {
                "text_embeds": rows.pooled_embeds.to(self._dtype),
                "time_ids": rows.time_ids.to(self._dtype),
            }
        sample = sample.to(self._dtype)
        with seamless.wrapped(self._unet, rows.tiling), self._text_keys.kept(rows):
            if residuals is not None:
                return self._steered(sample, rows.timestep, residuals, named)
            return self._called(sample, rows.timestep, named)

    def _steered(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        residuals: Residuals,
        named: dict[str, Any],
    ) -> torch.Tensor:
        if residuals.middle is not None:
            named["down_block_additional_residuals"] = residuals.down
            named["mid_block_additional_residual"] = residuals.middle
        if residuals.inner:
            named["down_intrablock_additional_residuals"] = list(residuals.inner)
        if not residuals.prompts:
            return self._called(sample, timestep, named)
        tokens = [prompt.tokens.to(self._dtype) for prompt in residuals.prompts]
        named["encoder_hidden_states"] = named["encoder_hidden_states"], tokens
        if self._image_attention is None:
            self._image_attention = ImageAttention(self._unet)
        with self._image_attention.lent(residuals.prompts):
            return self._called(sample, timestep, named)

    def _called(
        self, sample: torch.Tensor, timestep: torch.Tensor, named: dict[str, Any]
    ) -> torch.Tensor:
        with interruptible(self._unet, sample):
            return self._unet(sample, timestep, **named)[0].float()

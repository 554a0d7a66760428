"""The call of the U-Net."""

from __future__ import annotations

from typing import Any

import torch

from studio.diffusion import deep_cache, seamless
from studio.diffusion.attention import CrossAttention
from studio.diffusion.execution import Answer, Eager, Execution, Tensors
from studio.diffusion.image_prompts import ImageAttention
from studio.diffusion.interruption import interruptible
from studio.diffusion.rows import Residuals, Rows
from studio.diffusion.text_keys import TextKeys


class UNetPredictor:
    """The U-Net, as a `diffusion.shared_call.Predictor`. Calls with tensors alone are done by
    `execution`; what acts within the U-Net, or is looked at, is done as it is."""

    def __init__(self, unet: torch.nn.Module, execution: Execution | None = None) -> None:
        self._unet = unet
        self._execution = execution or Eager()
        self._dtype = unet.dtype  # what it computes in, however small its weights are kept
        self._image_attention: ImageAttention | None = None
        self._cross_attention: CrossAttention | None = None
        self._text_keys = TextKeys(unet)

    def __call__(self, rows: Rows, residuals: Residuals | None = None) -> torch.Tensor:
        answer = self._answer(rows, residuals)
        if len(answer) > 1:
            deep_cache.keep(rows.deep, answer[1], residuals.down if residuals else ())
        return answer[0]

    def _answer(self, rows: Rows, residuals: Residuals | None) -> Answer:
        if rows.watched:
            if self._cross_attention is None:
                self._cross_attention = CrossAttention(self._unet)
            with self._cross_attention.looked_at(rows.watched, rows.sample.shape[2:]):
                return self._as_it_is(rows, self._given(rows), residuals)
        given = self._given(rows)
        steered = rows.is_shallow and rows.deep[0].deep.residuals
        if residuals is not None or rows.tiling != "none" or steered:
            return self._as_it_is(rows, given, residuals)
        call = _called_and_seen if rows.deep else _called
        if rows.is_shallow:
            call, given["features"] = _called_without, deep_cache.kept(rows.deep)[0]
        return self._execution(self._unet, call, given, lambda: self._as_it_is(rows, given))

    def _given(self, rows: Rows) -> dict[str, torch.Tensor]:
        sample = rows.sample
        if rows.extra_channels is not None:
            sample = torch.cat([sample, rows.extra_channels], dim=1)
        given = {
            "sample": sample.to(self._dtype),
            "timestep": rows.timestep,
            "encoder_hidden_states": rows.prompt_embeds.to(self._dtype),
        }
        if rows.pooled_embeds is not None:
            given["text_embeds"] = rows.pooled_embeds.to(self._dtype)
            given["time_ids"] = rows.time_ids.to(self._dtype)
        return given

    def _as_it_is(self, rows: Rows, given: Tensors, residuals: Residuals | None = None) -> Answer:
        with seamless.wrapped(self._unet, rows.tiling), self._text_keys.kept(rows):
            if residuals is not None:
                return self._steered(rows, given, residuals)
            return self._watched_over(rows, given)

    def _steered(self, rows: Rows, given: Tensors, residuals: Residuals) -> Answer:
        more: dict[str, Any] = {}
        if residuals.middle is not None:
            more["down_block_additional_residuals"] = residuals.down
            more["mid_block_additional_residual"] = residuals.middle
        if residuals.inner:
            more["down_intrablock_additional_residuals"] = list(residuals.inner)
        if not residuals.prompts:
            return self._watched_over(rows, {**given, **more})
        tokens = [prompt.tokens.to(self._dtype) for prompt in residuals.prompts]
        more["encoder_hidden_states"] = given["encoder_hidden_states"], tokens
        if self._image_attention is None:
            self._image_attention = ImageAttention(self._unet)
        with self._image_attention.lent(residuals.prompts):
            return self._watched_over(rows, {**given, **more})

    def _watched_over(self, rows: Rows, given: dict[str, Any]) -> Answer:
        with interruptible(self._unet, given["sample"]):
            if rows.is_shallow:
                return (deep_cache.shallow(self._unet, given, *deep_cache.kept(rows.deep)).float(),)
            return (_called_and_seen if rows.deep else _called)(self._unet, given)


def _called_and_seen(unet: torch.nn.Module, given: dict[str, Any]) -> Answer:
    """With what its deep blocks said."""
    return deep_cache.seen(unet, lambda: _called(unet, given))


def _called_without(unet: torch.nn.Module, given: dict[str, Any]) -> Answer:
    """Its deep blocks, for which what is given as "features" stands."""
    return (deep_cache.shallow(unet, given, given["features"]).float(),)


def _called(unet: torch.nn.Module, given: dict[str, Any]) -> Answer:
    named = dict(given)
    sample, timestep = named.pop("sample"), named.pop("timestep")
    if "text_embeds" in named:
        names = "text_embeds", "time_ids"
        named["added_cond_kwargs"] = {name: named.pop(name) for name in names}
    return (unet(sample, timestep, **named, return_dict=False)[0].float(),)

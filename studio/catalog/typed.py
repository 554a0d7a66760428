"""The prompts of a request that was read as its artist typed them: without the words of styles,
with wildcards that are not drawn yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio.catalog.prompts import with_networks_taken_out
from studio.catalog.styles import Style, taken_off
from studio.domain.errors import StudioError
from studio.domain.request import GenerationRequest

Settle = Callable[[GenerationRequest], GenerationRequest]
"""Puts styles on, and draws wildcards."""


def as_typed(request: GenerationRequest, styles: list[Style], settle: Settle) -> GenerationRequest:
    """What comes to the very words of `request` when it is submitted: what stands beside its
    prompts says how, else those of the `styles` whose words are in them are taken off. `request`
    itself where nothing does, as with a style that has changed since.
    """
    kept = {name: getattr(request, f"{name}_template") for name in ("prompt", "negative_prompt")}
    told = {name: text for name, text in kept.items() if text is not None}
    if told or request.applied_styles:
        return _untold(request, told, request.applied_styles, settle) or request
    prompt, negative, names = taken_off(request.prompt, request.negative_prompt, styles)
    if not names:
        return request
    words = {"prompt": prompt, "negative_prompt": negative}
    return _untold(request, words, names, settle) or request


def _untold(
    request: GenerationRequest, words: dict[str, str], styles: tuple[str, ...], settle: Settle
) -> GenerationRequest | None:
    """`request` with those words and styles, if it comes to the same."""
    nothing: dict[str, Any] = {"applied_styles": ()}
    nothing |= dict.fromkeys(("prompt_template", "negative_prompt_template"))
    typed = request.model_copy(update=nothing | words | {"styles": styles})
    try:
        again = with_networks_taken_out(settle(typed.model_copy(update={"loras": ()})))
        same = with_networks_taken_out(settle(request.model_copy(update={"loras": ()})))
    except StudioError:
        return None
    if _words(again) != _words(same):
        return None
    # Those that the words themselves name come once more when it is submitted.
    own = len(request.loras) - len(again.loras) + len(same.loras)
    weights = [_weights(lora) for lora in request.loras[own:]]
    if own < 0 or weights != [_weights(lora) for lora in again.loras[len(same.loras) :]]:
        return None
    return typed.model_copy(update={"loras": request.loras[:own]})


def _words(request: GenerationRequest) -> tuple[Any, ...]:
    second = request.hires and (request.hires.prompt, request.hires.negative_prompt)
    details = [(one.prompt, one.negative_prompt, one.loras) for one in request.detailers]
    return request.prompt, request.negative_prompt, second, details


def _weights(lora: Any) -> tuple[float, float | None]:
    return lora.weight, lora.text_encoder_weight

"""Detailers in an infotext, as ADetailer writes them: the first without a number, then 2nd, 3rd.
What it has no word for has one of ours."""

from __future__ import annotations

from studio.domain.detailers import Detailer

NUMBERS = {
    "confidence": "confidence",
    "count": "mask only top k",
    "min_size": "mask min ratio",
    "max_size": "mask max ratio",
    "mask_grow": "dilate erode",
    "mask_blur": "mask blur",
    "strength": "denoising strength",
    "padding": "inpaint padding",
    "steps": "steps",
    "guidance_scale": "CFG scale",
}
TEXTS = {"classes": "model classes", "prompt": "prompt", "negative_prompt": "negative prompt"}
MODEL, ORDER, METHOD, ONLY = "model", "order", "method to decide top k masks", "only"
EXACT_LORAS = "exact LoRAs"
METHODS = {"Area": "largest first", "Confidence": "best first"}
"""By what ADetailer chooses the first so many."""
DETAILS_ONLY = "Details only"
"""Of a picture of which nothing else was drawn."""

_ALWAYS = ("confidence", "mask_grow", "mask_blur", "strength", "padding")
_SWITCHES = {"steps": "use separate steps", "guidance_scale": "use separate CFG scale"}


def label(name: str, number: int) -> str:
    """Of a setting of the detailer `number`, from 0."""
    return f"ADetailer {name}{suffix(number)}"


def suffix(number: int) -> str:
    endings = ("", " 2nd", " 3rd")
    return endings[number] if number < len(endings) else f" {number + 1}th"


def settings(
    detailer: Detailer, number: int, prompt: str, exact_loras: str | None
) -> dict[str, object]:
    """Label -> value; without what readers take for granted. `prompt` is that of `detailer` with
    its LoRAs in it, or they are `exact_loras`."""
    own = detailer.model_copy(update={"prompt": prompt})
    told: dict[str, object] = {MODEL: own.detector}
    told |= {name: getattr(own, field) for field, name in TEXTS.items() if getattr(own, field)}
    for field, name in NUMBERS.items():
        value = getattr(own, field)
        if field not in _ALWAYS and value == Detailer.model_fields[field].default:
            continue
        if field == "padding":
            told["inpaint only masked"] = True
        if field in _SWITCHES:
            told[_SWITCHES[field]] = True
        told[name] = value
    if own.order != Detailer.model_fields["order"].default:
        told[ORDER] = own.order
    if exact_loras is not None:
        told[EXACT_LORAS] = exact_loras
    if own.only:
        told[ONLY] = " ".join(map(str, own.only))
    return {label(name, number): value for name, value in told.items()}

"""The second, larger drawing as AUTOMATIC1111 and Forge write it into their infotext."""

from __future__ import annotations

from collections.abc import Collection

from studio.domain.geometry import CELL, LEAST
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.domain.stages import LARGEST, UPSCALERS
from studio.reading.draft import SWITCHED, Draft, as_number
from studio.reading.upscalers import network

_CHOICES = (
    ("Hires emphasis", "emphasis", EMPHASES),
    ("Hires prompt dialect", "prompt_dialect", DIALECTS),
    ("Hires approximate", "approximate", SWITCHED),
)
_NUMBERS = {
    "Hires upscale": "factor",
    "Hires steps": "steps",
    "Hires CFG Scale": "guidance_scale",
    "Hires CFG scale": "guidance_scale",
    "Hires CFG Rescale": "guidance_rescale",
    "Hires clip skip": "clip_skip",
    "Hires eta": "eta",
    "Hires sigma churn": "s_churn",
    "Hires sigma tmin": "s_tmin",
    "Hires sigma tmax": "s_tmax",
    "Hires sigma noise": "s_noise",
}
_TEXTS = {"Hires prompt": "prompt", "Hires negative prompt": "negative_prompt"}
CLOSEST = {
    "Latent (antialiased)": "Latent",
    "Latent (bicubic antialiased)": "Latent (bicubic)",
    "Latent (nearest)": "Latent (nearest-exact)",
}
"""What others call those that are here, or that come closest to them."""
_INSTEAD = "Lanczos"
"""Enlarges the picture, as networks do; those of the latents would want more strength."""
_BEGINS = ("Hires upscale", "Hires resize", "Hires upscaler")


def read_hires(left: dict[str, str], draft: Draft) -> None:
    """Take what is about it out of `left`, if there was such a drawing."""
    if not any(label in left for label in _BEGINS):
        return
    if "Denoising strength" in left:
        draft.number("Denoising strength", left.pop("Denoising strength"), "hires.strength")
    for label in [label for label in _NUMBERS if label in left]:
        value = left.pop(label)
        if as_number(value) == 0 and label == "Hires steps":
            draft.understood.append(label)  # as many as before
        else:
            draft.number(label, value, f"hires.{_NUMBERS[label]}")
    if "Hires resize" in left:
        _resize(left.pop("Hires resize"), draft)
    if "Hires upscaler" in left:
        upscaler(left.pop("Hires upscaler"), draft, "Hires upscaler")
    for label, field, choices in _CHOICES:
        if label in left:
            draft.choice(label, left.pop(label), f"hires.{field}", choices)
    for label, field in _TEXTS.items():
        if label in left:
            draft.text(label, left.pop(label), f"hires.{field}")
    _models(left, draft)
    draft.request.setdefault("hires", {}).setdefault("factor", 2.0)


def _resize(text: str, draft: Draft) -> None:
    """ "640x0": 0 is what follows from the other side."""
    for field, value in zip(("width", "height"), text.split("x"), strict=False):
        side = as_number(value)
        if not side:
            continue
        taken = hires_side(side)
        draft.put(f"hires.{field}", taken, "Hires resize")
        if taken != side:
            why = f"Sides are multiples of {CELL} up to {LARGEST}; {taken} was taken."
            draft.ignore("Hires resize", value, why)


def hires_side(pixels: float) -> int:
    """What comes closest to it of the sides that there are."""
    return min(max(round(pixels / CELL) * CELL, LEAST), LARGEST)


def upscaler(
    name: str,
    draft: Draft,
    label: str,
    field: str = "hires.upscaler",
    known: Collection[str] = UPSCALERS,
) -> None:
    """One of the same name, else what comes closest to it: of those that are `known` without a
    network, or of the networks that are here."""
    own, is_same = CLOSEST.get(name, name), name not in CLOSEST
    if own not in known:
        found = network(name, draft)
        own, is_same = found.name if found else _INSTEAD, found is not None
    draft.put(field, own, label)
    if not is_same:
        draft.understood.pop()
        draft.ignore(label, name, f"It is not here; {own} was taken.")


def _models(left: dict[str, str], draft: Draft) -> None:
    sampler, schedule, checkpoint = (
        _own(left.pop(label, ""))
        for label in ("Hires sampler", "Hires schedule type", "Hires checkpoint")
    )
    if sampler or schedule:
        draft.sampler("Hires sampler", sampler, schedule, "hires.", "Hires schedule type")
    if checkpoint:
        name = draft.model("Hires checkpoint", "checkpoint", checkpoint)
        if name is not None:
            draft.put("hires.checkpoint", name, "Hires checkpoint")


def _own(value: str) -> str:
    return "" if value.startswith("Use same") else value

"""Infotext of SD.Next: AUTOMATIC1111's form, with names of its own for some things."""

from __future__ import annotations

from studio.domain.infotext_reader import Infotext
from studio.reading import automatic1111
from studio.reading.draft import Draft
from studio.reading.record import Texts

_CALLED = {
    "Hires scale": "Hires upscale",
    "Hires fixed": "Hires resize",
    "Hires strength": "Denoising strength",
    "Refiner start": "Refiner switch at",
    "Sampler sigma": "Schedule type",
    "Variation strength": "Variation seed strength",
}
"""What it writes -> what AUTOMATIC1111 calls that."""
_NO_SETTINGS = (
    *("App", "Parser", "Pipeline", "Operations", "Refine", "HiRes mode", "Hires size"),
    *("Hires force", "Init image size", "Index", "Batch", "Backend"),
)
"""What says how it came about, or once more what other settings say."""


def found(texts: Texts) -> Infotext | None:
    infotext = automatic1111.found(texts)
    return infotext if infotext and infotext.settings.get("App") == "SD.Next" else None


def read(infotext: Infotext, draft: Draft) -> str:
    said = infotext.settings
    left = {_CALLED.get(k, k): v for k, v in said.items() if k not in _NO_SETTINGS}
    enlarges = any(name in said for name in ("Hires scale", "Hires fixed"))
    if enlarges and "Hires strength" not in said:
        left["Denoising strength"] = "0"  # it was enlarged, and not drawn once more
    automatic1111.read_into(infotext, left, draft)
    return "sdnext"

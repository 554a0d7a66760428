"""What an infotext says of a picture that was changed: which task it was, and its settings."""

from __future__ import annotations

import re

from studio.domain.detail_labels import DETAILS_ONLY
from studio.domain.tasks import AREAS, MASKED_CONTENTS, RESIZE_MODES
from studio.reading import upscale_task
from studio.reading.draft import Draft

_SIDES = {f"Outpaint {side}": side for side in ("left", "top", "right", "bottom")}
_OF_OUTPAINT = (*_SIDES, "Outpaint aspect ratio", "Outpaint feather")
_NUMBERS = {
    "Mask blur": "mask_blur",
    "Mask grow": "mask_grow",
    "Masked area padding": "padding",
}
_OF_INPAINT = (
    *_NUMBERS,
    *("Masked content", "Mask mode", "Inpaint area", "Soft inpainting enabled"),
)
_INPUT_ID = re.compile(r"[0-9a-f]{32}")


def read_task(left: dict[str, str], draft: Draft, ours: bool = False) -> None:
    """Take what is about it out of `left`, unless the picture was drawn from words alone."""
    if DETAILS_ONLY in left:
        kind = "details"
        left.pop(DETAILS_ONLY)
        draft.understood.append(DETAILS_ONLY)
    elif upscale_task.is_told(left):
        kind = "upscale"
    elif any(label in left for label in _OF_OUTPAINT):
        kind = "outpaint"
    elif any(label in left for label in _OF_INPAINT):
        kind = "inpaint"
    elif "Denoising strength" in left or "Init image hash" in left:
        kind = "image_to_image"
    else:
        return
    draft.task["kind"] = kind
    if "Denoising strength" in left:
        draft.number("Denoising strength", left.pop("Denoising strength"), "task.strength", kind)
    resizes = kind in ("image_to_image", "inpaint")
    if (resizes or kind == "outpaint") and left.get("Color correction") in ("True", "False"):
        value = left.pop("Color correction") == "True"
        draft.put("task.color_correction", value, "Color correction")
    if kind == "outpaint":
        _outpaint(left, draft)
    elif kind == "upscale":
        upscale_task.read_upscale(left, draft, ours)
    elif resizes:
        _choice(left, draft, "Resize mode", "resize_mode", RESIZE_MODES)
    if kind == "inpaint":
        _inpaint(left, draft)
    digits = left.pop("Init image hash", "").lower()
    if _INPUT_ID.fullmatch(digits):
        draft.hashes["image"] = digits
        if draft.has_input(digits):
            draft.put("task.image", f"input:{digits}", "Init image hash")
    if resizes:
        _sketch(left.pop("Sketch hash", "").lower(), draft)


def _sketch(digits: str, draft: Draft) -> None:
    if not _INPUT_ID.fullmatch(digits):
        return
    if draft.has_input(digits):
        draft.put("task.sketch", f"input:{digits}", "Sketch hash")
    else:
        draft.names["sketch"], draft.hashes["sketch"] = f"input:{digits}", digits


def _inpaint(left: dict[str, str], draft: Draft) -> None:
    for label in [label for label in _NUMBERS if label in left]:
        draft.number(label, left.pop(label), f"task.{_NUMBERS[label]}", "inpaint")
    _choice(left, draft, "Masked content", "masked_content", MASKED_CONTENTS)
    _choice(left, draft, "Inpaint area", "area", AREAS)
    modes = {False: "Inpaint masked", True: "Inpaint not masked"}
    _choice(left, draft, "Mask mode", "invert", modes)
    _choice(left, draft, "Soft inpainting enabled", "soft", {True: "True", False: "False"})


def _outpaint(left: dict[str, str], draft: Draft) -> None:
    for label, side in _SIDES.items():
        if label in left:
            draft.number(label, left.pop(label), f"task.{side}", "outpaint")
    if "Outpaint feather" in left:
        draft.number("Outpaint feather", left.pop("Outpaint feather"), "task.feather", "outpaint")
    if "Outpaint aspect ratio" in left:
        ratio = left.pop("Outpaint aspect ratio")
        draft.put("task.aspect_ratio", ratio[:20], "Outpaint aspect ratio")


def _choice(left: dict[str, str], draft: Draft, label: str, field: str, choices: dict) -> None:
    if label in left:
        draft.choice(label, left.pop(label), f"task.{field}", choices)

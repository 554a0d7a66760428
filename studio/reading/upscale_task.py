"""What an infotext says of a picture that was enlarged: by AUTOMATIC1111's extras, by its script SD
upscale, by the extension Ultimate SD upscale, or here."""

from __future__ import annotations

from studio.domain.stages import PIXEL_UPSCALERS
from studio.reading.draft import Draft, as_number
from studio.reading.hires import upscaler

_ULTIMATE = "Ultimate SD upscale"
_REFINED = ("SD upscale overlap", "SD upscale upscaler", f"{_ULTIMATE} upscaler")
_ENLARGED = ("Postprocess upscale by", "Postprocess upscale to")
_UPSCALERS = {
    "SD upscale upscaler": "task.upscaler",
    f"{_ULTIMATE} upscaler": "task.upscaler",
    "Postprocess upscaler": "task.upscaler",
    "Postprocess upscaler 2": "task.upscaler_2",
}
_NUMBERS = {
    "Postprocess upscale by": "factor",
    "Postprocess upscaler 2 visibility": "upscaler_2_visibility",
    "SD upscale overlap": "tile_overlap",
    f"{_ULTIMATE} padding": "tile_overlap",
}


def is_told(left: dict[str, str]) -> bool:
    """Whether it was enlarged, and not just after it had been made from another picture."""
    if any(label in left for label in _REFINED):
        return True
    return any(label in left for label in _ENLARGED) and "Denoising strength" not in left


def read_upscale(left: dict[str, str], draft: Draft, ours: bool) -> None:
    """Take what is about it out of `left`, into the task. Others' tiles were told the prompt."""
    for label, field in _NUMBERS.items():
        if label in left:
            draft.number(label, left.pop(label), f"task.{field}", "upscale")
    if "Postprocess upscale to" in left:
        _size(left.pop("Postprocess upscale to"), draft)
    is_refined = any(label in left for label in _REFINED)
    for label, field in _UPSCALERS.items():
        if label in left:
            upscaler(left.pop(label), draft, label, field, PIXEL_UPSCALERS)
    if is_refined:
        draft.task["refine"] = True
        _tiles(left, draft, ours)


def _size(text: str, draft: Draft) -> None:
    """ "640x0": 0 is what follows from the other side."""
    for field, value in zip(("resize_width", "resize_height"), text.split("x"), strict=False):
        if as_number(value):
            draft.number("Postprocess upscale to", value, f"task.{field}", "upscale")


def _tiles(left: dict[str, str], draft: Draft, ours: bool) -> None:
    """Their size is the picture's, as it is told."""
    side = as_number(left.pop(f"{_ULTIMATE} tile_width", None))
    side = side or min(draft.request.get(name, 0) for name in ("width", "height"))
    if side:
        draft.task["tile_size"] = min(max(round(side / 8) * 8, 64), 2048)
    if "Tile prompt" in left:
        draft.text("Tile prompt", left.pop("Tile prompt"), "task.tile_prompt")
    elif not ours and draft.request.get("prompt"):
        draft.task["tile_prompt"] = draft.request["prompt"][:4000]

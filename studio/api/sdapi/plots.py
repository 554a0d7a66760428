"""The arguments of the script X/Y/Z plot -> a grid of ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from studio.api.sdapi import given
from studio.api.sdapi.payloads import built
from studio.domain.axes import AXES
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.grids import AxisInput, GridInput, lines
from studio.domain.request import GenerationRequest
from studio.gallery.sheets import sheet

_TEXT, _IMAGE = "text", "image"
_THERE = (
    *("Nothing", "Seed", "Var. seed", "Var. strength", "Steps", (_TEXT, "Hires steps")),
    *("CFG Scale", (_IMAGE, "Image CFG Scale"), "Prompt S/R", "Prompt order"),
    *((_TEXT, "Sampler"), (_TEXT, "Hires sampler"), (_IMAGE, "Sampler"), "Checkpoint name"),
    *("Negative Guidance minimum sigma", "Sigma Churn", "Sigma min", "Sigma max", "Sigma noise"),
    *("Schedule type", "Schedule min sigma", "Schedule max sigma", "Schedule rho"),
    *("Beta schedule alpha", "Beta schedule beta", "Eta", "Clip skip", "Denoising"),
    *("Initial noise multiplier", "Extra noise", (_TEXT, "Hires upscaler")),
    *((_IMAGE, "Cond. Image Mask Weight"), "VAE", "Styles", "UniPC Order", "Face restore"),
    *("Token merging ratio", "Token merging ratio high-res"),
    *("Always discard next-to-last sigma", "SGM noise multiplier", "Refiner checkpoint"),
    *("Refiner switch at", "RNG source", "FP8 mode", "Size"),
)
"""Its menu of axes, in its order: an axis may be named by its place in it."""

ARGS = (
    *("X type", "X values", "X values", "Y type", "Y values", "Y values"),
    *("Z type", "Z values", "Z values", "Draw legend", "Include Sub Images", "Include Sub Grids"),
    *("Keep -1 for seeds", "Vary seeds for X", "Vary seeds for Y", "Vary seeds for Z"),
    *("Grid margins (px)", "Use text inputs instead of dropdowns"),
)
_OWN_SEEDS, _MARGIN = slice(12, 16), 16


def menu(is_edit: bool) -> list[str]:
    """The titles of txt2img's menu, or of img2img's."""
    here = _IMAGE if is_edit else _TEXT
    both = [each if isinstance(each, tuple) else (here, each) for each in _THERE]
    return [title for where, title in both if where == here]


@dataclass(frozen=True)
class Plot:
    """`axes`: up to three, of which the first is x; `own_seeds`: cells have seeds of their own."""

    axes: tuple[AxisInput | None, ...]
    legend: bool
    margin: int
    lone_images: bool
    own_seeds: bool


def plot(args: Sequence[Any], is_edit: bool) -> Plot:
    """Raises `InvalidRequest` for an axis that is not here."""
    padded = [*args, *[None] * (len(ARGS) - len(args))]
    found = [_axis(padded[at], padded[at + 1], padded[at + 2], is_edit) for at in (0, 3, 6)]
    legend = padded[9] is None or bool(padded[9])
    given_axes = tuple(found) if any(found) else ()
    margin = padded[_MARGIN] if isinstance(padded[_MARGIN], int) else 0
    return Plot(given_axes, legend, margin, bool(padded[10]), any(padded[_OWN_SEEDS]))


def _axis(kind: Any, values: Any, chosen: Any, is_edit: bool) -> AxisInput | None:
    title = _title(kind, is_edit)
    if title is None:
        return None
    if title not in AXES:
        raise InvalidRequest(
            f"X/Y/Z plot: there is no axis {shorten(title)} here. There are: {', '.join(AXES)}.",
            "script_args",
        )
    text = str(values or "")
    if not text.strip() and isinstance(chosen, list | tuple):
        line = io.StringIO()
        csv.writer(line).writerow([str(each) for each in chosen])
        text = line.getvalue().strip()
    return built(AxisInput, axis=title, values=text)


def _title(kind: Any, is_edit: bool) -> str | None:
    titles = menu(is_edit)
    if isinstance(kind, str) and kind.strip().isdecimal():
        kind = int(kind)
    if isinstance(kind, int | float) and 0 <= kind < len(titles):
        kind = titles[int(kind)]
    if kind in (None, "", "Nothing"):
        return None
    own = {title.casefold(): title for title in (*AXES, *titles)}
    title = own.get(str(kind).strip().casefold(), str(kind))
    # Without a picture it is of the second drawing there.
    return "Hires denoising" if title == "Denoising" and not is_edit else title


def grid(plot: Plot, request: GenerationRequest) -> GridInput:
    """Raises `InvalidRequest`."""
    x, y, z = plot.axes
    if x is None:  # what is there moves up
        x, y, z = y or z, z if y else None, None
    axes = {"x": x, "y": y, "z": z}
    return built(GridInput, request=request, legend=plot.legend, margin=plot.margin, **axes)


def sheets(grid: GridInput, pictures: Sequence[Image.Image | None]) -> list[bytes]:
    """One for each value of z. `pictures`: x fastest, then y, then z."""
    across, down, deep = lines(grid)
    width, height = len(across.values), len(down.values)
    found = []
    for place in range(len(deep.values)):
        first = place * width * height
        rows = [pictures[first + y * width : first + (y + 1) * width] for y in range(height)]
        labels = (across.labels, down.labels, deep.labels[place]) if grid.legend else ()
        found.append(given.png(sheet(rows, *labels, margin=grid.margin)))
    return found

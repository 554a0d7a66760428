"""The arguments of the script X/Y/Z plot -> a grid of ours."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from studio.api.sdapi.call import is_true
from studio.api.sdapi.payloads import built
from studio.domain.axes import AXES
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.grids import AxisInput, GridInput, lines
from studio.domain.request import GenerationRequest
from studio.gallery.sheets import Picture, of_grid, sheet, shrunk

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
_MARGIN = 16
_OF_BEFORE, _MARGIN_BEFORE = 14, 13
"""Before 1.6 there was nothing to vary, and the margin was the last."""
_SEEDS, _OPEN = ("Seed", "Var. seed"), "-1"


def menu(is_edit: bool) -> list[str]:
    """The titles of txt2img's menu, or of img2img's."""
    here = _IMAGE if is_edit else _TEXT
    both = [each if isinstance(each, tuple) else (here, each) for each in _THERE]
    return [title for where, title in both if where == here]


@dataclass(frozen=True)
class Plot:
    """`axes`: up to three, by their places there, none where there is none; `vary_seeds`: whether
    seeds count on along each; `open_seeds`: one that is left open is drawn for each cell;
    `lone_images` and `sub_grids`: they are sent, too."""

    axes: tuple[AxisInput | None, ...]
    legend: bool
    margin: int
    lone_images: bool
    sub_grids: bool
    vary_seeds: tuple[bool, ...]
    open_seeds: bool


def plot(args: Sequence[Any], is_edit: bool) -> Plot:
    """Raises `InvalidRequest` for an axis that is not here."""
    padded = [*args, *[None] * (len(ARGS) - len(args))]
    margin = padded.pop(_MARGIN if len(args) != _OF_BEFORE else _MARGIN_BEFORE)
    legend, lone_images, sub_grids, open_seeds, *vary = map(is_true, padded[9:16])
    found = tuple(
        _axis(padded[at : at + 3], is_edit, fixes_seeds=not open_seeds) for at in (0, 3, 6)
    )
    return Plot(
        found if any(found) else (),
        legend or padded[9] is None,
        margin if isinstance(margin, int) else 0,
        lone_images,
        sub_grids,
        tuple(vary),
        open_seeds,
    )


def _axis(given: Sequence[Any], is_edit: bool, fixes_seeds: bool) -> AxisInput | None:
    kind, values, chosen = given
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
        text = _line(map(str, chosen))
    if fixes_seeds and title in _SEEDS:
        seeds = text.split(",")
        text = _line(
            str(secrets.randbelow(2**32)) if each.strip() == _OPEN else each for each in seeds
        )
    return built(AxisInput, axis=title, values=text)


def _line(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().strip()


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
    """What is there moves up, since the first is x here. Raises `InvalidRequest`."""
    there = [place for place, axis in enumerate(plot.axes) if axis or plot.axes[0]]
    opened = plot.open_seeds and request.seed < 0
    axes, vary = {}, []
    for name, place in zip("xyz", there, strict=False):
        axes[name] = plot.axes[place]
        if axes[name] and (opened or plot.vary_seeds[place]):
            vary.append(name)
    fields = {"legend": plot.legend, "margin": plot.margin, "vary_seeds": tuple(vary)}
    return built(GridInput, request=request, **fields, **axes)


def sheets(
    grid: GridInput, picture: Picture, file: Callable[[Image.Image], bytes], *, with_each: bool
) -> list[bytes]:
    """As there: one with all pictures; where z has several values it has the sheet of each of them,
    which follow `with_each`. `file`: a sheet -> a PNG."""
    count = len(lines(grid)[2].values)
    each = [of_grid(grid, picture, z) for z in range(count)]
    if count > 1:
        whole = sheet([[shrunk(one, count) for one in each]], margin=grid.margin)
        each = [whole, *(each if with_each else ())]
    return [file(one) for one in each]

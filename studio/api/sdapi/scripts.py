"""`script_name`: what may be chosen there to draw many pictures, or one in another way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.api.sdapi import always_on, lists, names, plots
from studio.api.sdapi.acts import Act, Drawn, Plan, at_once
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.payloads import built
from studio.domain import prompt_lines
from studio.domain.axes import changed
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.events import Picture
from studio.domain.geometry import CELL
from studio.domain.grids import GridInput
from studio.domain.prompt_lines import LinesInput
from studio.domain.request import GenerationRequest
from studio.domain.stages import PIXEL_UPSCALERS
from studio.domain.tasks import ImageToImage, Inpaint
from studio.imaging import reading

_MOST_FEATHER = 64
_MOST_LOOPS = 200
_SIDES = {"left": "left", "right": "right", "up": "top", "down": "bottom"}


@dataclass(frozen=True)
class Call:
    """What a script is given: its arguments by their places, and what the call would draw without
    it."""

    args: Sequence[Any]
    requests: tuple[GenerationRequest, ...]
    act: Act
    desk: Desk

    def arg(self, place: int, default: Any) -> Any:
        """The one at `place`; `default` where there is none, or one of another kind."""
        value = self.args[place] if place < len(self.args) else None
        if value is None:
            return default
        try:
            return type(default)(value)
        except (TypeError, ValueError):
            return default

    @property
    def request(self) -> GenerationRequest:
        return self.requests[0]

    def single(self) -> GenerationRequest:
        """One picture, as a cell of a grid has it."""
        return self.request.model_copy(update={"batch_size": 1})

    def image(self) -> str:
        """The picture that the call begins with."""
        return self.request.task.image

    def strength(self) -> float:
        return self.request.task.strength


def prompt_matrix(call: Call) -> Plan:
    """Every combination of the parts of the prompt behind each |, as our grids have it."""
    matrix = {
        "of": "negative_prompt" if call.arg(2, "positive") == "negative" else "prompt",
        "parts_first": call.arg(0, False),
        "joined_by": "space" if call.arg(3, "comma") == "space" else "comma",
        "different_seeds": call.arg(1, False),
    }
    grid = built(GridInput, request=call.single(), matrix=matrix, margin=call.arg(4, 0))
    drawn = yield from _grid(grid, call.desk)
    return drawn


def _grid(grid: GridInput, desk: Desk) -> Plan:
    """Its sheets, then the first picture of each cell."""
    jobs = yield grid
    pictures = [each[0] if each else None for each in jobs]
    images = [_opened(each, desk) for each in pictures]
    return Drawn([each for each in pictures if each], plots.sheets(grid, images))


def _opened(picture: Picture | None, desk: Desk) -> Any:
    return reading.picture(desk.gallery.bytes(picture.id)) if picture else None


def prompts_from_file(call: Call) -> Plan:
    """A picture for each line, which may have its own settings as `--steps 20`."""
    counting, same = call.arg(0, False), call.arg(1, False)
    lines = built(
        LinesInput,
        request=call.request,
        text=call.arg(3, ""),
        insert="before" if call.arg(2, "start") == "start" else "after",
        seeds="counting" if counting else "same" if same else "own",
    )
    found, count = prompt_lines.requests(lines), len(call.requests)
    if count == 1 or not (counting or same):
        return (yield from at_once([each for each in found for _ in range(count)]))
    requests = []
    for place, each in enumerate(found):
        before = place * (count - 1) if counting else 0  # those of the lines above
        places = range(before, before + count)
        requests += [each.counted_on(number * each.batch_size) for number in places]
    return (yield from at_once(requests))


def x_y_z_plot(call: Call) -> Plan:
    """A grid over up to three axes."""
    plot = plots.plot(call.args, isinstance(call.request.task, ImageToImage | Inpaint))
    if plot.own_seeds:
        raise InvalidRequest(
            "X/Y/Z plot: all cells have one seed here. Leave 'Keep -1 for seeds' and 'Vary "
            "seeds' off, or take Seed for an axis."
        )
    if not plot.axes:
        return (yield from at_once(call.requests))
    drawn = yield from _grid(plots.grid(plot, call.single()), call.desk)
    return drawn if plot.lone_images else Drawn([], drawn.sheets)


def sd_upscale(call: Call) -> Plan:
    """Our upscale, refined tile by tile with the call's words."""
    overlap = call.arg(1, 64)
    size = call.request.width, call.request.height
    tile = min(size)
    most = tile // 2 // CELL * CELL
    task = {
        "kind": "upscale",
        "image": call.image(),
        "upscaler": _upscaler(call, 2),
        "factor": call.arg(3, 2.0),
        "refine": True,
        "strength": call.strength(),
        "tile_prompt": call.request.prompt[:4000],
        "tile_size": tile,
        "tile_overlap": min(max(overlap // CELL * CELL, CELL), most),
    }
    return (yield from at_once([changed(each, {"task": task}) for each in call.requests]))


def _upscaler(call: Call, place: int) -> str:
    """By its name, or by its place in the list of upscalers."""
    said = call.args[place] if place < len(call.args) else None
    if isinstance(said, int) and not isinstance(said, bool):
        there = lists.upscaler_names(call.desk.catalog)
        said = there[said] if 0 <= said < len(there) else None
    return names.upscaler(str(said or ""), call.desk.catalog) or PIXEL_UPSCALERS[0]


def loopback(call: Call) -> Plan:
    """Image to image again and again, each beginning with what came before."""
    loops = min(max(call.arg(0, 4), 1), _MOST_LOOPS)
    first, last = call.strength(), min(max(call.arg(1, 0.5), 0.0), 1.0)
    curve = call.arg(2, "Linear")
    call.act.job_count = loops * len(call.requests)
    drawn: list[Picture] = []
    for request in call.requests:
        seeded = request.with_seed()
        image = seeded.task.image
        for place in range(loops):
            share = place / (loops - 1) if loops > 1 else 0.0
            strength = first + (last - first) * _bent(share, curve)
            changes = {"image@": image, "strength@": strength}
            one = changed(seeded.counted_on(place), changes)
            [pictures] = yield [one]
            drawn += pictures
            if not pictures or pictures[-1].partial:
                return Drawn(drawn)
            image = f"picture:{pictures[0].id}"
    return Drawn(drawn)


def _bent(share: float, curve: str) -> float:
    """As its curves are there."""
    if curve == "Aggressive":
        return math.sin(share * math.pi / 2)
    return 1 - math.cos(share * math.pi / 2) if curve == "Lazy" else share


def outpainting_mk2(call: Call) -> Plan:
    """Our outpaint."""
    return _outpainted(call, 1, 2, 3)


def poor_mans_outpainting(call: Call) -> Plan:
    """The same; what lies there to begin with is ours to choose."""
    return _outpainted(call, 0, 1, 3)


def _outpainted(call: Call, pixels: int, blur: int, sides: int) -> Plan:
    amount = max(CELL, call.arg(pixels, 128) // CELL * CELL)
    wanted = call.args[sides] if sides < len(call.args) else list(_SIDES)
    wanted = [wanted] if isinstance(wanted, str) else wanted
    chosen = [_SIDES[side] for side in wanted or () if side in _SIDES]
    if not chosen:
        raise InvalidRequest(f"{shorten(wanted)}: choose sides among {', '.join(_SIDES)}.")
    task = {
        "kind": "outpaint",
        "image": call.image(),
        "strength": call.strength(),
        "feather": min(max(call.arg(blur, 8), 0), _MOST_FEATHER),
        **dict.fromkeys(chosen, amount),
    }
    changes = {"task": task, "width": None, "height": None}
    return (yield from at_once([changed(each, changes) for each in call.requests]))


@dataclass(frozen=True)
class Script:
    """`args`: what each place holds; `says` stands in docs/api.md."""

    title: str
    run: Callable[[Call], Plan]
    args: tuple[str, ...]
    says: str
    text_to_image: bool = True


SCRIPTS = {
    each.title.casefold(): each
    for each in (
        Script(
            "Prompt matrix",
            prompt_matrix,
            (
                "Put variable parts at start of prompt",
                "Use different seed for each picture",
                "Select prompt",
                "Select joining char",
                "Grid margins (px)",
            ),
            "A grid of ours: its sheet, then its pictures.",
        ),
        Script(
            "Prompts from file or textbox",
            prompts_from_file,
            (
                "Iterate seed every line",
                "Use same random seed for all lines",
                "Insert prompts at the",
                "List of prompt inputs",
            ),
            "Also the older title `Prompts from file`.",
        ),
        Script("X/Y/Z plot", x_y_z_plot, plots.ARGS, "Sheets first, as our grids draw them."),
        Script(
            "SD upscale",
            sd_upscale,
            ("", "Tile overlap", "Upscaler", "Scale Factor"),
            "Tiles are squares, of the shorter of width and height.",
            False,
        ),
        Script(
            "Loopback",
            loopback,
            (
                "Loops",
                "Final denoising strength",
                "Denoising strength curve",
                "Append interrogated",
            ),
            "Nothing is interrogated.",
            False,
        ),
        Script(
            "Outpainting mk2",
            outpainting_mk2,
            (
                *("", "Pixels to expand", "Mask blur", "Outpainting direction"),
                *("Fall-off exponent", "Color variation"),
            ),
            "The last two are left out.",
            False,
        ),
        Script(
            "Poor man's outpainting",
            poor_mans_outpainting,
            ("Pixels to expand", "Mask blur", "Masked content", "Outpainting direction"),
            "Masked content is left out.",
            False,
        ),
    )
}
"""By their titles in small letters."""
_SIGN_OF_UNITS = "controlnet m2m"
"""A script for films, which is not here; by its name clients tell that there are units."""
_OLD_TITLES = {"prompts from file": "prompts from file or textbox", "x/y plot": "x/y/z plot"}
SELECTABLE = frozenset(SCRIPTS)


def titles() -> dict[str, list[str]]:
    """In small letters."""
    always = [*always_on.SCRIPTS, _SIGN_OF_UNITS]
    chosen = {name: [*SCRIPTS] for name in ("txt2img", "img2img")}
    chosen["txt2img"] = [name for name, each in SCRIPTS.items() if each.text_to_image]
    return {name: always + found for name, found in chosen.items()}


def info() -> list[dict[str, Any]]:
    """Of each script, and each place that it has, as there."""
    told = []
    for is_edit in (False, True):
        for each in always_on.SCRIPTS.values():
            told.append(_told(each.title, True, is_edit, each.takes))
        for script in SCRIPTS.values():
            if is_edit or script.text_to_image:
                told.append(_told(script.title, False, is_edit, script.args))
    return told


def _told(title: str, always: bool, is_edit: bool, args: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": title.casefold(),
        "is_alwayson": always,
        "is_img2img": is_edit,
        "args": lists.script_arguments(args, is_edit),
    }


ANSWERS: dict[str, lists.Answer] = {
    "scripts": (titles, "Those of the tables below."),
    "script-info": (info, "The same, with what each place is called."),
}


def planned(name: str, call: Call) -> Plan:
    """What the script of that name draws, "" and None being none. Raises `InvalidRequest` for one
    that is not here."""
    key = name.strip().casefold()
    if key in ("", "none"):
        return at_once(call.requests)
    script = SCRIPTS.get(_OLD_TITLES.get(key, key))
    is_edit = isinstance(call.request.task, ImageToImage | Inpaint)
    if script is None or not (script.text_to_image or is_edit):
        there = [each.title for each in SCRIPTS.values() if each.text_to_image or is_edit]
        raise InvalidRequest(
            f"Script {shorten(name)} not found. There are: {', '.join(there)}.", "script_name"
        )
    return script.run(call)

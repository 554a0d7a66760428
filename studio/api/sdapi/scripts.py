"""`script_name`: what may be chosen there to draw many pictures, or one in another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.api.sdapi import always_on, lists, names, plots
from studio.api.sdapi.acts import Drawn, Plan, at_once
from studio.api.sdapi.call import Call
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.payloads import built
from studio.domain import prompt_lines
from studio.domain.axes import changed
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.events import Picture
from studio.domain.geometry import CELL
from studio.domain.grids import GridInput, lines
from studio.domain.prompt_lines import LinesInput
from studio.domain.stages import PIXEL_UPSCALERS
from studio.domain.tasks import MAX_EXTENSION, ImageToImage, Inpaint
from studio.gallery.sheets import png_of
from studio.imaging import reading
from studio.provenance import xmp

_MOST_FEATHER, _MOST_MARGIN = 64, 500
_MOST_LOOPS = 200
_HALVES = {"positive": "prompt", "negative": "negative_prompt"}
_ENDS = {"start": "before", "end": "after"}
_CURVES: dict[str, Callable[[float], float]] = {
    "Linear": lambda share: share,
    "Aggressive": lambda share: math.sin(share * math.pi / 2),
    "Lazy": lambda share: 1 - math.cos(share * math.pi / 2),
}
"""How the strength goes from the first to the last loop, as there."""
_OWN_GROUND = "what lies there to begin with goes on from the picture's rim."
_SIDES = {"left": "left", "right": "right", "up": "top", "down": "bottom"}


def prompt_matrix(call: Call) -> Plan:
    """Every combination of the parts of the prompt behind each |, as our grids have it."""
    matrix = {
        "of": _HALVES[call.arg(2, "positive", _HALVES)],
        "parts_first": call.arg(0, False),
        "joined_by": call.arg(3, "comma", ("comma", "space")),
        "different_seeds": call.arg(1, False),
    }
    margin = int(call.within(4, 0, 0, _MOST_MARGIN))
    grid = built(GridInput, request=call.single(), matrix=matrix, margin=margin)
    return (yield from _grid(grid, call.desk))


def _grid(grid: GridInput, desk: Desk, *, with_each: bool = False) -> Plan:
    """Its sheets, then the first picture of each cell."""
    jobs = yield grid
    pictures = [each[0] if each else None for each in jobs]
    across, down, _ = lines(grid)

    def opened(place: tuple[int, int, int]) -> Any:
        x, y, z = place
        picture = pictures[(z * len(down.values) + y) * len(across.values) + x]
        return reading.picture(desk.gallery.bytes(picture.id)) if picture else None

    there = [each for each in pictures if each]
    infotext = there[0].infotext if there else ""
    term = xmp.term(grid.request)
    file = lambda sheet: png_of(desk.gallery, sheet, term, infotext)  # noqa: E731
    return Drawn(there, plots.sheets(grid, opened, file, with_each=with_each))


def prompts_from_file(call: Call) -> Plan:
    """A picture for each line, which may have its own settings as `--steps 20`."""
    counting, same = call.arg(0, False), call.arg(1, False)
    given = built(
        LinesInput,
        request=call.request,
        text=call.arg(3, ""),
        insert=_ENDS[call.arg(2, "start", _ENDS)],
        seeds="counting" if counting else "same" if same else "own",
    )
    found, count = prompt_lines.requests(given), len(call.requests)
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
    if not plot.axes:
        return (yield from at_once(call.requests))
    grid = plots.grid(plot, call.single())
    drawn = yield from _grid(grid, call.desk, with_each=plot.sub_grids)
    drawn.shown = plot.lone_images
    return drawn


def sd_upscale(call: Call) -> Plan:
    """Our upscale, refined tile by tile with the call's words."""
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
        "tile_overlap": call.within(1, 64, CELL, most) // CELL * CELL,
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
    loops = int(call.within(0, 4, 1, _MOST_LOOPS))
    first, last = call.strength(), call.within(1, 0.5, 0.0, 1.0)
    bent = _CURVES[call.arg(2, "Linear", _CURVES)]
    call.pass_over(3, "Append interrogated", "None", "no model here describes pictures.")
    call.act.job_count = loops * len(call.requests)
    drawn: list[Picture] = []
    for request in call.requests:
        seeded = request.with_seed()
        image = seeded.task.image
        for place in range(loops):
            share = place / (loops - 1) if loops > 1 else 0.0
            strength = first + (last - first) * bent(share)
            changes = {"image@": image, "strength@": strength}
            one = changed(seeded.counted_on(place), changes)
            [pictures] = yield [one]
            drawn += pictures
            if not pictures or pictures[-1].partial:
                return Drawn(drawn)
            image = f"picture:{pictures[0].id}"
    return Drawn(drawn)


def outpainting_mk2(call: Call) -> Plan:
    """Our outpaint."""
    for place, name, default in ((4, "Fall-off exponent", 1.0), (5, "Color variation", 0.05)):
        call.pass_over(place, name, default, _OWN_GROUND)
    return _outpainted(call, 1, 2, 3)


def poor_mans_outpainting(call: Call) -> Plan:
    """The same; what lies there to begin with is ours to choose."""
    content = call.args[2] if len(call.args) > 2 else None
    if content not in (None, 0, "fill"):
        call.notes.say(f"script_args.2: Masked content was passed over: {_OWN_GROUND}")
    return _outpainted(call, 0, 1, 3)


def _outpainted(call: Call, pixels: int, blur: int, sides: int) -> Plan:
    amount = int(call.within(pixels, 128, CELL, MAX_EXTENSION)) // CELL * CELL
    wanted = call.args[sides] if sides < len(call.args) else list(_SIDES)
    wanted = [wanted] if isinstance(wanted, str) else wanted
    chosen = [_SIDES[side] for side in wanted or () if side in _SIDES]
    if not chosen:
        raise InvalidRequest(f"{shorten(wanted)}: choose sides among {', '.join(_SIDES)}.")
    task = {
        "kind": "outpaint",
        "image": call.image(),
        "strength": call.strength(),
        "feather": call.within(blur, 8, 0, _MOST_FEATHER),
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
        Script(
            "X/Y/Z plot",
            x_y_z_plot,
            plots.ARGS,
            "Sheets first, as our grids draw them; axes by title or by their places in 1.10's "
            "menu, as far as they are here.",
        ),
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
            "Append interrogated is passed over, and said so.",
            False,
        ),
        Script(
            "Outpainting mk2",
            outpainting_mk2,
            (
                *("", "Pixels to expand", "Mask blur", "Outpainting direction"),
                *("Fall-off exponent", "Color variation"),
            ),
            "The last two are passed over where they are not 1 and 0.05, and said so.",
            False,
        ),
        Script(
            "Poor man's outpainting",
            poor_mans_outpainting,
            ("Pixels to expand", "Mask blur", "Masked content", "Outpainting direction"),
            "Masked content is passed over where it is not fill, and said so.",
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

"""The flags of `studio generate` that begin with a picture, and the tasks they come to."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.cli.flags import add_flags, flag_of, given, help_of
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.tasks import TASKS

PICTURES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *(".pbm", ".pgm", ".ppm"),
)
"""What is taken of a folder; anything else in it is left alone."""

_SIDES = ("left", "top", "right", "bottom")
_EXTENT = (*_SIDES, "aspect_ratio")
_NEEDS = {"image_to_image": "--init-image", "inpaint": "--mask", "outpaint": "--outpaint"}
_DECLARED = {
    "image_to_image": ("color_correction", "resize_mode"),
    "inpaint": (
        *("masked_content", "area", "padding", "mask_blur", "mask_grow"),
        *("invert", "soft", "resize_mask"),
    ),
    "outpaint": ("feather",),
}
"""Flags made from the fields of these tasks; those of the first the others may have as well."""
_NAMES = ("strength", "sketch", *(name for names in _DECLARED.values() for name in names))


def add_task_flags(parser: argparse.ArgumentParser) -> None:
    """Add them to `parser`, in groups."""
    strength, otherwise = (TASKS[kind].model_fields["strength"] for kind in ("inpaint", "outpaint"))
    group = parser.add_argument_group("to begin with a picture")
    group.add_argument(
        "--init-image",
        metavar="FILE",
        help="the picture; of a folder every picture, one after the other",
    )
    group.add_argument(
        "--strength",
        metavar="STRENGTH",
        help=f"{help_of(strength)} With --outpaint: {otherwise.default}.",
    )
    group.add_argument(
        "--sketch",
        metavar="FILE",
        help="colours to lay over the picture, of its size and with an alpha channel; of a folder "
        "the one of the same name",
    )
    add_flags(group, TASKS["image_to_image"], _DECLARED["image_to_image"])
    group = parser.add_argument_group("to repaint a part of it")
    group.add_argument(
        "--mask",
        metavar="FILE",
        help="what is white in this picture is repainted; of a folder the one of the same name",
    )
    add_flags(group, TASKS["inpaint"], _DECLARED["inpaint"])
    group = parser.add_argument_group("to widen it")
    group.add_argument(
        "--outpaint",
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="by so many pixels, as in 0,0,128,0; or to a shape, as in 16:9",
    )
    add_flags(group, TASKS["outpaint"], _DECLARED["outpaint"])


def task(options: argparse.Namespace, in_file: dict[str, Any]) -> dict[str, Any]:
    """The task of a request: that of the request file (`in_file`), changed by the flags.

    Its kind is told from what is given. Raises `InvalidRequest` for flags that do not go together.
    """
    kind = _kind(options, in_file.get("kind", "text_to_image"))
    fields = TASKS[kind].model_fields
    flags = given(options, _NAMES)
    for name in flags:
        if name not in fields:
            need = next(flag for other, flag in _NEEDS.items() if name in TASKS[other].model_fields)
            raise InvalidRequest(f"{flag_of(name)} goes with {need} only. Give both, or neither.")
    kept = {name: value for name, value in in_file.items() if name in fields}
    if options.outpaint is not None:
        kept = {name: value for name, value in kept.items() if name not in _EXTENT}
        flags |= _extent(options.outpaint)
    flags |= {"image": options.init_image} if options.init_image is not None else {}
    flags |= {"mask": options.mask} if options.mask is not None else {}
    if "image" in fields and "image" not in kept | flags:
        raise InvalidRequest(f"{_NEEDS[kind]} needs a picture. Give it with --init-image FILE.")
    return kept | flags | {"kind": kind}


def _kind(options: argparse.Namespace, in_file: str) -> str:
    if options.outpaint is not None and options.mask is not None:
        raise InvalidRequest("--mask and --outpaint do not go together. Give one after the other.")
    if options.outpaint is not None:
        return "outpaint"
    if options.mask is not None:
        return "inpaint"
    if options.init_image is not None and in_file == "text_to_image":
        return "image_to_image"
    return in_file


def _extent(text: str) -> dict[str, str]:
    """How far to widen: the fields that `--outpaint` stands for."""
    if re.search("[:/x]", text):
        return {"aspect_ratio": text}
    numbers = text.split(",")
    if len(numbers) != len(_SIDES):
        raise InvalidRequest(
            f"--outpaint: {shorten(text)} is neither four numbers of pixels, as in 0,0,128,0 for "
            "left, top, right and bottom, nor a shape, as in 16:9."
        )
    return {side: number for side, number in zip(_SIDES, numbers, strict=True) if number.strip()}


def each(options: argparse.Namespace) -> list[argparse.Namespace]:
    """`options` once for each picture of a folder `--init-image`, with the mask and the sketch of
    its name where `--mask` and `--sketch` are folders; else `options` alone. One that is missing is
    named all the same.

    Raises `InvalidRequest` for a folder without pictures.
    """
    image = options.init_image
    images = pictures_in(image, "--init-image") if image and Path(image).is_dir() else [image]
    masks = _of_names(images, options.mask, "--mask")
    sketches = _of_names(images, options.sketch, "--sketch")
    return [
        argparse.Namespace(
            **vars(options) | {"init_image": image, "mask": masks[image], "sketch": sketches[image]}
        )
        for image in images
    ]


def _of_names(images: Sequence[str | None], given: str | None, flag: str) -> dict[Any, str | None]:
    """Picture -> what lies over it: `given`, in a folder what has the picture's name."""
    if not given or not Path(given).is_dir():
        return dict.fromkeys(images, given)
    if images == [None]:
        raise InvalidRequest(f"{flag} is a folder. Give --init-image as well.")
    found = {path.stem: str(path) for path in map(Path, pictures_in(given, flag))}
    return {name: found.get(Path(name).stem, str(Path(given) / Path(name).name)) for name in images}


def files(names: Sequence[str]) -> list[str]:
    """Those that are named, of a folder all in it. Raises `InvalidRequest` for one without."""
    listed = (pictures_in(name, "PICTURE") if Path(name).is_dir() else [name] for name in names)
    return [file for files in listed for file in files]


def pictures_in(folder: str, flag: str) -> list[str]:
    """The pictures' files right in `folder`, by name."""
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError as error:
        raise InvalidRequest(f"{flag}: {folder} cannot be read: {error.strerror}.") from None
    pictures = [str(path) for path in paths if path.suffix.lower() in PICTURES and path.is_file()]
    if not pictures:
        raise InvalidRequest(f"{flag}: there is no picture in {folder}. Choose another folder.")
    return pictures

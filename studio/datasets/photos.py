"""Pictures of the user's that things are painted into, or that are drawn over: found, read, and
what their label files say is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio.datasets.folder import write
from studio.datasets.labels import Label
from studio.domain import geometry
from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.domain.files import as_text, read_file, read_text
from studio.domain.geometry import Box, Size
from studio.imaging import alike, reading

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif")
_KINDS = {"JPEG": "jpg", "MPO": "jpg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}
_MAX_PHOTO_BYTES = 512 * 2**20
_MAX_LABEL_BYTES = 1_000_000


@dataclass(frozen=True)
class GivenPhoto:
    """One that came over HTTP. `ref`: an upload or a picture of the library, as requests name it;
    `called`: what its file was called; `labels`: the lines of its label file."""

    ref: str
    called: str = ""
    labels: str = ""


@dataclass(frozen=True)
class Thing:
    """What a label file says is in a photo: its class, and its box (left, top, right, bottom) and
    outline (x, y, x, y, …; may be empty) as shares of the picture's sides."""

    name: str
    box: tuple[float, float, float, float]
    outline: tuple[float, ...] = ()

    def label(self, size: Size) -> Label:
        """The same in a picture of `size`; at least a pixel."""
        left, top = (min(int(self.box[k] * size[k]), size[k] - 1) for k in (0, 1))
        right, bottom = (min(round(self.box[k + 2] * size[k]), size[k]) for k in (0, 1))
        whole = Box(left, top, max(left + 1, right), max(top + 1, bottom))
        corners = (round(share * size[k % 2]) for k, share in enumerate(self.outline))
        return Label(self.name, whole, tuple(corners))


def listed(folder: Path) -> list[Path]:
    """The pictures in `folder` and below it, by name. Raises `InvalidRequest`."""
    try:
        found = sorted(
            path for path in folder.expanduser().rglob("*") if path.suffix.lower() in _SUFFIXES
        )
    except OSError as error:
        raise InvalidRequest(f"{as_text(folder)}: {error.strerror or error}.", "photos") from None
    if not found:
        raise InvalidRequest(
            f"{as_text(folder)} holds no pictures ({', '.join(_SUFFIXES)}). Name another folder.",
            "photos",
        )
    return found


def at_working_size(photos: Sequence[Path], native: Size, place: int) -> Image.Image:
    """RGB, upright, at the size at which it is drawn into."""
    image = _read(photos[place])
    size = geometry.working_size((None, None), native, image.size)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _read(path: Path) -> Image.Image:
    try:
        return reading.picture(read_file(path, _MAX_PHOTO_BYTES))
    except OSError as error:
        cause = error.strerror or error
        raise InvalidRequest(f"{as_text(path)} cannot be read: {cause}.", "photos") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{as_text(path)}: {error.message}", "photos") from None


def groups(photos: Sequence[Path]) -> list[int]:
    """Photo -> the number of the first one that it looks like, or looks like one that does."""
    found = list(range(len(photos)))
    for one, other in alike.pairs([alike.thumb(_read(path)) for path in photos]):
        old, new = max(found[one], found[other]), min(found[one], found[other])
        found = [new if group == old else group for group in found]
    return found


def things(photo: Path, names: Sequence[str]) -> list[Thing]:
    """What YOLO's label file of a photo says: a `.txt` beside it, or in `labels` where the photo is
    in `images`; a photo without one shows nothing. `names` are the classes by their numbers. Raises
    `InvalidRequest`, which says file and line."""
    path = next((each for each in _label_files(photo) if each.is_file()), None)
    if path is None:
        return []
    try:
        lines = read_text(path, _MAX_LABEL_BYTES).splitlines()
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{as_text(path)} cannot be read: {cause}.", "photos") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_thing(line, names))
            except ValueError as error:
                raise InvalidRequest(
                    f"{as_text(path)}, line {number}: {error} Correct it, or take the line out.",
                    "photos",
                ) from None
    return found


def _label_files(photo: Path) -> list[Path]:
    files = [photo.with_suffix(".txt")]
    parts = list(photo.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
        files.append(Path(*parts).with_suffix(".txt"))
    return files


def _thing(line: str, names: Sequence[str]) -> Thing:
    """Raises ValueError with what is wrong."""
    kind, *told = line.split()
    try:
        shares = [float(each) for each in told]
        is_right = all(-1e-3 <= each <= 1.001 for each in shares)
    except ValueError:
        is_right, shares = False, []
    if not is_right or len(shares) < 4 or len(shares) % 2 or len(shares) == 4 and 0 in shares[2:]:
        raise ValueError("it should be 'class cx cy w h', or 'class x1 y1 x2 y2 …', from 0 to 1.")
    if not kind.isascii() or not kind.isdigit() or int(kind) >= len(names):
        raise ValueError(
            f"the classes have the numbers 0 to {len(names) - 1}, this is {kind[:20]}."
        )
    if len(shares) == 4:
        x, y, width, height = shares
        box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        outline: list[float] = []
    else:
        box = min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2])
        outline = [_within(each) for each in shares]
    left, top, right, bottom = map(_within, box)
    return Thing(names[int(kind)], (left, top, right, bottom), tuple(outline))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def keep(given: Sequence[GivenPhoto], folder: Path, read: Callable[[str], bytes]) -> None:
    """Put them into `folder` as files, with their labels beside them. Raises `InvalidRequest` for
    what is gone or no picture, and `SaveError`."""
    for number, photo in enumerate(given):
        try:
            data = read(photo.ref)
            _, kind = reading.size_of(data)
        except (InvalidRequest, NotFound) as error:
            raise InvalidRequest(error.message, f"photos.{number}") from None
        stem = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "-", Path(photo.called).stem).strip(". ")[:60]
        path = folder / f"{number + 1:04d} {stem or 'photo'}.{_KINDS.get(kind, 'png')}"
        try:
            write(path, data)
            if photo.labels.strip():
                write(path.with_suffix(".txt"), photo.labels.encode())
        except OSError as error:
            raise SaveError(
                f"{as_text(path)} cannot be written: {error.strerror or error}. Free some space."
            ) from None

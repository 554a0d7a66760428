"""Sets of pictures that can be trained on: folders in a few places, looked at and changed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import InvalidRequest, NotFound, SaveError, StudioError
from studio.domain.files import as_text, is_full, read_file
from studio.domain.geometry import Size
from studio.domain.training import Layout
from studio.gallery.files import Gallery
from studio.imaging import reading
from studio.training import buckets, dataset, layouts

_NAME = re.compile(r'[^/\\:*?"<>|\x00-\x1f.][^/\\:*?"<>|\x00-\x1f]{0,99}')
_NETWORK = re.compile(r"<\w+:[^<>]*>")
_SUFFIXES = {"JPEG": "jpg", "PPM": "ppm", "TIFF": "tif"}
_MOST_BYTES = 512 * 2**20


@dataclass(frozen=True)
class SetPicture:
    """A picture of a set. `file`: its path below the set's folder; `size` and that of its `bucket`:
    (width, height) in pixels; it counts `repeats` times in an epoch; `masked`: it has a mask, or
    holes of its own; `mask`: it has a mask."""

    file: str
    caption: str
    size: Size
    bucket: Size
    repeats: int
    masked: bool
    mask: bool


@dataclass(frozen=True)
class Looked:
    """What is in a set; `remarks` tell of files that are broken and pictures that are almost the
    same."""

    pictures: tuple[SetPicture, ...]
    remarks: tuple[str, ...]


class PictureSets:
    """Folders in `own`, where new ones are made, and in the `others`. Pictures of the `gallery` can
    be put into them."""

    def __init__(self, own: Path, others: Iterable[Path], gallery: Gallery) -> None:
        self._own, self._places = own, (own, *others)
        self._gallery = gallery

    def names(self) -> list[tuple[str, int]]:
        """(name, number of pictures), by name."""
        found: dict[str, int] = {}
        for place in self._places:
            with suppress(OSError):
                for folder in place.iterdir():
                    if folder.is_dir() and not folder.name.startswith("."):
                        found.setdefault(folder.name, sum(1 for _ in dataset.files(folder)))
        return sorted(found.items())

    def folder(self, name: str) -> Path:
        """That of a set. Raises `NotFound`."""
        if _NAME.fullmatch(name):
            for place in self._places:
                if (place / name).is_dir():
                    return place / name
        raise NotFound(f"There is no set of pictures {name!r}. Make it, or choose another.")

    def make(self, name: str) -> Path:
        """A new, empty one. Raises `InvalidRequest` for a name that is taken or none, and
        `SaveError`."""
        if not _NAME.fullmatch(name) or name != name.strip():
            raise InvalidRequest(
                "A set's name has none of /\\:*?\"<>| in it and no dot or blank at its ends. "
                "Choose another.",
                "name",
            )
        with suppress(NotFound):
            self.folder(name)
            raise InvalidRequest(f"There is a set {name!r} already. Choose another name.", "name")
        with _writing(self._own / name):
            (self._own / name).mkdir(parents=True)
        return self._own / name

    def look(self, name: str, resolution: int) -> Looked:
        """All of it, captions as they stand in the files. Raises `NotFound`, and `InvalidRequest`
        where something in it cannot be read."""
        folder = self.folder(name)
        if next(iter(dataset.files(folder)), None) is None:
            return Looked((), ())
        found = dataset.read(folder, trigger=None)
        pictures = [
            SetPicture(
                each.path.relative_to(folder).as_posix(),
                each.caption,
                each.size,
                buckets.size_for(each.size, resolution),
                each.repeats,
                each.has_alpha or each.mask is not None,
                each.mask is not None,
            )
            for each in found.pictures
        ]
        return Looked(tuple(pictures), found.remarks)

    def files(self, name: str, layout: Layout, trigger: str | None) -> Iterator[layouts.SetFile]:
        """All of it as another trainer wants it; captions with the `trigger` word as for a
        training, None: as they are. Raises as `look`, and `InvalidRequest` for an empty one."""
        return layouts.files(dataset.read(self.folder(name), trigger), layout, name)

    def delete(self, name: str) -> None:
        """With all that is in it, for good. Raises `NotFound`, `SaveError`, and
        `InvalidRequest` for one that is not among our own."""
        folder = self.folder(name)
        if folder.parent != self._own:
            raise InvalidRequest(
                f"The set {name!r} lies in a folder of yours (--pictures-dir), where more than "
                "pictures may be. Delete it there."
            )
        gone = folder.with_name(f".{secrets.token_hex(8)}.part")  # out of sight at once
        with _writing(folder):
            os.replace(folder, gone)
            gone.unlink() if gone.is_symlink() else shutil.rmtree(gone)

    def add(self, name: str, data: bytes, called: str = "") -> str:
        """A picture file, called as it was `called` where that is free; how it is called. Of the
        folders in `called` those stay that mean something: kohya's `NN_words`, and `reg`. Raises
        `InvalidRequest` where it is none, `NotFound` and `SaveError`."""
        set_folder = self.folder(name)
        reading.check(data)
        _, format_ = reading.size_of(data)
        suffix = _SUFFIXES.get(format_, format_.lower())
        *above, file = called.replace("\\", "/").split("/")
        folder = dataset.folder_for(set_folder, [_plain(part) for part in above])
        stem = _plain(Path(file).stem) or "picture"
        path, number = folder / f"{stem}.{suffix}", 1
        # A caption belongs to all pictures of its name, whatever their kind.
        while os.path.lexists(path) or any(folder.glob(f"{_escaped(path.stem)}.*")):
            number += 1
            path = folder / f"{stem}-{number}.{suffix}"
        partial = folder / f".{secrets.token_hex(8)}.part"
        with _writing(path, partial):
            folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            os.replace(partial, path)
        return path.relative_to(set_folder).as_posix()

    def take(self, name: str, ids: Iterable[str]) -> list[str]:
        """Copies of pictures of the library, their prompts as captions; how they are called. Raises
        as `add`."""
        found = [(id, self._gallery.bytes(id)) for id in ids]
        added = []
        for id, data in found:
            file = self.add(name, data, f"{id}.png")
            self.write(name, {file: self._prompt(id)})
            added.append(file)
        return added

    def _prompt(self, id: str) -> str:
        with suppress(NotFound):
            return _NETWORK.sub("", self._gallery.request(id).prompt)
        return ""

    def write(self, name: str, captions: Mapping[str, str]) -> None:
        """Captions, each into a `.txt` beside its picture. Raises `NotFound` and `SaveError`."""
        paths = {self._path(name, file): text for file, text in captions.items()}
        dataset.write_captions({path: " ".join(text.split()) for path, text in paths.items()})

    def remove(self, name: str, file: str) -> None:
        """A picture, its caption and its mask, for good. Raises `NotFound` and `SaveError`."""
        path = self._path(name, file)
        mask = dataset.mask_of(path)
        with _writing(path):
            path.unlink()
            if mask:
                mask.unlink(missing_ok=True)
            for suffix in dataset.CAPTIONS:
                path.with_suffix(suffix).unlink(missing_ok=True)

    def put_mask(self, name: str, file: str, data: bytes) -> None:
        """A mask for a picture, in place of the one that it had: any picture as large as it, whose
        light values are learnt and whose dark ones are not. Raises `InvalidRequest` for another
        size and for one that is black all over, `NotFound` and `SaveError`."""
        path = self._path(name, file)
        reading.check(data)
        values = reading.values(data, background=(0, 0, 0)).convert("L")
        size = reading.picture(read_file(path, _MOST_BYTES)).size
        if values.size != size:
            raise InvalidRequest(
                f"The mask has {values.width} × {values.height} pixels, {file} {size[0]} × "
                f"{size[1]}. Make it as large as the picture."
            )
        if values.getextrema()[1] == 0:
            raise InvalidRequest(
                f"The mask is black all over: nothing of {file} would be learnt. Leave white what "
                "counts, or remove the picture."
            )
        before, target = dataset.mask_of(path), path.parent / dataset.MASKS / f"{path.stem}.png"
        partial = target.parent / f".{secrets.token_hex(8)}.part"
        with _writing(target, partial):
            target.parent.mkdir(exist_ok=True)
            values.save(partial, "PNG")
            os.replace(partial, target)
            if before and before != target:
                before.unlink()

    def mask(self, name: str, file: str) -> bytes:
        """The file of a picture's mask. Raises `NotFound`."""
        found = dataset.mask_of(self._path(name, file))
        if found is None:
            raise NotFound(f"{file} has no mask. Paint one, or send it one.")
        return read_file(found, _MOST_BYTES)

    def remove_mask(self, name: str, file: str) -> None:
        """Then all of the picture is learnt. Raises `NotFound` and `SaveError`."""
        found = dataset.mask_of(self._path(name, file))
        if found:
            with _writing(found):
                found.unlink()

    def picture(self, name: str, file: str) -> bytes:
        """Its file. Raises `NotFound`."""
        return read_file(self._path(name, file), _MOST_BYTES)

    def _path(self, name: str, file: str) -> Path:
        folder = self.folder(name)
        try:
            path = folder / file
            is_there = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
        except (OSError, ValueError):
            is_there = False
        if not is_there or path.suffix.lower() not in dataset.SUFFIXES:
            raise NotFound(f"There is no picture {as_text(file)!r} in the set {name!r} any more.")
        return path


def _plain(name: str) -> str:
    """`name` without what no file's name may have."""
    return re.sub(r'[/\\:*?"<>|\x00-\x1f]', "-", name).strip(". ")[:100]


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", name)


class _writing:
    """Errors of the disk as `SaveError`; `partial` goes where it came to nothing."""

    def __init__(self, path: Path, partial: Path | None = None) -> None:
        self._path, self._partial = path, partial

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._partial:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, StudioError):
            step = "Free some disk space" if is_full(error) else "Check who may write there"
            raise SaveError(
                f"{as_text(self._path)} cannot be written: {error.strerror or error}. {step}."
            ) from None

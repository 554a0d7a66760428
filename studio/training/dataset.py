"""A folder of pictures with their captions, read in the conventions of other trainers.

Captions lie beside the pictures (`a.png`, `a.txt`), in a `metadata.jsonl` of lines
`{"file_name", "text"}`, or are the words of a folder `NN_words` as kohya's trainer has it, whose
pictures count NN times. A folder `reg` has pictures of what the model knows already.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from studio.domain import embedding_names
from studio.domain.errors import InvalidRequest, SaveError, StudioError
from studio.domain.files import as_text, is_full, read_file, read_text
from studio.domain.geometry import Size
from studio.imaging import alike, reading

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".gif")
CAPTIONS = (".txt", ".caption")
METADATA = "metadata.jsonl"
MASKS = "masks"
"""Folder beside pictures: of each the mask of the same name. White counts, black does not."""
PRIOR = "reg"
"""Folder of a set, as kohya's trainer calls it: pictures of what the model knows already."""
PLACEHOLDERS = ("[trigger]", "[name]")
"""What stands for the trigger word in captions written for ai-toolkit and for AUTOMATIC1111."""

_REPEATS = re.compile(r"(\d{1,4})_(.*)")
_MAX_PICTURE_BYTES = 512 * 2**20
_MAX_TEXT_BYTES = 64 * 2**20
_FEW = 5
_NAMED = 3


@dataclass(frozen=True)
class TrainingPicture:
    """One picture. `size` is (width, height) in pixels, the camera's orientation obeyed; it counts
    `repeats` times in an epoch. `mask`: the file of its mask; `has_alpha`: not all of it is
    opaque."""

    path: Path
    caption: str
    size: Size
    repeats: int = 1
    mask: Path | None = None
    has_alpha: bool = False

    def image(self) -> Image.Image:
        """RGB, upright. Raises `InvalidRequest` where it cannot be read any more."""
        return reading.picture(_bytes(self.path))

    def mask_image(self) -> Image.Image | None:
        """L, upright: 255 counts, 0 does not; None: all of the picture counts. Raises
        `InvalidRequest` where it cannot be read any more, or leaves nothing."""
        if self.mask is not None:
            found = reading.values(_bytes(self.mask), background=(0, 0, 0)).convert("L")
        elif self.has_alpha:
            found = reading.with_alpha(_bytes(self.path)).getchannel("A")
        else:
            return None
        if found.getextrema()[1] == 0:
            raise InvalidRequest(
                f"{self.mask or self.path}: the mask is black all over, so nothing would be learnt "
                "of the picture. Paint white what counts, or remove the picture."
            )
        return found


def _bytes(path: Path) -> bytes:
    try:
        return read_file(path, _MAX_PICTURE_BYTES)
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read any more: {error.strerror or error}. Put it back."
        ) from None


@dataclass(frozen=True)
class Dataset:
    """What is learnt from, what is only tested on, what is known already and shall stay (`prior`),
    and what should be known of them."""

    folder: Path
    pictures: tuple[TrainingPicture, ...]
    validation: tuple[TrainingPicture, ...] = ()
    remarks: tuple[str, ...] = ()
    prior: tuple[TrainingPicture, ...] = ()

    def tag_frequency(self) -> dict[str, dict[str, int]]:
        """Folder -> tag -> how many captions have it, as kohya's trainer tells it."""
        counts: dict[str, Counter[str]] = {}
        for picture in self.pictures:
            tags = filter(None, (tag.strip() for tag in picture.caption.split(",")))
            counts.setdefault(picture.path.parent.name, Counter()).update(tags)
        return {folder: dict(tags.most_common()) for folder, tags in counts.items()}


def read(
    folder: Path, trigger: str | None = "", validation_split: float = 0.0, seed: int = 0
) -> Dataset:
    """The pictures in `folder` and below it; of kohya's tree those in `img`.

    `trigger` is put into captions for "[trigger]" and "[name]", and before those that lack it;
    None: they stay as they are. It is put into none of the pictures in `reg`. Which pictures are of
    the validation is chosen by `seed`. Broken files are left out and told. Raises `InvalidRequest`
    where nothing is left.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder}: there is no such folder. Name one with pictures.")
    root = _root(folder)
    pictures, thumbs, broken = _read(root, folder, trigger)
    if not pictures:
        found = f" {broken[0]}" if broken else ""
        raise InvalidRequest(
            f"{folder}: there is no picture to learn from.{found} Put PNG, JPEG or WebP files "
            "there, each with its caption in a .txt of the same name."
        )
    prior, _, more_broken = _read(folder / PRIOR, folder, None)
    remarks = [*broken, *more_broken, *_remarks(pictures, thumbs, folder)]
    learnt, tested = _split(pictures, validation_split, seed)
    remarks = tuple(map(as_text, remarks))
    return Dataset(folder, tuple(learnt), tuple(tested), remarks, tuple(prior))


def _read(
    root: Path, folder: Path, trigger: str | None
) -> tuple[list[TrainingPicture], list[alike.Thumb], list[str]]:
    """The pictures in `root`, a small copy of each, and remarks about broken files of `folder`."""
    said = _metadata(root)
    pictures, thumbs, broken = [], [], []
    for path in files(root):
        try:
            stat = path.stat()
            size, thumb, has_alpha = _looked_at(path, stat.st_mtime_ns, stat.st_size)
        except (OSError, StudioError) as error:
            cause = getattr(error, "strerror", None) or error
            broken.append(f"{path.relative_to(folder)} was left out: {cause}")
            continue
        words = repeats_of(path.parent) or (1, "")
        caption = caption_beside(path)
        if caption is None:
            caption = said.get(path.resolve(), words[1])
        if trigger is not None:
            caption = with_trigger(caption, trigger)
        mask = mask_of(path)
        pictures.append(TrainingPicture(path, caption, size, words[0], mask, has_alpha))
        thumbs.append(thumb)
    return pictures, thumbs, broken


@lru_cache(maxsize=4096)
def _looked_at(path: Path, changed_ns: int, size_bytes: int) -> tuple[Size, alike.Thumb, bool]:
    """(size, small copy, whether there are holes in it) of a file as it was written then: captions
    change more often than pictures."""
    data = read_file(path, _MAX_PICTURE_BYTES)
    image = reading.picture(data)
    return image.size, alike.thumb(image), reading.with_alpha(data).mode == "RGBA"


def mask_of(path: Path) -> Path | None:
    """The file of the mask of the picture at `path`, if there is one."""
    files = (path.parent / MASKS / f"{path.stem}{suffix}" for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def check_masks(found: Dataset) -> None:
    """Raises `InvalidRequest` where no picture has a mask, or one is of another size than its
    picture."""
    pictures = *found.pictures, *found.validation
    if not any(each.mask or each.has_alpha for each in pictures):
        raise InvalidRequest(
            f"No picture in {found.folder} has a mask. Put {MASKS}/NAME.png beside each, white "
            "where it counts, or train without masked_loss.",
            "masked_loss",
        )
    for each in pictures:
        if each.mask is None:
            continue
        size, _ = reading.size_of(_bytes(each.mask))
        if size != each.size:
            raise InvalidRequest(
                f"{each.mask} has {size[0]} × {size[1]} pixels, its picture {each.size[0]} × "
                f"{each.size[1]}. Make the mask as large as the picture.",
                "masked_loss",
            )


def with_trigger(caption: str, trigger: str) -> str:
    """`caption` on one line, with `trigger` in it."""
    for placeholder in PLACEHOLDERS:
        caption = caption.replace(placeholder, trigger)
    text = " ".join(caption.split())
    if not trigger or embedding_names.named_in(text, [trigger]):
        return text
    return f"{trigger}, {text}" if text else trigger


def without_trigger(caption: str, trigger: str) -> str:
    """`caption` with nothing in it of what is new: a prompt that the model can draw already."""
    if not trigger:
        return caption
    rest = re.sub(rf"(?<!\w){re.escape(trigger)}(?!\w)", "", caption, flags=re.IGNORECASE)
    return ", ".join(filter(None, (" ".join(part.split()) for part in rest.split(","))))


def write_captions(captions: Mapping[Path, str]) -> None:
    """Picture -> caption, into a `.txt` beside each picture, each whole or not at all. Raises
    `SaveError`."""
    for path, caption in captions.items():
        _write(path.with_suffix(CAPTIONS[0]), caption.strip() + "\n")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, "utf-8")
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        step = "Free some disk space." if is_full(error) else "Check who may write there."
        raise SaveError(f"{path} cannot be written: {error.strerror or error}. {step}") from None


def _root(folder: Path) -> Path:
    """Where the pictures of a set are: of kohya's tree in `img`."""
    return folder / "img" if any(map(repeats_of, _folders(folder / "img"))) else folder


def folder_for(folder: Path, above: Sequence[str]) -> Path:
    """Where in the set `folder` a picture belongs that lay below folders called `above`, the
    outermost first: of them the one with kohya's repeats counts, and `reg`."""
    root = folder / PRIOR if PRIOR in above else _root(folder)
    repeats = [name for name in above if _REPEATS.fullmatch(name)]
    return root / repeats[-1] if repeats else root


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def files(root: Path) -> Iterator[Path]:
    """Pictures: those that are called as pictures are, in a fixed order; nothing hidden, no masks,
    and none of its folder `reg`."""
    for at, folders, names in os.walk(root):
        apart = {MASKS, PRIOR} if Path(at) == root else {MASKS}
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in apart)
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(at, name)


def repeats_of(folder: Path) -> tuple[int, str] | None:
    """(repeats, words) in the name of a folder of kohya's."""
    match = _REPEATS.fullmatch(folder.name)
    return (max(1, int(match[1])), match[2].strip()) if match else None


def caption_beside(path: Path) -> str | None:
    """What is written beside the picture at `path`; None: nothing. Raises `InvalidRequest` where it
    cannot be read."""
    for suffix in CAPTIONS:
        file = path.with_suffix(suffix)
        try:
            return read_text(file, _MAX_TEXT_BYTES).removeprefix("\ufeff").strip()
        except FileNotFoundError:
            continue
        except UnicodeDecodeError:
            raise InvalidRequest(f"{file} is no text in UTF-8. Save it as one.") from None
        except OSError as error:
            raise InvalidRequest(
                f"{file} cannot be read: {error.strerror or error}. Remove it or allow reading."
            ) from None
    return None


def _metadata(root: Path) -> dict[Path, str]:
    """Picture -> caption, as `metadata.jsonl` says; empty where there is none."""
    file = root / METADATA
    try:
        lines = read_text(file, _MAX_TEXT_BYTES).splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} cannot be read: {error}. Correct or remove it.") from None
    said = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            said[(root / entry["file_name"]).resolve()] = str(entry["text"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidRequest(
                f'{file}: line {number} is not {{"file_name": …, "text": …}}. Correct it.'
            ) from None
    return said


def _remarks(
    pictures: list[TrainingPicture], thumbs: list[alike.Thumb], folder: Path
) -> Iterator[str]:
    names = [str(picture.path.relative_to(folder)) for picture in pictures]
    if len(pictures) < _FEW:
        yield f"{len(pictures)} pictures are very few; ten to thirty that differ are better."
    bare = [name for name, picture in zip(names, pictures, strict=True) if not picture.caption]
    if bare:
        yield f"No caption and no trigger word: {_listed(bare)}. Write one into a .txt beside each."
    pairs = [f"{names[one]} and {names[other]}" for one, other in alike.pairs(thumbs)]
    if pairs:
        yield f"Almost the same picture: {_listed(pairs)}. Remove one of each, or it counts twice."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more


def _split(
    pictures: list[TrainingPicture], share: float, seed: int
) -> tuple[list[TrainingPicture], list[TrainingPicture]]:
    """Of two or more pictures at least one is learnt from, and one tested on if any shall be."""
    count = min(max(1, round(share * len(pictures))), len(pictures) - 1) if share else 0
    order = np.random.default_rng((seed, 0)).permutation(len(pictures))
    tested = set(order[:count].tolist())
    learnt = [picture for place, picture in enumerate(pictures) if place not in tested]
    return learnt, [replace(pictures[place], repeats=1) for place in sorted(tested)]

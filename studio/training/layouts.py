"""A set of pictures as other trainers want it: which files, called how, with what in them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.domain.files import as_text, is_full
from studio.domain.training import Layout
from studio.training.dataset import (
    CAPTIONS,
    MASKS,
    METADATA,
    PRIOR,
    Dataset,
    TrainingPicture,
    repeats_of,
)

SetFile = tuple[str, Callable[[], bytes]]
"""Its path below the set's folder, and what gives its bytes, which raises `NotFound` where it is
gone meanwhile."""


def files(found: Dataset, layout: Layout, name: str) -> Iterator[SetFile]:
    """All of a set called `name`, as `dataset.read` has read it without a validation split.

    flat      pictures side by side, each with its caption in a .txt, as ai-toolkit wants them
    kohya     the same in folders img/NN_words, whose pictures count NN times, and reg/NN_words
    metadata  pictures side by side, all captions in metadata.jsonl, as Hugging Face's ImageFolder
              and the examples of diffusers want them

    Captions are on one line, as other trainers read the first alone. Masks lie in `masks` beside
    their pictures. How often a picture counts, and the pictures of what is known already, only
    kohya's layout can say; the others are without.
    """
    taken: set[PurePosixPath] = set()
    lines = []
    for picture, folder in _placed(found, layout, name):
        place = _free(folder / as_text(picture.path.name), taken)
        caption = " ".join(picture.caption.split())
        yield str(place), partial(_bytes, picture.path)
        if picture.mask:
            mask = place.parent / MASKS / f"{place.stem}{picture.mask.suffix}"
            yield str(mask), partial(_bytes, picture.mask)
        if layout == "metadata":
            told = {"file_name": str(place), "text": caption}
            lines.append(f"{json.dumps(told, ensure_ascii=False)}\n")
        elif caption:  # kohya's trainer stops at an empty file
            yield str(place.with_suffix(CAPTIONS[0])), f"{caption}\n".encode
    if lines:
        yield METADATA, "".join(lines).encode


def _placed(
    found: Dataset, layout: Layout, name: str
) -> Iterator[tuple[TrainingPicture, PurePosixPath]]:
    """Each picture and the folder that it goes into."""
    if layout != "kohya":
        yield from ((picture, PurePosixPath()) for picture in found.pictures)
        return
    for root, pictures in (("img", found.pictures), (PRIOR, found.prior)):
        for picture in pictures:
            _, words = repeats_of(picture.path.parent) or (1, name)
            # The words of a folder are the caption of what has none in it.
            words = as_text(words) if picture.caption else ""
            yield picture, PurePosixPath(root, f"{picture.repeats}_{words}")


def _free(place: PurePosixPath, taken: set[PurePosixPath]) -> PurePosixPath:
    """`place`, with a number where one of its name is there already, whatever its kind: a caption
    belongs to a name. From then on it is `taken`."""
    free, number = place, 1
    while (key := PurePosixPath(str(free.with_suffix("")).casefold())) in taken:
        number += 1
        free = place.with_stem(f"{place.stem}-{number}")
    taken.add(key)
    return free


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{as_text(path)} is gone: {error.strerror or error}.") from None


def write(found: Dataset, layout: Layout, name: str, out: Path) -> None:
    """The same into the folder `out`, all of it or nothing. Raises `InvalidRequest` where `out` has
    something in it, `NotFound` where a picture is gone meanwhile, and `SaveError`."""
    was_there = os.path.lexists(out)
    if was_there and not (out.is_dir() and not any(out.iterdir())):
        raise InvalidRequest(
            f"{as_text(out)} is there already and is no empty folder. Name another."
        )
    begun, is_done = out / ".part", False
    try:
        for file, data in files(found, layout, name):
            path = begun / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data())
        for path in list(begun.iterdir()):
            os.replace(path, out / path.name)
        is_done = True
    except OSError as error:
        step = "Free some disk space." if is_full(error) else "Check who may write there."
        raise SaveError(
            f"{as_text(out)} cannot be written: {error.strerror or error}. {step}"
        ) from None
    finally:
        with suppress(OSError):
            shutil.rmtree(begun)
            if not (is_done or was_there):
                out.rmdir()

"""What is seen in the pictures of a probe."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from studio.domain.detailers import Detailer, Found
from studio.domain.errors import InvalidRequest
from studio.picturebook.vocabulary import COLOURS, OBJECTS, PLACES, SKIES

JUDGE, NONE = "picturebook", "none"
"""Names of measures besides those of detectors: picturebook's judge, and no measure at all."""

Seen = dict[str, str]
"""Attribute -> value."""
Find = Callable[[Image.Image, Detailer], Sequence[Found]]

POSSIBLE: dict[str, tuple[str, ...]] = {"colour": COLOURS, "place": PLACES, "sky": SKIES}
"""What picturebook's judge knows of each attribute."""
_AT_ONCE = 32
_REMEMBERED = 4096
"""Pictures."""


def seen_by_judge(pictures: Sequence[tuple[str, Image.Image]]) -> list[Seen]:
    """Of each (word, picture): the sky, and colour and place of the object that the word names, or
    of the surest where it names none. Right for pictures of picturebook's world alone."""
    found = []
    for start in range(0, len(pictures), _AT_ONCE):
        some = pictures[start : start + _AT_ONCE]
        readings = _judge().read_images([image.convert("RGB") for _, image in some])
        found += [_told(word, one) for (word, _), one in zip(some, readings, strict=True)]
    return found


def seen_by_detector(
    pictures: Sequence[tuple[str, Image.Image]], name: str, find: Find
) -> list[Seen]:
    """Of each (word, picture) the label of what the detector `name` is surest of, else "nothing".
    Raises as `find` does."""
    seen = []
    for _, image in pictures:
        things = find(image.convert("RGB"), Detailer(detector=name))
        surest = max(things, key=lambda thing: thing.score, default=None)
        seen.append({"found": surest.label if surest else "nothing"})
    return seen


def measured(pictures: Sequence[tuple[str, Image.Image]], measure: str, find: Find) -> list[Seen]:
    """What `measure` sees in each (word, picture): JUDGE, NONE, or a detector's name. Raises
    `InvalidRequest` and what `find` raises."""
    if not measure:
        raise InvalidRequest("say what measures: picturebook, none or a detector.", "measure")
    if measure == NONE:
        return [{} for _ in pictures]
    if measure == JUDGE:
        return seen_by_judge(pictures)
    return seen_by_detector(pictures, measure, find)


class Looks:
    """What was seen in pictures of the library, each looked at once though it is asked for again
    and again while a probe is drawn. Safe from many threads, of which one looks at a time.

    read  gives a picture by its id; None: it is gone, and nothing is seen in it
    find  `Detectors.find`
    """

    def __init__(self, read: Callable[[str], Image.Image | None], find: Find) -> None:
        self._read, self._find = read, find
        self._turn = threading.Lock()
        self._seen: OrderedDict[tuple[str, str, str], Seen] = OrderedDict()

    def at(self, pictures: Sequence[tuple[str, str]], measure: str) -> list[Seen]:
        """What `measure` sees in the picture of each (word, id). Raises as `measured` does."""
        with self._turn:
            new = [one for one in pictures if (*one, measure) not in self._seen]
            shown = {one: image for one in new if (image := self._read(one[1])) is not None}
            words = [(word, image) for (word, _), image in shown.items()]
            for one, seen in zip(shown, measured(words, measure, self._find), strict=True):
                self._seen[*one, measure] = seen
            told = [self._seen.get((*one, measure), {}) for one in pictures]
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return told


def _told(word: str, reading: dict[str, Any]) -> Seen:
    named = next((name for name in OBJECTS if name in word.casefold()), None)
    objects = reading["objects"]
    one = next((each for each in objects if each["object"] == named), None)
    if one is None and named is None:
        one = objects[0]
    if one is None:  # it was asked for, and is not there
        return {"sky": reading["sky"]}
    return {"colour": one["colour"], "place": one["place"], "sky": reading["sky"]}


@lru_cache(maxsize=1)
def _judge():
    from studio.picturebook.judge import Judge  # brings torch

    return Judge.load()

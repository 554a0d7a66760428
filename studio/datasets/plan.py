"""A specification -> what each picture is to show, before anything is drawn.

The plan of a picture depends on the specification, and on those before it alone: with a larger
`count` the first pictures stay as they are, and a dataset can be gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from studio.datasets.spec import SPLITS, THINGS, DatasetSpec, Split
from studio.domain import dynamic_prompts
from studio.domain.dynamic_syntax import Entry, named
from studio.domain.seeds import MAX_SEED

PLACES = ("left", "center", "right")
_PLACE_WORDS = {"left": "on the left", "center": "in the center", "right": "on the right"}
_BLOCK = 20
"""Within so many pictures the splits have their shares, as nearly as can be."""
_JITTER = 0.8
"""Of a picture: how far a class may be ahead of its share before another must come."""

Wildcards = Callable[[str], Sequence[Entry]]


@dataclass(frozen=True)
class PlannedThing:
    """One thing: its class, its words, and the part of the width where it is to stand."""

    name: str
    words: str
    place: str


@dataclass(frozen=True)
class PlannedPicture:
    """One picture.

    number      from 0, its place in the plan
    background  the template with nothing in the things' place
    conditions  name -> the value that was drawn
    seed        of its first drawing
    source      which of the photos it is painted into, by number; None: it is drawn
    """

    number: int
    split: Split
    things: tuple[PlannedThing, ...]
    template: int
    prompt: str
    background: str
    conditions: Mapping[str, str]
    seed: int
    source: int | None = None

    def rng(self, attempt: int) -> np.random.Generator:
        """For all that chance decides about the drawing `attempt`, from 0."""
        return np.random.default_rng((self.seed, attempt))

    def drawing_seed(self, attempt: int, step: int = 0) -> int:
        """The noise of a drawing, and of the `step`-th one of a picture drawn in several."""
        return (self.seed + 7919 * attempt + 104_729 * step) % (MAX_SEED + 1)

    def words(self, thing: PlannedThing) -> str:
        """What one thing alone is told, within the words of the picture."""
        return _joined(self.background, thing.words)


def plan(
    spec: DatasetSpec,
    wildcards: Wildcards,
    sources: Sequence[int] = (),
    contents: Sequence[Sequence[str]] | None = None,
) -> Iterator[PlannedPicture]:
    """All pictures of `spec`, in order; raises as `dynamic_prompts.draw` does.

    `sources` are the groups of the photos that things are painted into, which take turns: photos
    of one group, being alike, are in the same split. `contents`: the classes of the things in each,
    where these are what the pictures show; else they are chosen by weight.
    """
    classes, splits = _Classes(spec), _Splits(spec)
    for number in range(spec.count):
        rng = np.random.default_rng((spec.seed, 1, number))
        source = number % len(sources) if sources else None
        group = number if source is None else sources[source]
        empty = int((number + 1) * spec.negatives) > int(number * spec.negatives)
        if contents is not None and source is not None:
            drawn = list(contents[source])
        else:
            number_of = 0 if empty else int(rng.integers(*spec.things, endpoint=True))
            drawn = classes.take(number_of, rng)
        yield _planned(spec, number, drawn, (splits.of(group), source), rng, wildcards)


def _planned(
    spec: DatasetSpec,
    number: int,
    classes: Sequence[str],
    where: tuple[Split, int | None],
    rng: np.random.Generator,
    wildcards: Wildcards,
) -> PlannedPicture:
    """`where`: its split, and the photo that it is painted into."""
    conditions: dict[str, str] = {}
    known = partial(_entries, spec, conditions, rng, wildcards)
    draw = lambda text: dynamic_prompts.draw(text, int(rng.integers(2**31)), known)  # noqa: E731
    weights = np.array([each.weight for each in spec.templates])
    template = int(rng.choice(len(weights), p=weights / weights.sum()))
    around = draw(spec.templates[template].prompt.replace(THINGS, "\0")).replace("\0", THINGS)
    things = []
    for name, place in zip(classes, _places(len(classes), rng), strict=True):
        things.append(PlannedThing(name, draw(spec.classes[name].prompt or name), place))
    return PlannedPicture(
        number,
        where[0],
        tuple(things),
        template,
        _around(around, _listed(spec, things)),
        _around(around, ""),
        conditions,
        int(np.random.default_rng((spec.seed, 2, number)).integers(MAX_SEED)),
        where[1],
    )


def _entries(
    spec: DatasetSpec,
    drawn: dict[str, str],
    rng: np.random.Generator,
    wildcards: Wildcards,
    name: str,
) -> Sequence[Entry]:
    """Those of the wildcard `name`. A condition has one value in all of a picture's words."""
    if name not in spec.conditions:
        return wildcards(name)
    if name not in drawn:
        values = spec.conditions[name]
        weights = np.array(list(values.values()))
        drawn[name] = list(values)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    return [Entry(drawn[name])]


def _places(count: int, rng: np.random.Generator) -> list[str]:
    """Of up to three things each has its own."""
    if count > len(PLACES):
        return [PLACES[int(k)] for k in rng.integers(len(PLACES), size=count)]
    return [PLACES[k] for k in sorted(rng.choice(len(PLACES), size=count, replace=False))]


def _listed(spec: DatasetSpec, things: Sequence[PlannedThing]) -> str:
    """ "a red house on the left and a white boat on the right"."""
    texts = [
        f"{thing.words} {_PLACE_WORDS[thing.place]}" if spec.places else thing.words
        for thing in things
    ]
    return ", ".join(texts[:-1]) + " and " + texts[-1] if len(texts) > 1 else "".join(texts)


def _around(template: str, things: str) -> str:
    if THINGS not in template:
        return _joined(things, template)
    before, _, after = template.partition(THINGS)
    if things:
        return f"{before}{things}{after.replace(THINGS, '')}".strip()
    return _joined(before.strip().rstrip(","), after.replace(THINGS, "").strip().lstrip(","))


def _joined(*texts: str) -> str:
    return ", ".join(filter(None, (text.strip().strip(",").strip() for text in texts)))


class _Classes:
    """Takes classes so that each comes as often as its weight says."""

    def __init__(self, spec: DatasetSpec) -> None:
        weights = np.array([each.weight for each in spec.classes.values()])
        self._names, self._shares = spec.names, weights / weights.sum()
        self._taken = np.zeros(len(weights))

    def take(self, count: int, rng: np.random.Generator) -> list[str]:
        """`count` of them; different ones where there are as many."""
        chosen: list[int] = []
        for _ in range(count):
            behind = self._shares * (self._taken.sum() + 1) - self._taken
            behind += rng.random(len(behind)) * _JITTER
            if len(set(chosen)) < len(behind):
                behind[chosen] = -np.inf
            chosen.append(int(behind.argmax()))
            self._taken[chosen[-1]] += 1
        return [self._names[k] for k in chosen]


class _Splits:
    """Which split a picture, or all of a group of photos, belongs to."""

    def __init__(self, spec: DatasetSpec) -> None:
        self._shares, self._seed = spec.split.shares(), spec.seed
        self._known: dict[int, Split] = {}
        self._waiting: list[Split] = []
        self._given = dict.fromkeys(SPLITS, 0)
        self._block = 0

    def of(self, group: int) -> Split:
        if group not in self._known:
            self._known[group] = self._next()
        return self._known[group]

    def _next(self) -> Split:
        if not self._waiting:
            for _ in range(_BLOCK):
                total = sum(self._given.values()) + 1
                behind = {s: self._shares[s] * total - self._given[s] for s in SPLITS}
                split = max(SPLITS, key=lambda each: behind[each])
                self._given[split] += 1
                self._waiting.append(split)
            np.random.default_rng((self._seed, 3, self._block)).shuffle(self._waiting)
            self._block += 1
        return self._waiting.pop()


def groups_needed(spec: DatasetSpec, most: int) -> int | None:
    """How many photos that differ it takes until none of the splits with a share is empty; None:
    more than `most`."""
    splits = _Splits(spec)
    empty = {split for split, share in spec.split.shares().items() if share}
    for group in range(most):
        empty.discard(splits.of(group))
        if not empty:
            return group + 1
    return None


def unknown_wildcards(spec: DatasetSpec) -> set[str]:
    """The wildcards that its words name and that are none of its conditions."""
    texts = [each.prompt for each in (*spec.templates, *spec.classes.values())]
    names = {name for text in texts for name in named(text)}
    return names - set(spec.conditions) - {THINGS.strip("_")}

"""Prompts that are many: one of them is drawn by a seed, before anything else is read.

    __animal__         one line of a wildcard, which is a list; * in its name takes several lists
    {a|b|c}            one of these; {0.5::a|2::b} says how often each
    {2$$a|b|c}         two of them, in any order, with ", " in between
    {1-3$$ and $$a|b}  one to three, with " and " in between

All of it nests. A backslash before a brace, a bar or an underscore makes it a letter; so are braces
without a partner or without a choice between them, and what stands behind # on a line. What is
drawn has nothing left to draw.
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, permutations, product

from studio.domain.dynamic_syntax import Choice, Entry, Node, Wildcard, read
from studio.domain.errors import InvalidRequest, UnknownWildcard, shorten

MOST_CHARACTERS = 20_000
"""That a drawn prompt may have."""
MOST_PICTURES = 2**53 - 1
"""Combinations are counted up to here."""
_MOST_DRAWS = 500
_DEEPEST = 30

Wildcards = Callable[[str], Sequence[Entry]]
"""The lines of the wildcard of a name. Raises `UnknownWildcard`."""


def draw(prompt: str, seed: int, wildcards: Wildcards) -> str:
    """One of the prompts that `prompt` is, always the same for a `seed`; itself where it is one.

    Raises `UnknownWildcard`, and `InvalidRequest` for wildcards that lead back to themselves, that
    are empty, and for what grows beyond `MOST_CHARACTERS`.
    """
    drawing = _Drawing(random.Random(seed), wildcards)
    for _ in range(_DEEPEST):  # what was drawn may come to more of it where pieces meet
        nodes = read(prompt)
        if all(isinstance(node, str) for node in nodes):
            return prompt
        drawn = drawing.text(nodes)
        if drawn == prompt:
            return prompt
        prompt = drawn
    raise InvalidRequest("The prompt's wildcards never come to an end. Take some out.")


def count(prompt: str, wildcards: Wildcards) -> int:
    """How many prompts `prompt` is, at most `MOST_PICTURES`. Raises as `draw`."""
    return _Counting(wildcards).all(read(prompt))


def combinations(prompt: str, wildcards: Wildcards) -> Iterator[str]:
    """Each of the prompts that `prompt` is, as many as `count` says: the last choice in it changes
    first. Raises as `draw`."""
    yield from _Listing(wildcards).all(read(prompt))


class _Walk:
    """Through braces in braces and wildcards in wildcards; `way` are the wildcards one is in."""

    def __init__(self, wildcards: Wildcards) -> None:
        self._wildcards = wildcards
        self._way: list[str] = []
        self._depth = 0

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidRequest(
                f"Braces and wildcards are nested more than {_DEEPEST} deep. Take some out."
            )
        yield
        self._depth -= 1

    def entries(self, node: Wildcard) -> Sequence[Entry] | None:
        """None where it is a part of a name."""
        try:
            found = self._wildcards(node.name)
        except UnknownWildcard:
            if node.is_name:
                return None
            raise
        if not found:
            raise InvalidRequest(f"The wildcard {shorten(node.name)} has no lines. Write some.")
        return found

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        key = name.casefold()
        if key in self._way:
            way = " → ".join([*self._way, key])
            raise InvalidRequest(f"Wildcards lead back to themselves: {way}. Change one of them.")
        self._way.append(key)
        yield
        self._way.pop()


class _Drawing(_Walk):
    def __init__(self, numbers: random.Random, wildcards: Wildcards) -> None:
        super().__init__(wildcards)
        self._numbers = numbers
        self._draws = 0

    def text(self, nodes: Sequence[Node]) -> str:
        with self.deeper():
            pieces = [self._one(node) for node in nodes]
        if sum(map(len, pieces)) > MOST_CHARACTERS:
            raise InvalidRequest(
                f"With its wildcards drawn the prompt has more than {MOST_CHARACTERS:,} "
                "characters. Take some out."
            )
        return "".join(pieces)

    def _one(self, node: Node) -> str:
        if isinstance(node, str):
            return node
        self._draws += 1
        if self._draws > _MOST_DRAWS:
            raise InvalidRequest(
                f"The prompt has more than {_MOST_DRAWS:,} wildcards and choices. Take some out."
            )
        if isinstance(node, Choice):
            return self._of_choice(node)
        entries = self.entries(node)
        if entries is None:
            return f"__{node.name}__"
        return self._entry(node, self._taken([entry.weight for entry in entries], 1)[0], entries)

    def _entry(self, node: Wildcard, place: int, entries: Sequence[Entry]) -> str:
        with self.inside(node.name):
            return self.text(read(entries[place].text))

    def _of_choice(self, node: Choice) -> str:
        listed = _only_wildcard(node)
        entries = self.entries(listed) if listed else None
        if entries:  # {2$$__animal__} takes two different animals
            places = self._places([entry.weight for entry in entries], node)
            pieces = [self._entry(listed, place, entries) for place in places]
        else:
            places = self._places([option.weight for option in node.options], node)
            pieces = [self.text(node.options[place].nodes) for place in places]
        return node.separator.join(pieces)

    def _places(self, weights: Sequence[float], node: Choice) -> list[int]:
        least, most = node.bounds(len(weights))
        return self._taken(weights, least if least == most else self._numbers.randint(least, most))

    def _taken(self, weights: Sequence[float], number: int) -> list[int]:
        """Places of `number` different ones, in the order in which they are drawn: each time by
        the weights of those that are left."""
        if number == 1 and (total := sum(weights)) > 0:
            mark = self._numbers.random() * total
            return [min(bisect.bisect(list(accumulate(weights)), mark), len(weights) - 1)]
        keys = [math.log(1 - self._numbers.random()) for _ in weights]
        late = [
            -math.inf if not each else key / each for key, each in zip(keys, weights, strict=True)
        ]
        order = sorted(range(len(weights)), key=lambda at: (late[at], keys[at]), reverse=True)
        return order[:number]


class _Listing(_Walk):
    """For prompts of which there are few."""

    def all(self, nodes: Sequence[Node]) -> list[str]:
        with self.deeper():
            return _products("", [self._of(node) for node in nodes])

    def _of(self, node: Node) -> list[str]:
        if isinstance(node, str):
            return [node]
        if isinstance(node, Wildcard):
            return [text for texts in self._lines(node) for text in texts]
        listed = _only_wildcard(node)
        options = self._lines(listed) if listed else [self.all(o.nodes) for o in node.options]
        least, most = node.bounds(len(options))
        return [
            text
            for number in range(least, most + 1)
            for taken in permutations(options, number)
            for text in _products(node.separator, taken)
        ]

    def _lines(self, node: Wildcard) -> list[list[str]]:
        """The prompts that each of its lines is."""
        entries = self.entries(node)
        if entries is None:
            return [[f"__{node.name}__"]]
        with self.inside(node.name):
            return [self.all(read(entry.text)) for entry in entries]


def _products(separator: str, texts: Sequence[list[str]]) -> list[str]:
    return [separator.join(pieces) for pieces in product(*texts)]


class _Counting(_Walk):
    def __init__(self, wildcards: Wildcards) -> None:
        super().__init__(wildcards)
        self._known: dict[str, list[int]] = {}

    def all(self, nodes: Sequence[Node]) -> int:
        total = 1
        with self.deeper():
            for node in nodes:
                total = min(total * self._of(node), MOST_PICTURES)
        return total

    def _of(self, node: Node) -> int:
        if isinstance(node, str):
            return 1
        if isinstance(node, Wildcard):
            return min(sum(self._lines(node)), MOST_PICTURES)
        listed = _only_wildcard(node)
        numbers = self._lines(listed) if listed else [self.all(o.nodes) for o in node.options]
        least, most = node.bounds(len(numbers))
        if most == 1:
            return min(sum(numbers) + (least == 0), MOST_PICTURES)
        return _ordered(numbers, least, most)

    def _lines(self, node: Wildcard) -> list[int]:
        """How many prompts each of its lines is."""
        key = node.name.casefold()
        if key not in self._known:
            entries = self.entries(node)
            if entries is None:
                return [1]
            with self.inside(node.name):
                self._known[key] = [self._line(entry.text) for entry in entries]
        return self._known[key]

    def _line(self, text: str) -> int:
        return self.all(read(text)) if "{" in text or "__" in text else 1


def _ordered(numbers: Sequence[int], least: int, most: int) -> int:
    """In how many ways `least` to `most` of them can be taken one after the other."""
    if most > 18:  # whose orders alone are more
        return MOST_PICTURES
    ways = [1] + [0] * most
    """Number taken -> ways without regard to their order."""
    for number in numbers:
        for taken in range(most, 0, -1):
            ways[taken] = min(ways[taken] + ways[taken - 1] * number, MOST_PICTURES)
    total = sum(ways[taken] * math.factorial(taken) for taken in range(least, most + 1))
    return min(total, MOST_PICTURES)


def _only_wildcard(node: Choice) -> Wildcard | None:
    """Of which several lines are taken."""
    if len(node.options) != 1 or node.bounds(2) == (1, 1):
        return None
    nodes = node.options[0].nodes
    return nodes[0] if len(nodes) == 1 and isinstance(nodes[0], Wildcard) else None

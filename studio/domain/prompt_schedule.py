"""A prompt that is another one at another step, as AUTOMATIC1111 reads it.

[a:b:N] is a up to step N and b from then on, [b:N] adds b then, [a::N] leaves a out from then on; N
with a point is a share of the steps. [a|b|c] takes the next one at each step. All of it may be
nested. What is no such bracket stays in the text as it stands; where a | or a lone backslash is
left over, nothing of the text is a schedule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Union

_TOKEN = re.compile(r"(?:[^\\\[\]():|]+|\\.)+|[\[\]():|]|\\")
_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")


@dataclass(frozen=True)
class Switch:
    """`before` up to step `when` (as it is written) and `after` from then on."""

    before: tuple[Node, ...]
    after: tuple[Node, ...]
    when: str

    def step(self, steps: int, begun: Begun) -> int:
        """The last step, from 1, of what is `before`; below 1 there is none."""
        value = float(self.when)
        if "." in self.when:
            value = (value - begun.share) * steps
        else:
            value -= begun.steps
        return int(max(-1.0, min(float(steps), value)))


@dataclass(frozen=True)
class Alternate:
    """One of the `options` after the other, a step each."""

    options: tuple[tuple[Node, ...], ...]


Node = Union[str, Switch, Alternate]


@dataclass(frozen=True)
class Begun:
    """What lies before a second drawing: whole numbers count its `steps` too, and shares begin at
    `share`."""

    steps: int = 0
    share: float = 0.0


FIRST = Begun()


def after(steps: int) -> Begun:
    """For a second drawing, where the first one has so many steps."""
    return Begun(steps, 1.0)


def schedule(text: str, steps: int, begun: Begun = FIRST) -> list[tuple[int, str]]:
    """[(the last step, from 1, of which the text is), the text], to the end of all `steps`."""
    nodes = parse(text)
    ends = sorted({steps, *_ends(nodes, steps, begun)})
    return [(end, _at(nodes, end, steps, begun)) for end in ends]


@dataclass
class _Frame:
    """A bracket that is open: which, where its content begins among the nodes, and where the colons
    and bars in it stand."""

    bracket: str
    begin: int
    marks: list[tuple[int, str]] = field(default_factory=list)


def parse(text: str) -> list[Node]:
    """In one pass: what is around a bracket is one only if all that is within is whole, so a wrong
    one lets go of all that are open."""
    nodes: list[Node] = []
    frames: list[_Frame] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\\":
            return [text]
        if token in ("(", "["):
            nodes.append(token)
            frames.append(_Frame(token, len(nodes)))
        elif token in (":", "|"):
            if token == "|" and not frames:
                return [text]
            if frames:
                frames[-1].marks.append((len(nodes), token))
            nodes.append(token)
        elif token in (")", "]"):
            if not frames or not _closes(frames[-1], token, nodes):
                if _has_bar(frames):
                    return [text]
                frames.clear()
                nodes.append(token)
            else:
                frames.pop()
        else:
            nodes.append(token)
    return [text] if _has_bar(frames) else nodes


def _has_bar(frames: Sequence[_Frame]) -> bool:
    """Is one left over where these are no brackets after all?"""
    return any(mark == "|" for frame in frames for _, mark in frame.marks)


def _closes(frame: _Frame, token: str, nodes: list[Node]) -> bool:
    """End `frame`; False where that makes no bracket."""
    colons = sum(mark == ":" for _, mark in frame.marks)
    bars = len(frame.marks) - colons
    if frame.bracket + token == "()":
        is_whole = not bars and colons <= 1
    else:
        is_whole = frame.bracket + token == "[]" and not (bars and colons) and colons <= 2
    if not is_whole:
        return False
    if token == ")" or not frame.marks:
        nodes.append(token)
        return True
    parts = _parts(frame, nodes)
    node: Node = Alternate(tuple(parts)) if bars else _switch(parts)
    if node is None:
        return False
    nodes[frame.begin - 1 :] = [node]
    return True


def _parts(frame: _Frame, nodes: list[Node]) -> list[tuple[Node, ...]]:
    edges = [frame.begin - 1, *(place for place, _ in frame.marks), len(nodes)]
    return [tuple(nodes[edges[n] + 1 : edges[n + 1]]) for n in range(len(edges) - 1)]


def _switch(parts: list[tuple[Node, ...]]) -> Switch | None:
    *texts, number = parts
    when = _NUMBER.fullmatch(number[0]) if len(number) == 1 and isinstance(number[0], str) else None
    if when is None:
        return None
    before, after = texts if len(texts) == 2 else ((), texts[0])
    return Switch(before, after, when[1])


def _ends(nodes: Sequence[Node], steps: int, begun: Begun) -> Iterator[int]:
    """After which steps something may change."""
    left = list(nodes)
    while left:
        node = left.pop()
        if isinstance(node, Switch):
            if (end := node.step(steps, begun)) >= 1:
                yield end
            left += [*node.before, *node.after]
        elif isinstance(node, Alternate):
            yield from range(1, steps + 1)
            left += [inner for option in node.options for inner in option]


def _at(nodes: Sequence[Node], step: int, steps: int, begun: Begun) -> str:
    text: list[str] = []
    left = list(reversed(nodes))
    while left:
        node = left.pop()
        if isinstance(node, str):
            text.append(node)
        elif isinstance(node, Switch):
            left += reversed(node.before if step <= node.step(steps, begun) else node.after)
        else:
            left += reversed(node.options[(step - 1) % len(node.options)])
    return "".join(text)

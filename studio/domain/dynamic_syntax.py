"""Prompts that are many, taken apart: wildcards, and braces with what stands in them.

Nothing is ever an error here: what means nothing is text. `dynamic_prompts` says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_IN_NAME = r"[^\n{}()|#,:;<>$\"\\_]"
_TOKEN = re.compile(
    r"(?P<escaped>\\.)"
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<tag><(?:lora|lyco|hypernet):)"
    rf"|__(?P<wildcard>(?:[^\W_]|\*){_IN_NAME}{{0,200}}(?:_{_IN_NAME}{{1,200}}){{0,20}})__"
    r"|(?P<brace>[{}|])",
    re.DOTALL,
)
_TAG_END = re.compile(r"[^<>\n]*>")
_WEIGHT = re.compile(r"\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})\s*::")
_HOW_MANY = re.compile(r"\s*(?:(\d{0,4})-(\d{0,4})|(\d{1,4}))\$\$(?:([^|{}$]*)\$\$)?")


@dataclass(frozen=True)
class Entry:
    """A line of a wildcard: a prompt of its own, and how often it comes."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Wildcard:
    """`is_name`: it stands in the tag of a network and may be a part of its name."""

    name: str
    is_name: bool


@dataclass(frozen=True)
class Option:
    weight: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """`least` to `most` of the options are taken; `most` None: up to all."""

    options: tuple[Option, ...]
    least: int = 1
    most: int | None = 1
    separator: str = ", "

    def bounds(self, count: int) -> tuple[int, int]:
        """How many are taken of `count`."""
        most = count if self.most is None else min(self.most, count)
        return min(self.least, most), most


Node = str | Wildcard | Choice


def parse_entry(line: str) -> Entry | None:
    """A line of a wildcard's file; None for a comment or an empty one."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    weight = _WEIGHT.match(text)
    if weight:
        return Entry(text[weight.end() :].strip(), float(weight[1]))
    return Entry(text)


def named(prompt: str) -> list[str]:
    """The wildcards in it, each once, in their order."""
    names: dict[str, None] = {}
    waiting: list[Node] = list(read(prompt))
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Wildcard):
            names[node.name] = None
        elif isinstance(node, Choice):
            waiting[:0] = [inner for option in node.options for inner in option.nodes]
    return list(names)


def places(prompt: str) -> list[tuple[str, int, int]]:
    """(name, start, end) of each wildcard as it stands in it, those in names of networks too."""
    found = (match for match in _TOKEN.finditer(prompt) if match["wildcard"])
    return [(match["wildcard"], *match.span()) for match in found]


def read(prompt: str) -> list[Node]:
    """The prompt taken apart. Linear in its length."""
    tokens = list(_tokens(prompt))
    paired = _paired(tokens)
    levels: list[list[list[Node | list[str]]]] = [[[]]]
    """Of each brace that is open its options; texts are lists of their pieces until it closes."""
    for place, token in enumerate(tokens):
        if token == "{" and place in paired:
            levels.append([[]])
        elif token == "}" and place in paired:
            options = levels.pop()
            levels[-1][-1].append(_choice([list(map(_joined, nodes)) for nodes in options]))
        elif token == "|" and len(levels) > 1:
            levels[-1].append([])
        else:
            _append(levels[-1][-1], token)
    return [_joined(node) for node in levels[0][0]]


def _append(nodes: list[Node | list[str]], token: str | Wildcard) -> None:
    if not isinstance(token, str):
        nodes.append(token)
    elif nodes and isinstance(nodes[-1], list):
        nodes[-1].append(token)
    else:
        nodes.append([token])


def _joined(node: Node | list[str]) -> Node:
    return "".join(node) if isinstance(node, list) else node


def _paired(tokens: Sequence[str | Wildcard]) -> set[int]:
    """Places of the braces that have a partner, and between them a bar of their own or $$: all
    others are letters."""
    waiting: list[list[int]] = []
    """Place of each that is open, and how many bars it has."""
    paired: set[int] = set()
    for place, token in enumerate(tokens):
        if token == "{":
            waiting.append([place, 0])
        elif token == "|" and waiting:
            waiting[-1][1] += 1
        elif token == "}" and waiting:
            start, bars = waiting.pop()
            first = tokens[start + 1]
            if bars or (isinstance(first, str) and _HOW_MANY.match(first)):
                paired |= {start, place}
    return paired


def _tokens(prompt: str) -> Iterator[str | Wildcard]:
    """Single braces and bars, wildcards, and the text between them."""
    at = tag_end = 0
    for match in _TOKEN.finditer(prompt):
        if match.start() > at:
            yield prompt[at : match.start()]
        at = match.end()
        if match["tag"]:
            end = _TAG_END.match(prompt, at)
            tag_end = end.end() if end else tag_end
        if match["wildcard"]:
            yield Wildcard(match["wildcard"], match.start() < tag_end)
        else:
            yield match[0]
    if at < len(prompt):
        yield prompt[at:]


def _choice(options: list[list[Node]]) -> Choice:
    first = options[0]
    how_many = _HOW_MANY.match(first[0]) if first and isinstance(first[0], str) else None
    fields: dict[str, Any] = {}
    if how_many:
        first[0] = first[0][how_many.end() :]
        low, high, exactly, separator = how_many.groups()
        least = int(exactly or low or 1)
        most = int(exactly) if exactly else int(high) if high else None
        fields = {"least": min(least, most if most is not None else least), "most": most}
        fields |= {} if separator is None else {"separator": separator}
    return Choice(tuple(_option(nodes) for nodes in options), **fields)


def _option(nodes: list[Node]) -> Option:
    """Its weight and what it is, without the blanks around it."""
    weight = 1.0
    if nodes and isinstance(nodes[0], str):
        said = _WEIGHT.match(nodes[0])
        if said:
            weight = float(said[1])
            nodes[0] = nodes[0][said.end() :]
        nodes[0] = nodes[0].lstrip()
    if nodes and isinstance(nodes[-1], str):
        nodes[-1] = nodes[-1].rstrip()
    return Option(weight, tuple(node for node in nodes if node != ""))

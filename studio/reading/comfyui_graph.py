"""Graphs of ComfyUI, of unknown origin. Links may lead nowhere or in circles: no node is looked at
twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from studio.reading.draft import as_number

MOST_NODES = 5000
BYPASSED = "Bypassed"


@dataclass
class Node:
    """`inputs`: name -> value, or `Link`. One that is bypassed is of the kind `BYPASSED`, and has
    links alone."""

    id: str
    kind: str
    inputs: dict[str, Any] = field(default_factory=dict)

    def link(self, *names: str) -> Link | None:
        """The first of the inputs `names` that is a link."""
        values = (self.inputs.get(name) for name in names)
        return next((value for value in values if isinstance(value, Link)), None)


@dataclass(frozen=True)
class Link:
    """To output `slot` of node `id`."""

    id: str
    slot: int = 0


Graph = dict[str, Node]


def of_prompt(record: Any) -> Graph | None:
    """A graph as it is run: id -> class_type and inputs. None where it is none."""
    if not isinstance(record, dict):
        return None
    graph: Graph = {}
    for id, said in list(record.items())[:MOST_NODES]:
        if isinstance(said, dict) and isinstance(said.get("class_type"), str):
            inputs = said.get("inputs")
            values = inputs if isinstance(inputs, dict) else {}
            linked = {name: _linked(value) for name, value in values.items()}
            graph[id] = Node(id, said["class_type"], linked)
    return graph or None


def _linked(value: Any) -> Any:
    is_link = isinstance(value, list) and len(value) == 2 and type(value[1]) is int
    return Link(str(value[0]), value[1]) if is_link else value


def upstream(graph: Graph, link: Link | None, *names: str) -> Iterator[tuple[Node, int]]:
    """(Node, the output of it) from `link` on: at each, the first input of `names` that is a link
    is followed. Ends where there is none, and in a circle."""
    seen: set[str] = set()
    while link is not None and link.id in graph and link.id not in seen:
        seen.add(link.id)
        node = graph[link.id]
        yield node, link.slot
        link = node.link(*names)


def ancestors(graph: Graph, start: Node) -> Iterator[Node]:
    """`start` and all nodes that it depends on, nearest first."""
    seen, waiting = {start.id}, [start]
    for node in waiting:
        yield node
        for value in node.inputs.values():
            if isinstance(value, Link) and value.id in graph and value.id not in seen:
                seen.add(value.id)
                waiting.append(graph[value.id])


_OF_NUMBERS = ("value", "seed", "noise_seed", "int", "float", "number", "Value", "a", "input")
_OF_TEXTS = (
    *("populated_text", "text", "string", "value", "prompt", "positive", "text_0", "result"),
    *("text_g", "text_l", "wildcard_text", "Text", "String", "input", "anything", "source"),
)


def number(graph: Graph, value: Any, called: str = "") -> int | float | None:
    """What an input comes to, also where nodes that hold or pass on numbers are linked to it; of
    these an input that is `called` so comes first."""
    for _ in range(64):
        if not isinstance(value, Link):
            return as_number(value)
        held = _held(graph.get(value.id), (called, *_OF_NUMBERS))
        value = next((v for v in held if isinstance(v, Link) or as_number(v) is not None), None)
    return None


def text(graph: Graph, value: Any, called: str = "", depth: int = 0) -> str | None:
    """The same for text; what is joined there is joined here."""
    if isinstance(value, str):
        return value
    node = graph.get(value.id) if isinstance(value, Link) and depth < 32 else None
    if node is None:
        return None
    if any(word in node.kind.lower() for word in ("concat", "join", "combine")):
        return _joined(graph, node, depth)
    for one in _held(node, (called, *_OF_TEXTS)):
        found = text(graph, one, called, depth + 1)
        if found is not None:
            return found
    return None


def _held(node: Node | None, names: tuple[str, ...]) -> list[Any]:
    """What a node may hand on: its inputs `names`, then widgets without a name."""
    if node is None:
        return []
    widgets = node.inputs.get("widgets")
    held = [node.inputs[name] for name in names if name in node.inputs]
    return held[:4] + (widgets[:20] if isinstance(widgets, list) else [])


_GLUE = ("delimiter", "separator", "glue")


def _joined(graph: Graph, node: Node, depth: int) -> str:
    glue = next(
        (node.inputs[name] for name in _GLUE if isinstance(node.inputs.get(name), str)), ", "
    )
    pieces = []
    for name, value in list(node.inputs.items())[:32]:
        is_text = isinstance(value, Link) or name.lower().startswith(("text", "string", "prompt"))
        if is_text and name not in _GLUE and depth < 8:
            pieces.append(text(graph, value, depth=depth + 1))
    return glue.replace("\\n", "\n").join(piece for piece in pieces if piece)

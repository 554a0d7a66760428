"""Lines of the studio's own source, to be read beside what they do."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Excerpt:
    """`text` begins at `line`, counted from 1, of `file` below the installed package."""

    file: str
    line: int
    text: str


@cache
def excerpt(file: str, name: str) -> Excerpt:
    """What `name` (a function, a class, or "Class.method") is in `file`, which is below studio/.
    Raises KeyError where there is none."""
    source = (_PACKAGE / file).read_text("utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        node = next((one for one in ast.iter_child_nodes(node) if _name(one) == part), None)
        if node is None:
            raise KeyError(f"{file} has no {name}")
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    indent = len(lines[0]) - len(lines[0].lstrip())
    return Excerpt(f"studio/{file}", node.lineno, "\n".join(line[indent:] for line in lines))


def _name(node: ast.AST) -> str | None:
    return getattr(node, "name", None)

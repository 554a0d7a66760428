"""The project's source as the tests of its architecture read it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import studio

PACKAGE = Path(studio.__file__).parent
ROOT = PACKAGE.parent
STATIC = PACKAGE / "ui" / "static"
FILES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(STATIC.rglob("*.js"))


def name_of(path: Path) -> str:
    """`jobs.queue` for studio/jobs/queue.py, `` for the root."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """(line, module) of every import statement, wherever in the file it stands."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            for alias in node.names:
                submodule = ROOT / (node.module + "." + alias.name).replace(".", "/")
                is_module = submodule.with_suffix(".py").exists() or submodule.is_dir()
                yield node.lineno, f"{node.module}.{alias.name}" if is_module else node.module


def python_graph() -> dict[str, set[str]]:
    """Module of the package -> those it imports, at its top or inside a function."""
    names = {name_of(path) for path in FILES}
    return {
        name_of(path): {
            inner
            for _, module in imports(path)
            if module.partition(".")[0] == "studio" and (inner := module[len("studio.") :]) in names
        }
        for path in FILES
    }


def script_graph() -> dict[str, set[str]]:
    """Script of the page -> those it imports, by their paths in `STATIC`."""
    graph = {}
    for path in SCRIPTS:
        source = path.read_text("utf-8")
        named = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']""", source)
        targets = {(path.parent / name).resolve() for name in named}
        missing = sorted(str(target) for target in targets if not target.exists())
        assert not missing, f"{path} imports what is not there: {missing}"
        graph[str(path.relative_to(STATIC))] = {
            str(target.relative_to(STATIC.resolve())) for target in targets
        }
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other (strongly connected components), sorted."""
    reached = {node: _reached(graph, node) for node in graph}
    groups = {
        frozenset(other for other in reached[node] if node in reached[other])
        for node in graph
        if node in reached[node]
    }
    return sorted(sorted(group) for group in groups)


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """All nodes at the end of a way of at least one arrow from `start`."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen

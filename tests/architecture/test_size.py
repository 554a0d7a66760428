"""Small pieces: no long function, no wide signature, no long file. The messages say which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("studio", "tests", "benchmarks")
    for kind in ("py", "js", "css", "html")
    for path in sorted((ROOT / folder).rglob(f"*.{kind}"))
]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_POSITIONAL = 6

each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


@each_source
def test_no_file_is_long(path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{path} has {lines} lines"


@each_source
def test_no_function_is_long_or_wide(path):
    if path.suffix != ".py":
        return
    wrong = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            positional = len(names) - (names[:1] in (["self"], ["cls"]))
            if lines > MAX_FUNCTION_LINES:
                wrong.append(f"{path}:{node.lineno} {node.name} has {lines} lines")
            if positional > MAX_POSITIONAL:
                wrong.append(f"{path}:{node.lineno} {node.name} takes {positional} positionals")
    assert not wrong, "\n".join(wrong)

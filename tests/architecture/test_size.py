"""Small pieces: no long function, no wide signature, no long file. The messages say which."""

from __future__ import annotations

import ast

from tests.architecture.source import ROOT

SOURCES = [
    path
    for folder in ("studio", "tests", "benchmarks")
    for kind in ("py", "js", "css", "html")
    for path in sorted((ROOT / folder).rglob(f"*.{kind}"))
]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_POSITIONAL = 6


def test_no_file_is_long():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    wrong = [f"{path} has {count} lines" for path, count in lines.items() if count > MAX_FILE_LINES]
    assert not wrong, "\n".join(wrong)


def test_no_function_is_long_or_wide():
    wrong = []
    for path in (path for path in SOURCES if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            lines = node.end_lineno - node.lineno + 1
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            positional = len(names) - (names[:1] in (["self"], ["cls"]))
            if lines > MAX_FUNCTION_LINES:
                wrong.append(f"{path}:{node.lineno} {node.name} has {lines} lines")
            if positional > MAX_POSITIONAL:
                wrong.append(f"{path}:{node.lineno} {node.name} takes {positional} positionals")
    assert not wrong, "\n".join(wrong)

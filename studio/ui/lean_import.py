"""Gradio imported without writing stubs.

Whenever Gradio is imported, it parses the source of each of its components and writes a stub
beside it (`.pyi`), which tells editors of the methods that it adds. That is half of its import, and
nobody edits a studio that runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_WRITER = "gradio.component_meta"


def write_no_stubs() -> None:
    """From now on. Nothing happens where Gradio was imported before."""
    if _WRITER not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the one module that writes stubs; all others are found as ever."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _WRITER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]

"""Names for model files that a test has written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain.family import ModelFamily
from studio.domain.refs import ModelFacts, ModelFile, ModelRef


def ref_to(
    name: str, kind: str, path: Path, family: ModelFamily | None = None, **facts: Any
) -> ModelRef:
    """As the catalog would name what lies at `path`; `facts` are further ones of `ModelFacts`."""
    file = ModelFile(path, facts.pop("size_bytes", 0), is_folder=path.is_dir())
    return ModelRef(name, file, ModelFacts(kind, family, **facts))


def with_facts(ref: ModelRef, **facts: Any) -> ModelRef:
    """`ref` as a model of which some facts are others than its header tells."""
    return replace(ref, facts=replace(ref.facts, **facts))

"""What a model file or folder is: no weights read, nothing run, no torch, milliseconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.catalog.header import read_header
from studio.catalog.ncnn_header import is_ncnn, read_ncnn_header
from studio.catalog.pickle_header import SUFFIXES as PICKLES
from studio.catalog.pickle_header import read_pickle
from studio.catalog.probe_folder import probe_folder
from studio.catalog.probe_header import probe_header
from studio.catalog.probe_pickle import probe_pickle
from studio.catalog.quantized import quantization
from studio.domain.files import as_text
from studio.domain.refs import ModelFacts

SAFETENSORS = (".safetensors", ".sft")


def probe(path: Path) -> ModelFacts:
    """What the file, or the folder in diffusers layout, holds. Raises `CheckpointError` if that
    cannot be told because it is damaged, no model at all, or cannot be read."""
    facts = _probed(path)
    return replace(facts, problem=as_text(facts.problem)) if facts.problem else facts


def _probed(path: Path) -> ModelFacts:
    if path.is_dir():
        return probe_folder(path)
    if is_ncnn(path):
        return probe_header(path.name, read_ncnn_header(path))
    is_pickle = path.suffix.lower() in PICKLES
    header = read_pickle(path).header if is_pickle else read_header(path)
    facts = probe_pickle(path, header) if is_pickle else probe_header(path.name, header)
    problem = quantization([(path, header)]).problem
    return replace(facts, problem=f"{path.name} {problem}") if problem else facts

"""What a model file or folder is: no weights read, nothing run, no torch, milliseconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.catalog.header import read_header
from studio.catalog.ncnn_header import is_ncnn, read_ncnn_header
from studio.catalog.onnx_header import SUFFIX as ONNX
from studio.catalog.onnx_header import read_onnx_header
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
    if path.suffix.lower() == ONNX:
        return _of_onnx(path)
    if is_ncnn(path):
        return probe_header(path.name, read_ncnn_header(path))
    if path.suffix.lower() in PICKLES:
        pickle = read_pickle(path)
        header, facts = pickle.header, probe_pickle(path, pickle)
    else:
        header = read_header(path)
        facts = probe_header(path.name, header)
    problem = quantization([(path, header)]).problem
    return replace(facts, problem=f"{path.name} {problem}") if problem else facts


def _of_onnx(path: Path) -> ModelFacts:
    """A detector of the YOLO family tells the names of its classes."""
    header = read_onnx_header(path)
    if header.classes:
        task = header.notes.get("task", "detect")
        return ModelFacts("detector", architecture="yolo", task=task, classes=header.classes)
    return ModelFacts(
        "unknown",
        problem=f"{path.name} is a network in ONNX that is no detector: it names no classes. Only "
        "YOLO networks are run from such files.",
    )

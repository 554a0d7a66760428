"""Weights kept as small numbers with companions beside them that tell what they stand for.

One form is understood: a weight of 8 bits, floating or whole, times a scale, one number for all of
it or one a row, which lies beside it as `<weight>_scale` or `<module>.scale_weight`. What is kept
in any other form is refused in words: drawn without its companions it would give wrong pictures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from studio.catalog.header import Header, TensorInfo
from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

_WIDE = frozenset(("F64", "F32", "F16", "BF16"))
_SMALL = frozenset(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"))
_PLAIN = _WIDE | {"I64"}

_TELLING = ("scale", "quant", "absmax", "smooth", "qweight", "qzeros", "SCB", "zero_point", "svd_")
"""Without any of these in its names and without small numbers, a file has no companions."""

_FOREIGN = frozenset((
    "absmax", "nested_absmax", "quant_map", "nested_quant_map", "quant_state", "SCB",
    "weight_format", "smooth", "smooth_factor", "smooth_orig", "qweight", "qzeros", "g_idx",
    "wscales", "wcscales", "weight_scale_2", "weight_scale_inv", "zero_point",
    "weight_zero_point", "svd_up", "svd_down", "_data", "_scale",
))  # fmt: skip
"""Parts of the names of companions that bitsandbytes, GPTQ, Nunchaku, NVFP4, SDNQ, Quanto write."""

_OF_INPUTS = ("scale_input", "input_scale")
"""For programs that make the layer's inputs small too, which is not done here."""
_MARKS = ("scaled_fp8", "comfy_quant")
_KNOWN = frozenset(("weight", "bias", "scale_weight", "weight_scale", *_OF_INPUTS, *_MARKS))

_NOTE_FORMATS = ("float8_e4m3fn", "float8_e5m2", "int8_tensorwise")
_NOTE_KEYS = {"format", "full_precision_matrix_mult"}
_METADATA = "_quantization_metadata"
_MAX_NOTE_BYTES = 1024


class Quantization(NamedTuple):
    """scales      weight -> the name of what it is multiplied by
    companions  names that are no weights: the scales, and marks that nothing needs
    problem     why the weights cannot be read, with the next step; "" if they can
    """

    scales: Mapping[str, str]
    companions: frozenset[str]
    problem: str = ""


NONE = Quantization({}, frozenset())


def quantization(files: Sequence[tuple[Path, Header]]) -> Quantization:
    """Of a file, or of a part's shards together. Raises `CheckpointError` if one cannot be read."""
    if not any(_may_be_quantised(header) for _, header in files):
        return NONE
    tensors = {name: info for _, header in files for name, info in header.tensors.items()}
    scales = _scales(tensors)
    marks = {name for name in tensors if _is_mark(name, tensors)}
    cause = (
        _foreign_companion(tensors)
        or _bad_scale(tensors, scales)
        or _unreadable(tensors, scales, marks)
        or next((cause for each in files if (cause := _foreign_note(*each))), "")
    )
    problem = cause and (
        f"is quantised in a form that the studio cannot read: {cause}. Get it in 16 bits, or as "
        "plain or scaled fp8."
    )
    return Quantization(scales, frozenset((*scales.values(), *marks)), problem)


def _may_be_quantised(header: Header) -> bool:
    if not header.dtypes <= _PLAIN or _METADATA in header.metadata:
        return True
    text = "\n".join(header.shapes)
    return any(part in text for part in _TELLING)


def _scales(tensors: Mapping[str, TensorInfo]) -> dict[str, str]:
    scales = {}
    for name in tensors:
        module, _, leaf = name.rpartition(".")
        weight = f"{module}.weight" if leaf == "scale_weight" else name.removesuffix("_scale")
        if weight != name and weight in tensors:
            scales[weight] = name
    return scales


def _is_mark(name: str, tensors: Mapping[str, TensorInfo]) -> bool:
    module, _, leaf = name.rpartition(".")
    return leaf in _MARKS or leaf in _OF_INPUTS and f"{module}.weight" in tensors


def _foreign_companion(tensors: Mapping[str, TensorInfo]) -> str:
    """By its name; or as it stands beside a weight of small numbers, where nothing else does."""
    small = {
        name.removesuffix("weight")
        for name, info in tensors.items()
        if name.endswith(".weight") and info.dtype not in _PLAIN
    }
    for name in tensors:
        module, dot, leaf = name.rpartition(".")
        beside = module + dot in small and leaf not in _KNOWN
        within = f"{name.rpartition('.weight.')[0]}." in small and ".weight." in name
        if beside or within or not _FOREIGN.isdisjoint(name.split(".")):
            return f"it has {name}"
    return ""


def _bad_scale(tensors: Mapping[str, TensorInfo], scales: Mapping[str, str]) -> str:
    for weight, scale in scales.items():
        shape, of = tensors[scale].shape, tensors[weight].shape
        a_row = len(shape) <= len(of) and shape[:1] == of[:1] and math.prod(shape[1:]) == 1
        if tensors[scale].dtype not in _WIDE or not (math.prod(shape) == 1 or a_row):
            return f"{scale} is neither one number nor one a row"
    return ""


def _unreadable(
    tensors: Mapping[str, TensorInfo], scales: Mapping[str, str], marks: Iterable[str]
) -> str:
    """A weight of whole or packed numbers, unless it is one of 8 bits with its scale."""
    others = {*scales.values(), *marks}
    for name, info in tensors.items():
        if info.dtype in _WIDE or info.dtype in _SMALL or name in others:
            continue
        is_matrix = len(info.shape) > 1 and info.dtype not in ("I64", "BOOL")
        if not (is_matrix or name.endswith("weight")) or name.endswith("position_ids"):
            continue
        if info.dtype != "I8" or name not in scales:
            return f"{name} has numbers of the format {info.dtype}"
    return ""


def _foreign_note(path: Path, header: Header) -> str:
    """What ComfyUI notes of each layer, in tensors of text or in the metadata."""
    texts = {bytes(_read(path, header, name)) for name in header.shapes if _is_note(name)}
    try:
        notes = [json.loads(text) for text in texts]
        metadata = json.loads(header.metadata.get(_METADATA, "{}"))
        notes += list(metadata.get("layers", {}).values())
        if all(each["format"] in _NOTE_FORMATS and each.keys() <= _NOTE_KEYS for each in notes):
            return ""
        return "its notes name another form"
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return "its notes about that make no sense"


def _is_note(name: str) -> bool:
    return name.endswith("comfy_quant")


def _read(path: Path, header: Header, name: str) -> bytes:
    info = header.tensors[name]
    try:
        with open_file(path) as file:
            file.seek(header.data_offset + info.start)
            return file.read(min(info.end - info.start, _MAX_NOTE_BYTES))
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None

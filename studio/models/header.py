"""The header of a safetensors file: what tensors it holds and where, read without the tensors.

The format: 8 bytes, the header's length N as a little-endian number; N bytes of JSON, tensor name
-> {"dtype", "shape", "data_offsets"}, with an optional `__metadata__` of strings; then the
tensors, end to end. Everything in a header is checked here, before any library reads the file.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pydantic_core

from studio.domain.errors import CheckpointError

MAX_HEADER_BYTES = 16 * 2**20
"""A real header has at most 1 MB. One of 90 MB would cost a library seconds and a gigabyte."""

MAX_DIMENSIONS = 16

BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
}  # fmt: skip
"""Number format -> bits of one number."""

TORCH_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U64": "uint64",
    "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
"""Number format -> its name in torch, where it has one."""


class TensorInfo(NamedTuple):
    """One tensor. `dtype` as in the file ("F16"); `start` and `end` in bytes from the file's
    `Header.data_offset`."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """tensors      name -> what and where, in the file's order
    metadata     the strings its writer left
    data_offset  byte of the file where the tensors begin
    """

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    data_offset: int

    @property
    def data_bytes(self) -> int:
        return max((info.end for info in self.tensors.values()), default=0)

    @property
    def dtype(self) -> str:
        """The number format of most of its bytes, as in torch; "" of an empty file."""
        total: dict[str, int] = {}
        for dtype, _, start, end in self.tensors.values():
            total[dtype] = total.get(dtype, 0) + end - start
        most = max(total, key=total.__getitem__, default="")
        return TORCH_NAMES.get(most, most.lower())


def read_header(path: Path) -> Header:
    """The header of `path`, checked. Raises `CheckpointError` for a file that is not safetensors
    (and says what it is instead), cut short, damaged, empty, or cannot be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = _header_length(path.name, file.read(_SNIFFED), size)
            file.seek(8)
            text = file.read(length)
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    if len(text) < length:
        raise _cut_short(path.name, size, 8 + length)
    tensors, metadata = _parsed(path.name, text)
    _check_layout(path.name, tensors, size - 8 - length)
    return Header(tensors, metadata, 8 + length)


_SNIFFED = 512
"""Bytes that tell what kind of file it is."""


def _header_length(name: str, begin: bytes, size: int) -> int:
    """The length that the file's first bytes give, if they are those of a safetensors file."""
    if size == 0:
        raise CheckpointError(f"{name} is empty. Copy or download it again.")
    looks_right = begin[6:9] == b"\0\0{"
    foreign = None if looks_right else foreign_kind(begin)
    if foreign:
        raise CheckpointError(f"{name} is no safetensors file: it is {foreign}")
    if not any(begin):
        raise CheckpointError(f"{name} holds only zeros so far. Copy or download it again.")
    if len(begin) < 10:
        raise CheckpointError(f"{name} has only {size} bytes. Copy or download it again.")
    length = int.from_bytes(begin[:8], "little")
    if not looks_right:
        raise CheckpointError(
            f"{name} is no safetensors file. Copy or download it again, or remove it."
        )
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{name} claims a header of {length:,} bytes; no model needs more than "
            f"{MAX_HEADER_BYTES:,}. It is damaged or made to do harm: remove it."
        )
    if length + 8 > size:
        raise _cut_short(name, size, length + 8)
    return length


_MAGIC = (
    (b"PK\x03\x04", "a PyTorch pickle or another zip archive under a wrong name. {convert}"),
    (b"version https://git-lfs", "only a git-lfs pointer. Fetch the file itself: git lfs pull."),
    (b"GGUF", "a GGUF file, which the studio cannot use."),
    (b"\x1f\x8b", "a gzip archive. Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive. Unpack it first."),
    (b"Rar!", "a RAR archive. Unpack it first."),
    (b"\x89HDF", "an HDF5 file, which the studio cannot use."),
    (b"\x89PNG", "a picture."),
    (b"\xff\xd8\xff", "a picture."),
)
_CONVERT = "Name it .ckpt if it is one, and convert it to safetensors."


def foreign_kind(begin: bytes) -> str | None:
    """What a file that begins with these bytes is, with the next step; None: none of those that
    are often found under the name of a safetensors file."""
    for magic, words in _MAGIC:
        if begin.startswith(magic):
            return words.format(convert=_CONVERT)
    if begin[:1] == b"\x80" and begin[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return f"a Python pickle under a wrong name. {_CONVERT}"
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "a web page, perhaps a site's login or error page. Download it in a browser."
    if text.startswith((b'{"', b"[")) and b"\0" not in begin:
        return "a text in JSON, perhaps a site's error message. Download it again."
    return None


def _parsed(name: str, text: bytes) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Tensors and metadata, each of the right type and each tensor of the length of its shape."""
    try:
        found = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _damaged(name, f"its header is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _damaged(name, "its header is no JSON object")
    metadata = found.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not set(map(type, metadata.values())) <= {str}:
        raise _damaged(name, "its metadata are not strings")
    tensors: dict[str, TensorInfo] = {}
    numbers: list[Any] = []
    tensor = "the header"
    try:
        for tensor, info in found.items():
            dtype, shape, (start, end) = info["dtype"], info["shape"], info["data_offsets"]
            if len(info) != 3 or len(shape) > MAX_DIMENSIONS:
                raise ValueError
            if math.prod(shape) * BITS[dtype] != (end - start) * 8:
                raise ValueError
            numbers += shape
            numbers += start, end
            tensors[tensor] = TensorInfo(dtype, tuple(shape), start, end)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise _damaged(name, f"shape and length of {tensor[:200]!r} do not fit") from None
    if not set(map(type, numbers)) <= {int} or min(numbers, default=0) < 0:
        raise _damaged(name, "a shape or offset is no whole number")
    return tensors, metadata


def _check_layout(name: str, tensors: dict[str, TensorInfo], data_bytes: int) -> None:
    """The tensors lie end to end, without holes or overlaps, and fill the file."""
    at = 0
    for start, end in sorted((info.start, info.end) for info in tensors.values()):
        if start != at:
            wrong = "overlap" if start < at else "leave holes"
            raise _damaged(name, f"its tensors {wrong}")
        at = end
    if at > data_bytes:
        raise _cut_short(name, data_bytes, at)
    if at < data_bytes:
        raise _damaged(name, f"{data_bytes - at:,} bytes follow that belong to no tensor")


def _damaged(name: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{name} is damaged: {cause}. Copy or download it again.")


def _cut_short(name: str, present: int, whole: int) -> CheckpointError:
    return CheckpointError(
        f"{name} is cut short: {present:,} of {whole:,} bytes are there. Copy or download it again."
    )

"""The header of a safetensors file: what tensors it holds and where, read without the tensors.

The format: 8 bytes, the header's length N as a little-endian number; N bytes of JSON, tensor name
-> {"dtype", "shape", "data_offsets"}, with an optional `__metadata__` of strings; then the
tensors, end to end. Everything in a header is checked here, before any library reads the file.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, NamedTuple

import pydantic_core

from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

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
    `Header.data_offset`; `stride` in numbers, None: row after row."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    stride: tuple[int, ...] | None = None


class _Columns(NamedTuple):
    """The same as columns, which are checked many times faster than rows."""

    names: Sequence[str]
    dtypes: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    starts: Sequence[int]
    ends: Sequence[int]
    strides: Sequence[tuple[int, ...] | None] = ()


class Header:
    """tensors      name -> what and where, in the file's order; names are `unwrapped`
    shapes       name -> shape
    metadata     the strings its writer left
    data_offset  byte of the file where the tensors begin
    data_bytes   how many bytes of tensors follow
    dtype        the number format of most of them, as in torch; "" of a file without any
    """

    def __init__(self, columns: _Columns, metadata: dict[str, str], data_offset: int) -> None:
        self._columns = columns = columns._replace(names=unwrapped(columns.names))
        self.metadata = metadata
        self.data_offset = data_offset
        self.data_bytes = max(columns.ends, default=0) - min(columns.starts, default=0)
        self.shapes = dict(zip(columns.names, columns.shapes, strict=True))

    @cached_property
    def tensors(self) -> dict[str, TensorInfo]:
        names, *facts = (column for column in self._columns if len(column))
        return dict(zip(names, map(TensorInfo, *facts), strict=True)) if facts else {}

    @property
    def dtypes(self) -> set[str]:
        """The number formats there are, as in the file."""
        return set(self._columns.dtypes)

    @cached_property
    def dtype(self) -> str:
        _, dtypes, _, starts, ends, _ = self._columns
        total = dict.fromkeys(dtypes, 0)
        if len(total) > 1:
            for dtype, start, end in zip(dtypes, starts, ends, strict=True):
                total[dtype] += end - start
        most = max(total, key=total.__getitem__, default="")
        return TORCH_NAMES.get(most, most.lower())


_WRAPPERS = re.compile(r"(?:(?<=^)|(?<=[._]))_orig_mod[._]|(?:(?<=^)|(?<=\.))module\.")


def unwrapped(names: Sequence[str]) -> Sequence[str]:
    """`names` without what compiling a module and training on several devices put before its
    weights' own: "_orig_mod." and "module.". As they are where two would become one."""
    text = "\n".join(names)
    if "_orig_mod" not in text and "module." not in text:
        return names
    plain = [_WRAPPERS.sub("", name) for name in names]
    return plain if len(set(plain)) == len(plain) else names


def header_of(rows: Sequence[tuple]) -> Header:
    """Of a file of another form, whose tensors were found by other means: (name, dtype, shape,
    start, end, stride) each, with places from the file's beginning."""
    return Header(_Columns(*(zip(*rows, strict=True) if rows else ((),) * 6)), {}, 0)


def read_header(path: Path) -> Header:
    """The header of `path`, checked. Raises `CheckpointError` for a file that is not safetensors
    (and says what it is instead), cut short, damaged, empty, or cannot be read."""
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = _header_length(path.name, file.read(_SNIFFED), size)
            file.seek(8)
            text = file.read(length)
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    if len(text) < length:
        raise _cut_short(path.name, size, 8 + length)
    columns, metadata = _as_usual(text) or _parsed(path.name, text)
    header = Header(columns, metadata, 8 + length)
    follow = size - header.data_offset - header.data_bytes
    if follow < 0:
        raise _cut_short(path.name, size, size - follow)
    if follow > 0:
        raise _damaged(path.name, f"{follow:,} bytes follow that belong to no tensor")
    return header


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
    for magic, description in _MAGIC:
        if begin.startswith(magic):
            return description.format(convert=_CONVERT)
    if begin[:1] == b"\x80" and begin[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return f"a Python pickle under a wrong name. {_CONVERT}"
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "a web page, perhaps a site's login or error page. Download it in a browser."
    if text.startswith((b'{"', b"[")) and b"\0" not in begin:
        return "a text in JSON, perhaps a site's error message. Download it again."
    return None


_ENTRY = re.compile(
    r'"([^"]+)":\{"dtype":"([A-Z0-9_]+","shape":\[[0-9,]*)\],'
    r'"data_offsets":\[([0-9]{1,18}),([0-9]{1,18})\]\},'
)
_ENTRY_LENGTH = len('"":{"dtype":"],"data_offsets":[,]},')
_METADATA = '{"__metadata__":'


def _as_usual(text: bytes) -> tuple[_Columns, dict[str, str]] | None:
    """The header in the one form that the safetensors library itself writes, checked, in less
    than half of the time; None if a single byte of it is otherwise, be it right or wrong."""
    try:
        body, metadata = text.decode("utf-8").rstrip(" "), {}
        if body.startswith(_METADATA):
            metadata, end = json.JSONDecoder().raw_decode(body, len(_METADATA))
            body = "{" + body[end + 1 :]
        rows = _ENTRY.findall(body[1:-1] + ",")
        if not rows or body[-1] != "}" or "\\" in body or not _are_strings(metadata):
            return None
        names, formats, starts, ends = zip(*rows, strict=True)
        read = sum(sum(map(len, column)) for column in (names, formats, starts, ends))
        if read + len(rows) * _ENTRY_LENGTH != len(body) - 1 or len(set(names)) != len(names):
            return None
        if starts != ("0", *ends[:-1]):
            return None
        parsed = {each: _format(each) for each in set(formats)}
    except (ValueError, KeyError, RecursionError):
        return None
    dtypes, shapes, lengths = zip(*map(parsed.__getitem__, formats), strict=True)
    stops = list(map(int, ends))
    if stops != list(accumulate(lengths)):
        return None
    return _Columns(names, dtypes, shapes, [0, *stops[:-1]], stops), metadata


def _format(text: str) -> tuple[str, tuple[int, ...], int]:
    """Dtype, shape and bytes of `F16","shape":[2,3`. Raises KeyError, ValueError."""
    dtype, shape = text.split('","shape":[')
    sides = tuple(map(int, shape.split(","))) if shape else ()
    return dtype, sides, _length(dtype, sides)


def _length(dtype: str, shape: tuple[int, ...]) -> int:
    """In bytes. Raises KeyError, ValueError for what cannot be."""
    if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise ValueError
    bytes_, rest = divmod(math.prod(shape) * BITS[dtype], 8)
    if rest:
        raise ValueError
    return bytes_


def _are_strings(metadata: Any) -> bool:
    return isinstance(metadata, dict) and set(map(type, metadata.values())) <= {str}


def _parsed(name: str, text: bytes) -> tuple[_Columns, dict[str, str]]:
    """Any other form of JSON, checked. Raises `CheckpointError`."""
    try:
        entries = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _damaged(name, f"its header is no JSON: {error}") from None
    if not isinstance(entries, dict):
        raise _damaged(name, "its header is no JSON object")
    metadata = entries.pop("__metadata__", None) or {}
    if not _are_strings(metadata):
        raise _damaged(name, "its metadata are not strings")
    dtypes, shapes, offsets = [], [], []
    try:
        for info in entries.values():
            if set(info) != {"dtype", "shape", "data_offsets"}:
                raise ValueError
            start, end = info["data_offsets"]
            dtypes.append(info["dtype"])
            shapes.append(tuple(info["shape"]))
            offsets.append((start, end))
    except (TypeError, ValueError):
        raise _damaged(name, "an entry of its header is none of a tensor") from None
    if not set(map(type, chain(*shapes, *offsets))) <= {int} or not set(map(type, dtypes)) <= {str}:
        raise _damaged(name, "a shape or offset is no whole number")
    starts, ends = zip(*offsets, strict=True) if offsets else ((), ())
    columns = _Columns(tuple(entries), dtypes, shapes, starts, ends)
    _check_lengths(name, columns)
    _check_order(name, columns)
    return columns, metadata


def _check_lengths(name: str, columns: _Columns) -> None:
    """Every tensor has the length of its shape."""
    for tensor, dtype, shape, start, end in zip(*columns[:5], strict=True):
        try:
            fits = end - start == _length(dtype, shape)
        except (KeyError, ValueError):
            fits = False
        if not fits:
            raise _damaged(name, f"shape and length of {tensor[:200]!r} do not fit")


def _check_order(name: str, columns: _Columns) -> None:
    """The tensors lie end to end, without holes or overlaps."""
    at = 0
    for start, end in sorted(zip(columns.starts, columns.ends, strict=True)):
        if start != at:
            wrong = "overlap" if start < at else "leave holes"
            raise _damaged(name, f"its tensors {wrong}")
        at = end


def _damaged(name: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{name} is damaged: {cause}. Copy or download it again.")


def _cut_short(name: str, present: int, whole: int) -> CheckpointError:
    return CheckpointError(
        f"{name} is cut short: {present:,} of {whole:,} bytes are there. Copy or download it again."
    )

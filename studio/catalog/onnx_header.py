"""The header of a network in ONNX: what its graph takes and gives, and its maker's notes.

ONNX is a protocol buffer, of which a few fields are read; the weights are stepped over. Nothing of
onnx is needed.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

SUFFIX = ".onnx"
_GRAPH, _NOTES, _INPUT, _OUTPUT, _NAME, _TYPE = 7, 14, 11, 12, 1, 2
"""Numbers of fields: of a model, of its graph, of what that takes or gives."""
_MOST_FIELDS = 200_000
_MOST_BYTES = 2**20
"""Of a field that is read."""
_MOST_CLASSES = 10_000

Shape = tuple[int, ...]


@dataclass(frozen=True)
class OnnxHeader:
    """inputs, outputs  name -> shape, with 0 for a side that is left open
    notes               what its maker noted, by name"""

    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    notes: dict[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that a YOLO network knows, by their numbers; () for others."""
        return _classes(self.notes.get("names", ""))


def read_onnx_header(path: Path) -> OnnxHeader:
    """Raises `CheckpointError` for a file that is none, or cannot be read."""
    inputs, outputs, notes = {}, {}, {}
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            for number, start, end in _fields(file, 0, size):
                if number == _NOTES:
                    told = dict(_texts(file, start, end))
                    notes[told.get(1, "")] = told.get(2, "")
                elif number == _GRAPH:
                    for inner, begin, stop in _fields(file, start, end):
                        if inner in (_INPUT, _OUTPUT):
                            name, shape = _value(file, begin, stop)
                            (inputs if inner == _INPUT else outputs)[name] = shape
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    except (ValueError, UnicodeDecodeError):
        raise CheckpointError(
            f"{path.name} is damaged, or no network in ONNX. Copy or download it again."
        ) from None
    if not outputs:
        raise CheckpointError(f"{path.name} is no network in ONNX: it gives nothing.")
    return OnnxHeader(inputs, outputs, notes)


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, begin, end) of each field that holds bytes. Raises ValueError."""
    at = start
    for _ in range(_MOST_FIELDS):
        if at >= end:
            return
        key, at = _number(file, at, end)
        kind = key & 7
        if kind == 2:
            length, at = _number(file, at, end)
            if at + length > end:
                raise ValueError
            yield key >> 3, at, at + length
            at += length
        elif kind == 0:
            _, at = _number(file, at, end)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError
    raise ValueError


def _number(file: BinaryIO, at: int, end: int) -> tuple[int, int]:
    """(The number that is written at `at`, seven bits a byte; where it ends)."""
    file.seek(at)
    value = 0
    for place, byte in enumerate(file.read(min(10, end - at))):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError


def _texts(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, str]]:
    for number, begin, stop in _fields(file, start, end):
        if stop - begin > _MOST_BYTES:
            raise ValueError
        file.seek(begin)
        yield number, file.read(stop - begin).decode("utf-8")


def _value(file: BinaryIO, start: int, end: int) -> tuple[str, Shape]:
    """Name and shape of what a graph takes or gives: name, type: tensor: shape: sides."""
    name, shape = "", []
    for number, begin, stop in _fields(file, start, end):
        if number == _NAME:
            file.seek(begin)
            name = file.read(min(stop - begin, 1000)).decode("utf-8", "replace")
        if number != _TYPE:
            continue
        for of_type, a, b in _fields(file, begin, stop):
            if of_type == 1:
                shapes = [(c, d) for n, c, d in _fields(file, a, b) if n == 2]
                shape = [_side(file, e, f) for c, d in shapes for _, e, f in _fields(file, c, d)]
    return name, tuple(shape)


def _side(file: BinaryIO, start: int, end: int) -> int:
    file.seek(start)
    if end - start < 2 or file.read(1) != b"\x08":
        return 0  # it has a name, or nothing
    return _number(file, start + 1, end)[0]


def _classes(text: str) -> tuple[str, ...]:
    """From a dict of numbers and names, or a list of names, as Python or JSON writes it."""
    found = None
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = found or read(text[:_MOST_BYTES])
    if isinstance(found, list | tuple):
        found = dict(enumerate(found))
    if not isinstance(found, dict) or not 0 < len(found) <= _MOST_CLASSES:
        return ()
    by_number = {int(number): str(name) for number, name in found.items() if _is_number(number)}
    return tuple(by_number.get(number, str(number)) for number in range(len(by_number)))


def _is_number(key: object) -> bool:
    return isinstance(key, int) or (isinstance(key, str) and key.isdecimal())

"""The header of an old PyTorch file (.ckpt, .pt, .pth, .bin): what tensors it holds and where.

There are two layouts: a zip archive of a pickle and uncompressed weights, and a chain of pickles
with the weights behind them. Both are read as data (`unpickling.py`); what comes of it is the same
`Header` as that of a safetensors file, so that whoever tells kinds or reads tensors knows one form.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from studio.catalog.header import BITS, Header, foreign_kind, header_of
from studio.catalog.unpickling import Described, Storage, unpickle
from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")

_ZIP = b"PK\x03\x04"
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""The first pickle of the older layout."""

_NESTS = ("state_dict", "model_state_dict", "params_ema", "params", "model", "string_to_param")
"""Under which names training programs keep the tensors, beside their own books; the last is that
of textual inversions."""


class Pickle(NamedTuple):
    """header   of the named tensors; none where the file holds no such
    foreign  names of classes and functions that it would have called, none of which was
    """

    header: Header
    foreign: tuple[str, ...]


class _Content(NamedTuple):
    """What was pickled, foreign names, and storage -> (first byte, bytes) of its numbers."""

    value: Any
    foreign: tuple[str, ...]
    places: dict[str, tuple[int, int]]


def read_pickle(path: Path) -> Pickle:
    """Raises `CheckpointError` for a file that is none of PyTorch's, cut short, damaged, empty, or
    cannot be read."""
    try:
        with open_file(path) as file:
            begin = file.read(512)
            _refuse_foreign(path.name, begin)
            file.seek(0)
            content = _zipped(file) if begin.startswith(_ZIP) else _chained(file)
            size = file.seek(0, 2)
        return Pickle(_header(content, size), content.foreign)
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    except (ValueError, KeyError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"{path.name} is damaged: {first}. Copy or download it again."
        ) from None


def read_pickle_header(path: Path) -> Header:
    """Of its named tensors, of which there is one at least. Raises as `read_pickle` does, and for
    a file without tensors."""
    header, foreign = read_pickle(path)
    if header.shapes:
        return header
    raise CheckpointError(without_tensors(path.name, foreign))


def without_tensors(name: str, foreign: tuple[str, ...]) -> str:
    """Why the file is of no use, which holds no named tensors, but these `foreign` names."""
    if foreign:
        return (
            f"{name} was refused: instead of named tensors it holds program code ({foreign[0]}), "
            "which could do anything on this computer. None of it was run. Get the model as "
            ".safetensors; or, if you trust its source, load it elsewhere and save its state dict "
            "alone with safetensors.torch.save_file."
        )
    return f"{name} holds no named tensors. If it is a model, convert it to safetensors."


def _refuse_foreign(name: str, begin: bytes) -> None:
    if not begin:
        raise CheckpointError(f"{name} is empty. Copy or download it again.")
    if begin[6:9] == b"\0\0{":
        raise CheckpointError(f"{name} is a safetensors file. Name it .safetensors.")
    if not begin.startswith(_ZIP) and begin[:1] != b"\x80":
        foreign = foreign_kind(begin) or "nothing that PyTorch wrote."
        raise CheckpointError(f"{name} was refused: it is {foreign}")


def _zipped(file: BinaryIO) -> _Content:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        main = next((name for name in members if name.endswith("data.pkl")), None)
        if main is None:
            raise ValueError("it is a zip archive, but none that PyTorch wrote")
        folder = main.removesuffix("data.pkl")
        order = members.get(f"{folder}byteorder")
        if order is not None and archive.open(order).read(6) != b"little":
            raise ValueError("its numbers are written in the byte order of another computer")
        with archive.open(members[main]) as pickled:
            value, foreign, _ = unpickle(pickled)
    places = {}
    for storage in {tensor.storage for tensor in _named(value).values()}:
        info = members[f"{folder}data/{storage.key}"]
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError("its weights are compressed")
        file.seek(info.header_offset)
        local = file.read(30)
        if local[:4] != _ZIP:
            raise ValueError("its table of contents is wrong")
        names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        places[storage.key] = (info.header_offset + 30 + names, info.file_size)
    return _Content(value, foreign, places)


def _chained(file: BinaryIO) -> _Content:
    """A chain begins with a number that tells it; any other pickle has no weights."""
    first = unpickle(file)
    if first.value != _MAGIC_NUMBER:
        return _Content(None, first.foreign, {})
    unpickle(file)
    machine = unpickle(file).value
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise ValueError("its numbers are written in the byte order of another computer")
    value, foreign, storages = unpickle(file)
    keys = unpickle(file).value
    places: dict[str, tuple[int, int]] = {}
    for key in keys if isinstance(keys, list) else ():
        if not isinstance(key, str) or key not in storages:
            break  # of a kind that is not known here; how long it is cannot be told
        count = int.from_bytes(file.read(8), "little")
        length = count * _width(storages[key].dtype or "U8")
        places[key] = (file.tell(), length)
        file.seek(length, 1)
    return _Content(value, foreign, places)


def _named(value: Any) -> Mapping[str, Described]:
    for nest in _NESTS:
        if isinstance(value, dict) and isinstance(value.get(nest), dict):
            value = value[nest]
    if not isinstance(value, dict):
        return {}
    return {
        name: each
        for name, each in value.items()
        if isinstance(name, str) and isinstance(each, Described)
    }


def _width(dtype: str) -> int:
    return BITS[dtype] // 8


def _header(content: _Content, size: int) -> Header:
    """Raises ValueError where a tensor does not lie within its storage, or that in the file."""
    rows = []
    for name, tensor in _named(content.value).items():
        begin, length = _place(tensor.storage, content.places, size)
        width = _width(tensor.dtype)
        start = tensor.offset * width
        end = start + _span(tensor) * width
        if end > length:
            raise ValueError(f"{name[:200]!r} is longer than its storage")
        if math.prod(tensor.shape) * width > size:
            raise ValueError(f"{name[:200]!r} is larger than the file")
        stride = None if _in_rows(tensor) else tensor.stride
        rows.append((name, tensor.dtype, tensor.shape, begin + start, begin + end, stride))
    return header_of(rows)


def _place(storage: Storage, places: dict[str, tuple[int, int]], size: int) -> tuple[int, int]:
    if storage.key not in places:
        raise ValueError(f"the weights {storage.key[:80]!r} are missing")
    begin, length = places[storage.key]
    needed = storage.count * _width(storage.dtype or "U8")
    if needed > length or begin + length > size:
        raise ValueError(
            f"it is cut short: {size:,} of at least {begin + needed:,} bytes are there"
        )
    return begin, length


def _span(tensor: Described) -> int:
    """How many numbers lie between its first and its last, both included."""
    if 0 in tensor.shape:
        return 0
    return 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride, strict=True))


def _in_rows(tensor: Described) -> bool:
    """Whether its numbers follow each other row by row; the step along a side of one is free."""
    step = 1
    for n, stride in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
        if n != 1 and stride != step:
            return 0 in tensor.shape
        step *= n
    return True

"""The header of an ncnn network, a pair of files: NAME.param lists its layers, NAME.bin holds their
weights one after the other.

Nothing of ncnn is needed: which tensors there are follows from the layers. Two networks are known,
and get the names that their tensors have in PyTorch: RRDBNet (Real-ESRGAN x4plus) and
SRVGGNetCompact (realesr-animevideov3).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from studio.catalog.header import Header, header_of
from studio.domain.errors import CheckpointError
from studio.domain.files import open_file, read_file

_MAGIC = "7767517"
_MAX_BYTES = 4 * 2**20
_MAX_LAYERS = 20_000
_HALF, _SINGLE = 0x01306B47, 0
"""What stands before the weights of a convolution: how they are stored."""

_WITHOUT_WEIGHTS = {
    "Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle",
}  # fmt: skip


class _Layer(NamedTuple):
    """`settings`: number -> value, as text."""

    kind: str
    settings: dict[str, str]

    def number(self, key: int, otherwise: int) -> int:
        return int(self.settings.get(str(key), otherwise))


def is_ncnn(path: Path) -> bool:
    """Whether `path`, a .bin, is the half of such a pair that holds the weights."""
    return path.suffix.lower() == ".bin" and path.with_suffix(".param").is_file()


def read_ncnn_header(path: Path) -> Header:
    """Of the .bin `path` that has its .param beside it; every byte of it belongs to a tensor.
    Raises `CheckpointError` for a damaged pair, or a network of another kind."""
    try:
        layers = _layers(read_file(path.with_suffix(".param"), _MAX_BYTES))
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            rows = list(_rows(layers, file))
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path.name} cannot be used: {error}. Get the network as .pth or .safetensors."
        ) from None
    used = rows[-1][4]
    if used != size:
        raise CheckpointError(
            f"{path.name} is damaged: {used:,} bytes belong to its layers, it has {size:,}. Copy "
            "or download both files again."
        )
    return header_of(rows)


def _layers(text: bytes) -> list[_Layer]:
    """Raises ValueError."""
    lines = text.decode("utf-8").split("\n")
    if lines[0].strip() != _MAGIC:
        raise ValueError("the .param beside it is no list of ncnn's layers")
    if len(lines) > _MAX_LAYERS:
        raise ValueError(f"its {len(lines):,} layers are too many")
    layers = []
    for words in filter(None, map(str.split, lines[2:])):
        kind, settings = words[0], (word.partition("=") for word in words[2:] if "=" in word)
        if kind not in _WITHOUT_WEIGHTS | {"Convolution", "PReLU"}:
            raise ValueError(f"it is an ncnn network with layers that are unknown here ({kind})")
        layers.append(_Layer(kind, {key: value for key, _, value in settings}))
    return layers


def _rows(layers: list[_Layer], file: BinaryIO) -> Iterator[tuple]:
    """(name, dtype, shape, start, end, stride) of each tensor. Raises ValueError."""
    weighted = [layer for layer in layers if layer.kind in ("Convolution", "PReLU")]
    place = 0
    for name, layer in zip(_names(layers, weighted), weighted, strict=True):
        if layer.kind == "PReLU":
            count = layer.number(0, 0)
            yield f"{name}.weight", "F32", (count,), place, place + 4 * count, None
            place += 4 * count
            continue
        out, wide, count = (layer.number(key, 0) for key in (0, 1, 6))
        tall = layer.number(11, wide)
        inwards, rest = divmod(count, out * tall * wide) if out * tall * wide > 0 else (0, 1)
        if rest or inwards < 1:
            raise ValueError("the size of a convolution makes no sense")
        file.seek(place)
        stored = int.from_bytes(file.read(4), "little")
        if stored not in (_HALF, _SINGLE):
            raise ValueError("its weights are stored in a way that is unknown here")
        dtype, width = ("F16", 2) if stored == _HALF else ("F32", 4)
        begin, end = place + 4, place + 4 + width * count
        yield f"{name}.weight", dtype, (out, inwards, tall, wide), begin, end, None
        place = -(-end // 4) * 4
        if layer.number(5, 0):
            yield f"{name}.bias", "F32", (out,), place, place + 4 * out, None
            place += 4 * out


def _names(layers: list[_Layer], weighted: list[_Layer]) -> list[str]:
    """What the weighted layers are called in PyTorch, in their order."""
    kinds = "".join(layer.kind[0] for layer in weighted)
    if re.fullmatch("(CP)+C", kinds) and any(layer.kind == "PixelShuffle" for layer in layers):
        return [f"body.{place}" for place in range(len(kinds))]
    blocks, rest = divmod(len(kinds) - 6, 15)
    if "P" not in kinds and blocks > 0 and not rest:
        dense = [
            f"body.{block}.rdb{part}.conv{conv}"
            for block in range(blocks)
            for part in (1, 2, 3)
            for conv in (1, 2, 3, 4, 5)
        ]
        last = ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
        return ["conv_first", *dense, *last]
    raise ValueError("it is neither of Real-ESRGAN's networks")

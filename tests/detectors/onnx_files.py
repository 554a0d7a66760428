"""A tiny YOLO network as an ONNX file, written by hand: a protocol buffer of a few fields."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

SIDE, CELL = 64, 8
CLASSES = ("red", "blue")


def number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(place: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return number(place << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(data)) + data


def tensor(name: str, values: np.ndarray) -> bytes:
    kind = 7 if values.dtype == np.int64 else 1
    dims = b"".join(field(1, side) for side in values.shape)
    return dims + field(2, kind) + field(8, name) + field(9, values.tobytes())


def value(name: str, shape: Iterable[int]) -> bytes:
    sides = b"".join(field(1, field(1, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, sides)))


def node(kind: str, inputs: Iterable[str], output: str, **numbers: int | list[int]) -> bytes:
    told = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)
    for name, given in numbers.items():
        listed = b"".join(field(8, each) for each in given) if isinstance(given, list) else b""
        one = listed + field(20, 7) if listed else field(3, given) + field(20, 2)
        told += field(5, field(1, name) + one)
    return told


def write(
    path: Path,
    names: str = "{0: 'red', 1: 'blue'}",
    transposed: bool = False,
    masks: bool = False,
) -> Path:
    """A network that sees 64 × 64 pixels, in cells of 8, and says of each cell how red and how
    blue it is, with a box of 16 × 16 around it: as YOLO v8 tells it, or `transposed`, as v5 does,
    with a score for there being anything that is always 1. `masks`: the one shape of its masks is
    all that is red."""
    cells = SIDE // CELL
    weight = np.zeros((2, 3, CELL, CELL), np.float32)
    for place, (own, other) in enumerate(((0, 2), (2, 0))):
        weight[place, own], weight[place, other] = 1 / CELL**2, -1 / CELL**2
    rows, columns = np.mgrid[:cells, :cells]
    middle = (np.stack([columns, rows]).reshape(2, -1) * CELL + CELL / 2).astype(np.float32)
    boxes = np.concatenate([middle, np.full_like(middle, 2 * CELL)])
    if transposed:
        boxes = np.concatenate([boxes, np.ones((1, cells**2), np.float32)])
    nodes = [
        node("Conv", ("images", "w"), "c", kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        node("Relu", ("c",), "r"),
        node("Reshape", ("r", "shape"), "scores"),
    ]
    parts = ("boxes", "scores", "coefficients") if masks else ("boxes", "scores")
    nodes.append(node("Concat", parts, "joined" if transposed else "output0", axis=1))
    shape = (1, len(boxes) + len(parts), cells**2)
    if transposed:
        nodes.append(node("Transpose", ("joined",), "output0", perm=[0, 2, 1]))
        shape = (1, shape[2], shape[1])
    tensors = {
        "w": weight,
        "shape": np.array([1, 2, cells**2], np.int64),
        "boxes": boxes[None],
    }
    if masks:
        sides = {"kernel_shape": [CELL // 2] * 2, "strides": [CELL // 2] * 2}
        nodes.append(node("Conv", ("images", "reds", "less"), "output1", **sides))
        tensors["reds"] = weight[:1, :, : CELL // 2, : CELL // 2] * 4
        tensors["less"] = np.array([-0.5], np.float32)
        tensors["coefficients"] = np.ones((1, 1, cells**2), np.float32)
    graph = b"".join(field(1, each) for each in nodes) + field(2, "tiny")
    graph += b"".join(field(5, tensor(name, values)) for name, values in tensors.items())
    graph += field(11, value("images", (1, 3, SIDE, SIDE))) + field(12, value("output0", shape))
    if masks:
        graph += field(12, value("output1", (1, 1, 2 * cells, 2 * cells)))
    model = field(1, 8) + field(7, graph) + field(8, field(2, 12))
    if names:
        model += field(14, field(1, "names") + field(2, names))
    path.write_bytes(model)
    return path

"""Detectors of the YOLO family in ONNX files, run by OpenCV.

Known are what their versions give: a box, a score for each class, and perhaps coefficients of a
mask (v8, v9, v11); the same with a score for there being anything (v5, v7); or boxes of which
none is left to suppress (v10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from studio.catalog.onnx_header import OnnxHeader, read_onnx_header
from studio.detectors.overlaps import found_of
from studio.domain.detailers import Found
from studio.domain.errors import CheckpointError
from studio.domain.geometry import Size

_GRAY = 114
"""What YOLO networks were trained to see beside a picture of another shape."""
_SIDE = 640
_MOST_SIDE = 2048


class Yolo:
    """The network in the file `path`. Not for two threads at once. Raises `CheckpointError`."""

    def __init__(self, path: Path) -> None:
        self._path, header = path, read_onnx_header(path)
        self._classes, self._size = header.classes, _input_size(header)
        try:
            self._net = cv2.dnn.readNetFromONNX(np.fromfile(path, np.uint8))
        except (cv2.error, OSError) as error:
            raise self._failed(error) from None

    def find(self, image: Image.Image, confidence: float) -> list[Found]:
        """The things in `image`, RGB, of at least this score, the surest first. Raises
        `CheckpointError` where the network gives something unknown."""
        pixels, scale, (left, top) = _letterboxed(image, self._size)
        try:
            self._net.setInput(pixels)
            told = self._net.forward(list(self._net.getUnconnectedOutLayersNames()))
        except cv2.error as error:
            raise self._failed(error) from None
        rows = next((one[0] for one in told if one.ndim == 3), None)
        if rows is None:
            raise self._unknown([one.shape for one in told])
        corners, scores, coefficients = self._read(rows)
        classes, best = scores.argmax(1), scores.max(1)
        there = best >= confidence
        corners, best, classes = corners[there], best[there], classes[there]
        on_picture = (corners - np.tile((left, top), 2)) / scale
        things = found_of(on_picture, best, classes, self._classes, image.size)
        shapes = next((one[0] for one in told if one.ndim == 4), None)
        if shapes is None or coefficients.shape[1] != len(shapes):
            return [thing for _, thing in things]
        place = scale, left, top
        return [
            self._masked(thing, coefficients[there][n], shapes, place, image.size)
            for n, thing in things
        ]

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of one picture: corners (n, 4) in pixels of what the network saw, scores (n, classes),
        and what follows these."""
        count = len(self._classes)
        if rows.shape[1] == 6 and count != 2:  # corner, corner, score, class
            scores = np.zeros((len(rows), count), np.float32)
            numbers = rows[:, 5].astype(int).clip(0, count - 1)
            scores[np.arange(len(rows)), numbers] = rows[:, 4]
            return rows[:, :4], scores, rows[:, 6:]
        if rows.shape[0] < rows.shape[1]:  # v8 gives a column for each box
            rows, start = rows.T, 4
        else:
            start = 5
        if rows.shape[1] < start + count:
            raise self._unknown([rows.shape])
        middles, half = rows[:, :2], rows[:, 2:4] / 2
        scores = rows[:, start : start + count]
        if start == 5:
            scores = scores * rows[:, 4:5]
        corners = np.concatenate([middles - half, middles + half], 1)
        return corners, scores, rows[:, start + count :]

    def _masked(
        self,
        thing: Found,
        coefficients: np.ndarray,
        shapes: np.ndarray,
        place: tuple[float, int, int],
        size: Size,
    ) -> Found:
        """`thing` with its mask, a sum of `shapes` (k, h, w) over all that the network saw."""
        scale, left, top = place
        logits = np.tensordot(coefficients, shapes, 1)
        whole = cv2.resize(logits, self._size[::-1], interpolation=cv2.INTER_LINEAR)
        width, height = (round(side * scale) for side in size)
        seen = whole[top : top + height, left : left + width]
        box = thing.box
        inside = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR)
        inside = inside[box.top : box.bottom, box.left : box.right]
        mask = Image.fromarray((inside > 0).astype(np.uint8) * 255)
        return Found(box, thing.score, thing.label, mask if mask.getbbox() else None)

    def _failed(self, error: Exception) -> CheckpointError:
        cause = re.sub(r"\s+", " ", str(error)).strip()[:200]
        return CheckpointError(
            f"{self._path.name} cannot be run by OpenCV: {cause}. Export it anew as ONNX, with a "
            "fixed size and opset 12."
        )

    def _unknown(self, shapes: Sequence[tuple[int, ...]]) -> CheckpointError:
        return CheckpointError(
            f"{self._path.name} gives what no YOLO network that is known here does: {shapes}. "
            "Export it for detection or segmentation."
        )


def _input_size(header: OnnxHeader) -> tuple[int, int]:
    """(height, width) that the network sees."""
    shape = next(iter(header.inputs.values()), ())
    noted = [int(text) for text in re.findall(r"\d{2,4}", header.notes.get("imgsz", ""))[:2]]
    noted = (noted * 2)[:2] or [_SIDE, _SIDE]
    sides = [shape[2 + n] if len(shape) == 4 and shape[2 + n] else noted[n] for n in (0, 1)]
    return min(sides[0], _MOST_SIDE), min(sides[1], _MOST_SIDE)


def _letterboxed(
    image: Image.Image, size: tuple[int, int]
) -> tuple[np.ndarray, float, tuple[int, int]]:
    """(What the network sees, float32 (1, 3, height, width) from 0 to 1; how many times larger it
    is than `image`; where that begins in it)."""
    height, width = size
    scale = min(width / image.width, height / image.height)
    fitted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    corner = (width - fitted[0]) // 2, (height - fitted[1]) // 2
    seen = Image.new("RGB", (width, height), (_GRAY,) * 3)
    seen.paste(image.resize(fitted, Image.Resampling.BILINEAR), corner)
    pixels = np.asarray(seen, np.float32).transpose(2, 0, 1)[None] / 255
    return np.ascontiguousarray(pixels), scale, corner

"""Faces, by MediaPipe's BlazeFace (Bazarevsky et al. 2019): two networks, for near faces and for
those further away, run by OpenCV.

Each gives a score and a box for every one of its anchors, which lie evenly over the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from studio.detectors.overlaps import found_of
from studio.detectors.wheel import FAR, NEAR
from studio.domain.detailers import Found
from studio.domain.geometry import Box

LABEL = "face"
_FAR_FROM = 640
"""A picture with a longer side is looked at in parts as well, in which small faces are larger."""


@dataclass(frozen=True)
class _Network:
    """`side` of the square it sees; for each (stride, count) of `grids` so many anchors in every
    cell of so many pixels."""

    side: int
    grids: tuple[tuple[int, int], ...]

    def anchors(self) -> np.ndarray:
        """(n, 2): x and y of their middles, 0 to 1."""
        middles = []
        for stride, count in self.grids:
            cells = self.side // stride
            rows, columns = np.mgrid[:cells, :cells]
            grid = np.stack([columns, rows], -1).reshape(-1, 2)
            middles.append(np.repeat((grid + 0.5) / cells, count, axis=0))
        return np.concatenate(middles)


_NETWORKS = {NEAR: _Network(128, ((8, 2), (16, 6))), FAR: _Network(192, ((4, 1),))}


class Faces:
    """`paths`: name of a network's file -> where it lies. Not for two threads at once."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        # The new engine, which bytes are always given to, forgets the first of the two outputs.
        self._nets = {
            name: cv2.dnn.readNetFromTFLite(str(paths[name]), cv2.dnn.ENGINE_CLASSIC)
            for name in _NETWORKS
        }
        self._anchors = {name: network.anchors() for name, network in _NETWORKS.items()}

    def find(self, image: Image.Image, confidence: float) -> list[Found]:
        """Those in `image`, RGB, of at least this score, the surest first."""
        corners, scores = [], []
        for name, part in _looks(image):
            boxes, sure = self._look(name, image, part)
            there = sure >= confidence
            corners.append(boxes[there])
            scores.append(sure[there])
        all_corners, all_scores = np.concatenate(corners), np.concatenate(scores)
        classes = np.zeros(len(all_scores), int)
        found = found_of(all_corners, all_scores, classes, (LABEL,), image.size)
        return [thing for _, thing in found]

    def _look(self, name: str, image: Image.Image, part: Box) -> tuple[np.ndarray, np.ndarray]:
        """(corners in pixels of `image`, scores) of all anchors over the square `part`."""
        side = _NETWORKS[name].side
        square = image.crop(part).resize((side, side), Image.Resampling.BILINEAR)
        pixels = np.asarray(square, np.float32) / 127.5 - 1
        net = self._nets[name]
        net.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
        told = net.forward(list(net.getUnconnectedOutLayersNames()))
        logits, boxes = sorted((one[0] for one in told), key=lambda one: one.shape[1])
        middles = boxes[:, :2] / side + self._anchors[name]
        half = boxes[:, 2:4] / side / 2
        corners = np.concatenate([middles - half, middles + half], 1) * part.size[0]
        corners += np.tile((part.left, part.top), 2)
        return corners, 1 / (1 + np.exp(-np.clip(logits[:, 0], -80.0, 80.0)))


def _looks(image: Image.Image) -> Iterator[tuple[str, Box]]:
    """(network, square) to look at: both over all of it, with black beside a picture of another
    shape, and over a large picture that for small faces, part by part with an overlap of half."""
    width, height = image.size
    longest = max(width, height)
    for name in _NETWORKS:
        yield name, Box(0, 0, longest, longest)
    if longest <= _FAR_FROM:
        return
    side = longest * 2 // 5
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield FAR, Box(left, top, left + side, top + side)


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    count = -(-2 * last // side) + 1
    return [round(last * place / max(count - 1, 1)) for place in range(count)]

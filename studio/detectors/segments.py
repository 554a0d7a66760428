"""The things of picturebook's world, by the segmenter that ships with it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from studio.domain.detailers import Found
from studio.domain.geometry import Box, Size
from studio.picturebook.segmenter import Segmenter, seen_size
from studio.picturebook.vocabulary import CLASSES, OBJECTS

_LEAST = 24
"""Pixels, at that size, of the smallest thing."""
_GAP = 5
"""Pieces of one class that are nearer to each other are one thing."""


class Segments:
    """Not for two threads at once."""

    def __init__(self) -> None:
        self._segmenter = Segmenter.load()

    @torch.inference_mode()
    def shares(self, image: Image.Image) -> np.ndarray:
        """How sure it is that each pixel shows each class: float32 (classes, height, width), at the
        size at which it looks at `image`; they add up to 1."""
        width, height = size = seen_size(image.size)
        pixels = np.array(image.resize(size, Image.Resampling.BICUBIC), np.float32)
        batch = torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None]
        logits = F.interpolate(self._segmenter(batch), (height, width), mode="bilinear")
        return logits.softmax(1)[0].numpy()

    def find(self, image: Image.Image, confidence: float) -> list[Found]:
        """The things in `image`, RGB, with their masks, of at least this score: how sure it is of
        a thing's pixels on average. The surest first."""
        return self._found(image, confidence, OBJECTS)

    def everything(self, image: Image.Image, confidence: float) -> list[Found]:
        """The same with what lies behind the things: sky, ground and what is in them."""
        return self._found(image, confidence, CLASSES)

    def wholes(self, image: Image.Image, confidence: float) -> list[Found]:
        """The things in `image` as wholes: a piece of the picture where something stands is one
        thing, and is what it mostly shows, however it looks here and there. For things that do
        not touch each other."""
        numbers = [CLASSES.index(name) for name in OBJECTS]
        shares = self.shares(image)[numbers]
        found = _things(shares.sum(0) > 0.5, shares.sum(0), "", image.size)
        size = shares.shape[2], shares.shape[1]
        wholes = []
        for thing in found:
            where = np.asarray(thing.over(image.size).resize(size)) > 127
            mean = shares[:, where].mean(1) if where.any() else np.zeros(len(OBJECTS))
            best = int(mean.argmax())
            wholes.append(Found(thing.box, float(mean[best]), OBJECTS[best], thing.mask))
        return [one for one in wholes if one.score >= confidence]

    def _found(self, image: Image.Image, confidence: float, names: Sequence[str]) -> list[Found]:
        shares = self.shares(image)
        best, found = shares.argmax(0), []
        for name in names:
            number = CLASSES.index(name)
            found += _things(best == number, shares[number], name, image.size)
        sure = [thing for thing in found if thing.score >= confidence]
        return sorted(sure, key=lambda thing: -thing.score)


def _things(where: np.ndarray, shares: np.ndarray, name: str, size: Size) -> list[Found]:
    """Those that `where` (h, w) shows, in a picture of `size`."""
    joined = cv2.dilate(where.astype(np.uint8), np.ones((_GAP, _GAP), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    things = []
    for label in range(1, count):
        piece = where & (labels == label)
        if piece.sum() < _LEAST:
            continue
        mask = Image.fromarray(piece.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
        mask = mask.point([255 * (level >= 128) for level in range(256)])
        if (bounds := mask.getbbox()) is not None:
            score = float(shares[piece].mean())
            things.append(Found(Box(*bounds), score, name, mask.crop(bounds)))
    return things

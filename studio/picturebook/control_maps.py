"""The maps that picturebook's ControlNets learn from: edges, strokes, flat colours of classes.

All maps are uint8 arrays (height, width, 3), RGB; a ControlNet gets them as 0..1.
"""

import cv2
import numpy as np

from studio.picturebook.control_palette import PALETTE
from studio.picturebook.vocabulary import CLASSES, GROUNDS, OBJECTS

KINDS = ("canny", "scribble", "segmentation")

_COLOURS = np.array(list(PALETTE.values()), np.uint8)
_GROUNDS = [CLASSES.index(name) for name in GROUNDS]
_OBJECTS = [CLASSES.index(name) for name in OBJECTS]
_SIDE = 128  # lengths below are pixels in a picture whose shorter side is this


def canny(picture, low=100, high=200):
    """White edges on black, as `cv2.Canny` finds them (Canny 1986).

    `picture` is RGB uint8 (height, width, 3); the thresholds are for 8-bit gradients.
    """
    return _gray(cv2.Canny(np.ascontiguousarray(picture), low, high))


def segmentation(labels):
    """Flat colours of the classes; `labels` as Scene.segmentation gives them."""
    return _COLOURS[labels]


def scribble(labels, rng):
    """A few thick white strokes on black: about the outlines of the objects and the horizon.

    They are as careless as a hand: shifted, simplified, some missing. `labels` as
    Scene.segmentation gives them, `rng` a numpy Generator.
    """
    unit = min(labels.shape) / _SIDE
    hand = _Hand(labels.shape, unit, rng)
    for index in np.unique(labels):
        if index in _OBJECTS:
            chance = 0.92
        elif CLASSES[index] in ("sun", "moon", "mountains", "clouds"):
            chance = 0.45
        else:
            continue
        if rng.random() < chance:
            hand.outline(labels == index)
    if rng.random() < 0.75:
        hand.horizon(labels)
    return _gray(hand.sheet)


class _Hand:
    """Draws strokes on a sheet, uint8 (height, width). `unit` is the length of a pixel at _SIDE."""

    def __init__(self, shape, unit, rng):
        self.sheet = np.zeros(shape, np.uint8)
        self.unit, self.rng = unit, rng
        self.width = max(1, round(rng.uniform(2, 4.5) * unit))

    def outline(self, mask):
        """Around each part of `mask` that is large enough to be drawn."""
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        for contour in contours:
            if cv2.contourArea(contour) < 40 * self.unit**2:
                continue
            tolerance = self.rng.uniform(0.8, 2.5) * self.unit
            self._stroke(cv2.approxPolyDP(contour, tolerance, True)[:, 0], closed=True)

    def horizon(self, labels):
        """Where the ground begins, straight through whatever stands before it."""
        height, width = labels.shape
        ground = np.isin(labels, _GROUNDS)
        top = ground.argmax(0)
        backdrop = ~(ground | np.isin(labels, _OBJECTS))
        columns = np.arange(width)
        visible = (top > 0) & backdrop[np.maximum(top - 1, 0), columns]
        if visible.sum() < width / 8:
            return
        line = np.interp(columns, columns[visible], top[visible])
        points = np.stack([columns, line], 1).astype(np.int32)
        tolerance = self.rng.uniform(0.8, 2.5) * self.unit
        self._stroke(cv2.approxPolyDP(points[:, None], tolerance, False)[:, 0], closed=False)

    def _stroke(self, points, closed):
        shaken = points + self.rng.normal(0, 0.7 * self.unit, points.shape)
        shaken += self.rng.normal(0, 0.8 * self.unit, 2)
        shaken = shaken.round().astype(np.int32)
        # Sometimes the pen does not come back to where it began.
        closed = closed and (len(shaken) < 5 or self.rng.random() < 0.8)
        cv2.polylines(self.sheet, [shaken], closed, 255, self.width, cv2.LINE_AA)


def random_canny(picture, rng):
    """`canny` with thresholds from the whole range that is of use."""
    low = rng.uniform(40, 150)
    return canny(picture, low, low * rng.uniform(1.5, 2.5))


def random_areas(labels, rng):
    """The labels that a map of areas shows, two in five as if drawn with a coarse brush."""
    if rng.random() < 0.4:
        size = 2 * round(rng.uniform(1, 3) * min(labels.shape) / _SIDE) + 1
        labels = _coarse(labels, min(size, 15))
    return labels


def _coarse(labels, size):
    """The labels with outlines rounded off at about `size` pixels: the most frequent one wins."""
    present = np.unique(labels)
    votes = [cv2.blur((labels == k).astype(np.float32), (size, size)) for k in present]
    return present[np.argmax(votes, 0)]


def plain_map(kind, scene, size):
    """The map of `kind` that a user would make of `scene` at `size`: canny 100 and 200."""
    if kind == "canny":
        return canny(np.asarray(scene.draw(size)))
    labels = scene.segmentation(size)
    if kind == "scribble":
        return scribble(labels, np.random.default_rng(scene.seed))
    return segmentation(labels)


def _gray(sheet):
    return np.repeat(sheet[..., None], 3, axis=2)

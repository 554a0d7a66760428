"""The picture-book world: random scenes, their captions, pictures and ground truth.

Every random choice is made in `Scene.random`, so that picture, segmentation, boxes and
captions of one scene agree at any size. Generators are `numpy.random.Generator`.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from studio.picturebook import captions, styles
from studio.picturebook.backdrop import Backdrop
from studio.picturebook.canvas import Canvas, Pen
from studio.picturebook.objects import draw_object
from studio.picturebook.vocabulary import (
    CLASSES,
    COLOURS,
    EXTRAS,
    GROUNDS,
    HELD_OUT,
    OBJECTS,
    PAIRS,
    PLACES,
    SKIES,
    STYLES,
    TRAINED,
)

__all__ = [
    "CLASSES", "COLOURS", "EXTRAS", "GROUNDS", "HELD_OUT", "OBJECTS", "PAIRS", "PLACES",
    "SKIES", "STYLES", "TRAINED", "Item", "Scene",
]  # fmt: skip

AIRBORNE = ("balloon", "star", "bird")
COLUMN = {"left": 0.22, "center": 0.5, "right": 0.78}
"""Where an object stands, as a fraction of the width."""
SHARE = {1: (0.44, 0.54), 2: (0.37, 0.43), 3: (0.29, 0.33)}
"""Height of an object as a share of the picture's scale, by how many objects there are."""


@dataclass(frozen=True)
class Item:
    """One object of a scene. `x` is its middle as a fraction of the width, `lift` 0..1 how
    high it stands or flies, `share` its height as a fraction of the picture's scale."""

    object: str
    colour: str
    place: str
    x: float
    lift: float
    share: float
    flip: bool

    def extent(self, size):
        """About where it is in a picture of `size`: (left, top, right, bottom), same unit."""
        scale = _scale(self, size)
        x, y = _foot(self, size, scale)
        return x - 0.5 * scale, y - scale, x + 0.5 * scale, y


@dataclass(frozen=True)
class Scene:
    """Everything that is in a picture. `horizon` and `light_x` are fractions of the height and
    the width; `seed` fixes the details (hills, grass, stars) at any size."""

    sky: str
    ground: str
    style: str
    extras: tuple[str, ...]
    items: tuple[Item, ...]
    horizon: float
    light_x: float
    seed: int

    @classmethod
    def random(cls, rng, *, pairs=PAIRS, count=None):
        """A scene drawn with `rng` (numpy Generator).

        `pairs` are the (colour, object) pairs allowed, `count` (0..3) the number of objects,
        random from 1 to 3 if None: three fifths of the scenes have one.
        """
        sky, ground = _pick(rng, SKIES), _pick(rng, GROUNDS)
        style = STYLES[rng.choice(3, p=[0.44, 0.28, 0.28])]
        if count is None:
            count = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))
        places = [PLACES[k] for k in sorted(rng.choice(3, size=count, replace=False))]
        items = tuple(_item(rng, place, pairs, count) for place in places)
        return cls(
            sky=sky,
            ground=ground,
            style=style,
            extras=_extras(rng, sky),
            items=items,
            horizon=float(rng.uniform(0.54, 0.64)),
            light_x=float(rng.choice([0.16, 0.5, 0.84]) + rng.uniform(-0.05, 0.05)),
            seed=int(rng.integers(2**31)),
        )

    def attributes(self):
        """What a caption may say of sky, ground, style and objects."""
        objects = [
            {"colour": item.colour, "object": item.object, "place": item.place}
            for item in self.items
        ]
        return {"sky": self.sky, "ground": self.ground, "style": self.style, "objects": objects}

    def caption(self, rng):
        """A true English caption; wording, order and what is left out vary with `rng`."""
        return captions.write(self, rng)

    def draw(self, size):
        """The picture: RGB PIL.Image of `size` (width, height) pixels."""
        factor = 3 if size[0] * size[1] <= 320 * 320 else 2
        canvas = Canvas(size, factor)
        backdrop = Backdrop(canvas, self)
        backdrop.paint()
        for item in self.items:
            self._draw_item(canvas, backdrop, item)
        if "rain" in self.extras:
            backdrop.rain()
        image = canvas.image
        if self.style == "watercolor":
            image = styles.wobble(image, self.seed)
        image = image.reduce(factor)
        if self.style == "watercolor":
            return styles.watercolor(image, self.seed)
        return styles.pixel_art(image) if self.style == "pixel art" else image

    def segmentation(self, size):
        """Class of every pixel: uint8 array (height, width) of indices into CLASSES."""
        canvas = Canvas(size, 3, labels=True)
        backdrop = Backdrop(canvas, self)
        backdrop.paint()
        for item in self.items:
            self._draw_item(canvas, backdrop, item)
        return self._labels(canvas, size)

    def boxes(self, size):
        """Each object's box in pixels, x1 and y1 exclusive, clipped to the picture."""
        boxes = []
        for item in self.items:
            canvas = Canvas(size, 3, labels=True)
            self._draw_item(canvas, Backdrop(canvas, self), item)
            rows, columns = np.nonzero(self._labels(canvas, size))
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            boxes.append(
                {"object": item.object, "colour": item.colour, "box": tuple(map(int, box))}
            )
        return boxes

    def _labels(self, canvas, size):
        image = canvas.image
        if self.style == "watercolor":
            image = styles.wobble(image, self.seed)
        labels = np.asarray(image.resize(size, Image.Resampling.NEAREST))
        return styles.pixel_labels(labels, size) if self.style == "pixel art" else labels

    def _draw_item(self, canvas, backdrop, item):
        size = canvas.width, canvas.height
        scale = _scale(item, size)
        x, y = _foot(item, size, scale)
        if item.object not in (*AIRBORNE, "fish"):
            backdrop.shadow(x, y, 0.46 * scale)
        canvas.label = CLASSES.index(item.object)
        draw_object(Pen(canvas, (x, y), scale, item.flip), item.object, item.colour)


def _pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def _item(rng, place, pairs, count):
    colour, name = pairs[int(rng.integers(len(pairs)))]
    return Item(
        object=name,
        colour=colour,
        place=place,
        x=COLUMN[place] + float(rng.uniform(-0.04, 0.04)),
        lift=float(rng.random()),
        share=float(rng.uniform(*SHARE[count])),
        flip=bool(rng.random() < 0.5),
    )


def _extras(rng, sky):
    """Extras that fit the sky: no sun at night, no moon by day, a storm always has clouds."""
    chance = {
        "sun": {"day": 0.5, "sunset": 0.5, "dawn": 0.35}.get(sky, 0),
        "moon": 0.55 if sky == "night" else 0,
        "clouds": 1 if sky == "storm" else 0.35,
        "mountains": 0.35,
        "rain": {"storm": 0.5, "day": 0.08, "night": 0.08, "dawn": 0.08}.get(sky, 0),
    }
    return tuple(name for name in EXTRAS if rng.random() < chance[name])


def _scale(item, size):
    """Pixels that an object's height takes, so that it fits narrow and wide pictures alike."""
    width, height = size
    return item.share * (0.5 * (width * height) ** 0.5 + 0.5 * min(width, height))


def _foot(item, size, scale):
    """Where the middle of an object's foot is, kept inside the picture."""
    width, height = size
    half = min(0.55 * scale, width / 2)
    x = min(max(item.x * width, half), width - half)
    if item.object in AIRBORNE:
        return x, (0.33 + 0.08 * item.lift) * height + scale / 2
    return x, (0.84 + 0.08 * item.lift) * height

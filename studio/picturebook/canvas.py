"""A supersampled drawing surface that paints either colours or class indices."""

import numpy as np
from PIL import Image, ImageDraw


def mix(first, second, share):
    """The colour `share` (0..1) of the way from `first` to `second`; channels 0..255."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


class Canvas:
    """A surface of `size` (width, height) pixels, drawn `factor` times larger.

    With `labels` every shape is painted with `self.label`, an index into CLASSES, so that
    picture and ground truth come from the same drawing code.
    """

    def __init__(self, size, factor, labels=False):
        self.width, self.height = size[0] * factor, size[1] * factor
        self.factor = factor
        self.labels = labels
        self.label = 0
        mode = "L" if labels else "RGB"
        self.image = Image.new(mode, (self.width, self.height))
        self.draw = ImageDraw.Draw(self.image)

    def ink(self, colour):
        """What to paint with for an RGB `colour`: the colour, or the class index."""
        if colour is None:
            return None
        return self.label if self.labels else tuple(colour)

    def rows(self, stops):
        """Fill the whole canvas with a vertical gradient; `stops` are (0..1, RGB) from the top."""
        if self.labels:
            self.draw.rectangle((0, 0, self.width, self.height), fill=self.label)
            return
        at = np.linspace(0, 1, self.height)
        where = [position for position, _ in stops]
        columns = [np.interp(at, where, [rgb[c] for _, rgb in stops]) for c in range(3)]
        column = np.stack(columns, axis=-1).round().astype(np.uint8)[:, None]
        self.image.paste(Image.fromarray(column).resize((self.width, self.height)))

    def unit_polygon(self, points, colour):
        """Fill a polygon whose points are fractions of the canvas."""
        pixels = [(x * self.width, y * self.height) for x, y in points]
        self.draw.polygon(pixels, fill=self.ink(colour))

    def disc(self, x, y, radius, colour):
        """Fill a circle; `x`, `y` and `radius` in canvas pixels."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self.draw.ellipse(box, fill=self.ink(colour))


class Pen:
    """Draws one object in its own units: x from -0.5 (left) to 0.5, y from 0 (foot) to 1."""

    def __init__(self, canvas, foot, scale, flip=False):
        self.canvas = canvas
        self.x, self.y = foot
        self.scale = scale
        self.sign = -1 if flip else 1
        self.width = max(1, round(0.028 * scale))

    def at(self, x, y):
        """Canvas pixels of a point in object units."""
        return self.x + self.sign * x * self.scale, self.y - y * self.scale

    def polygon(self, points, fill, line=None):
        """A closed shape, with an outline if `line` is a colour."""
        canvas = self.canvas
        pixels = [self.at(x, y) for x, y in points]
        canvas.draw.polygon(pixels, fill=canvas.ink(fill))
        if line is not None:
            closed = [*pixels, pixels[0], pixels[1]]
            canvas.draw.line(closed, fill=canvas.ink(line), width=self.width, joint="curve")

    def box(self, low, high, fill, line=None):
        """An upright rectangle from its corner `low` (left, bottom) to `high` (right, top)."""
        (left, bottom), (right, top) = low, high
        self.polygon([(left, bottom), (right, bottom), (right, top), (left, top)], fill, line)

    def oval(self, center, radii, fill, line=None):
        """An upright ellipse around `center` (x, y) with `radii` (x, y)."""
        canvas = self.canvas
        x, y = self.at(*center)
        rx, ry = radii[0] * self.scale, radii[1] * self.scale
        ends = (x - rx, y - ry, x + rx, y + ry)
        width = self.width if line is not None else 0
        canvas.draw.ellipse(ends, fill=canvas.ink(fill), outline=canvas.ink(line), width=width)

    def stroke(self, points, colour, width):
        """An open line; `width` in object units."""
        canvas = self.canvas
        pixels = [self.at(x, y) for x, y in points]
        thick = max(1, round(width * self.scale))
        canvas.draw.line(pixels, fill=canvas.ink(colour), width=thick, joint="curve")

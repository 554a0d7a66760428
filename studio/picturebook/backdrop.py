"""Skies, grounds and extras. All positions are fractions of the picture, sizes of its scale."""

import math

import numpy as np

from studio.picturebook.canvas import mix
from studio.picturebook.vocabulary import CLASSES

# RGB at heights from the top (0) to the bottom (1) of the picture.
SKY_STOPS = {
    "day": ((0, (88, 170, 236)), (0.65, (208, 236, 250)), (1, (208, 236, 250))),
    "sunset": (
        (0, (92, 62, 140)),
        (0.32, (238, 112, 92)),
        (0.65, (255, 198, 104)),
        (1, (255, 198, 104)),
    ),
    "dawn": (
        (0, (142, 164, 224)),
        (0.35, (244, 190, 214)),
        (0.65, (255, 234, 204)),
        (1, (255, 234, 204)),
    ),
    "night": ((0, (12, 18, 54)), (0.65, (50, 66, 130)), (1, (50, 66, 130))),
    "storm": ((0, (56, 62, 76)), (0.65, (136, 146, 154)), (1, (136, 146, 154))),
}
# What the light of each sky does to the ground (factors of red, green, blue).
LIGHT = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.80, 0.72),
    "dawn": (1.0, 0.92, 0.94),
    "night": (0.42, 0.48, 0.70),
    "storm": (0.64, 0.69, 0.74),
}
GROUND = {
    "meadow": ((142, 204, 92), (96, 172, 72)),
    "desert": ((246, 214, 146), (228, 180, 104)),
    "snow": ((246, 250, 255), (218, 230, 244)),
    "sea": ((74, 156, 206), (32, 104, 172)),
    "forest": ((88, 142, 74), (56, 108, 58)),
    "city": ((176, 174, 178), (134, 134, 142)),
}


class Backdrop:
    """Paints what lies behind the objects of a scene on a canvas."""

    def __init__(self, canvas, scene):
        self.canvas = canvas
        self.scene = scene
        self.scale = (canvas.width * canvas.height) ** 0.5
        self.horizon = scene.horizon
        self.light = LIGHT[scene.sky]

    def rng(self, purpose):
        """A generator for one purpose, so that one detail never moves another."""
        return np.random.default_rng((self.scene.seed, purpose))

    def lit(self, colour):
        """`colour` under this scene's sky."""
        return tuple(round(c * k) for c, k in zip(colour, self.light, strict=True))

    def paint(self):
        """Sky, extras behind, ground with its details."""
        self.label("sky")
        self.canvas.rows(SKY_STOPS[self.scene.sky])
        if self.scene.sky == "night":
            self._stars()
        extras = self.scene.extras
        if "sun" in extras:
            self._sun()
        if "moon" in extras:
            self._moon()
        if "clouds" in extras:
            self._clouds()
        if "mountains" in extras:
            self._mountains()
        self.label(self.scene.ground)
        getattr(self, "_" + self.scene.ground)()

    def label(self, name):
        """What the next shapes are."""
        self.canvas.label = CLASSES.index(name)

    def _stars(self):
        for x, y, r in self.rng(1).random((26, 3)):
            if not self.canvas.labels:
                radius = self.scale * (0.003 + 0.004 * r)
                at = x * self.canvas.width, y * self.horizon * self.canvas.height
                self.canvas.disc(*at, radius, (252, 246, 214))

    def _light_at(self):
        x = self.scene.light_x * self.canvas.width
        return x, 0.15 * self.canvas.height

    def _sun(self):
        self.label("sun")
        (x, y), radius = self._light_at(), 0.075 * self.scale
        low = self.scene.sky == "sunset"
        core = (255, 236, 130) if not low else (255, 222, 112)
        glow = (255, 244, 196) if not low else (252, 168, 98)
        for k in range(12):
            turn = 2 * math.pi * k / 12
            side = math.pi / 30
            rays = [(turn - side, 1.25), (turn + side, 1.25), (turn, 1.65)]
            points = [(x + radius * r * math.cos(a), y + radius * r * math.sin(a)) for a, r in rays]
            self.canvas.draw.polygon(points, fill=self.canvas.ink(core))
        self.canvas.disc(x, y, radius * 1.12, glow)
        self.canvas.disc(x, y, radius, core)

    def _moon(self):
        self.label("moon")
        (x, y), radius = self._light_at(), 0.08 * self.scale
        turns = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 24)
        outer = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in turns]
        inner = [(x + 0.35 * radius * math.cos(a), y + radius * math.sin(a)) for a in turns[::-1]]
        self.canvas.draw.polygon(outer + inner, fill=self.canvas.ink((255, 246, 204)))

    def _clouds(self):
        self.label("clouds")
        sky = self.scene.sky
        tint = {
            "day": (255, 255, 255), "sunset": (255, 206, 186), "dawn": (255, 246, 244),
            "night": (104, 116, 168), "storm": (78, 84, 98),
        }[sky]  # fmt: skip
        under = mix(tint, (40, 50, 90), 0.16)
        rng = self.rng(2)
        count = 4 if sky == "storm" else 3
        for k in range(count):
            x = ((k + 0.2 + 0.6 * rng.random()) / count) * self.canvas.width
            y = (0.07 + 0.17 * rng.random()) * self.canvas.height
            size = (0.055 + 0.025 * rng.random()) * self.scale * (1.25 if sky == "storm" else 1)
            puffs = ((-1.5, 0.25, 0.75), (-0.6, -0.25, 1.0), (0.6, -0.1, 0.95), (1.5, 0.3, 0.7))
            for tone, drop in ((under, 0.3), (tint, 0)):
                for dx, dy, r in puffs:
                    self.canvas.disc(x + dx * size, y + (dy + drop) * size, r * size, tone)

    def _ridge(self, top, height, waves, purpose):
        """Points of a wavy line across the picture, closed at the bottom."""
        rng = self.rng(purpose)
        phase, bend = rng.random(2) * 2 * math.pi
        x = np.linspace(0, 1, 40)
        y = np.sin(x * waves * math.pi + phase) + 0.4 * np.sin(x * waves * 2.3 * math.pi + bend)
        line = list(zip(x, top + height * y / 1.4, strict=True))
        return [*line, (1, 1.01), (0, 1.01)]

    def _mountains(self):
        self.label("mountains")
        rng = self.rng(3)
        base = (136, 142, 174) if self.scene.sky != "sunset" else (150, 118, 160)
        rock = mix(self.lit(base), SKY_STOPS[self.scene.sky][-1][1], 0.12)
        snow = mix(self.lit((252, 252, 255)), rock, 0.06)
        for k in (0, 2, 1):
            x = (0.18 + 0.32 * k) + 0.1 * (rng.random() - 0.5)
            height = (0.25 + 0.08 * rng.random()) * (1.15 if k == 1 else 0.9)
            half, top = 0.25 + 0.06 * rng.random(), self.horizon - height
            tone = mix(rock, (30, 30, 60), 0.16 if k == 1 else 0.0)
            foot = self.horizon + 0.06
            self.canvas.unit_polygon([(x - half, foot), (x, top), (x + half, foot)], tone)
            slope = half / (foot - top)
            cap = 0.085
            zigzag = [(-1, 1), (-0.4, 0.75), (0, 1.15), (0.4, 0.75), (1, 1)]
            edge = [(x + a * slope * cap * b, top + cap * b) for a, b in zigzag]
            self.canvas.unit_polygon([(x, top), *edge[::-1]], snow)

    def _hills(self, far, near):
        self.canvas.unit_polygon(self._ridge(self.horizon, 0.025, 2.4, 4), self.lit(far))
        self.canvas.unit_polygon(self._ridge(self.horizon + 0.13, 0.03, 1.7, 5), self.lit(near))

    def _meadow(self):
        self._hills(*GROUND["meadow"])
        rng, unit = self.rng(6), 0.011 * self.scale
        for k in range(22):
            x = rng.random() * self.canvas.width
            y = (self.horizon + 0.09 + 0.30 * rng.random()) * self.canvas.height
            blade = self.lit((66, 140, 56))
            if k % 3 == 0:
                bloom = ((255, 252, 240), (255, 226, 120), (250, 190, 210))[k % 9 // 3]
                self.canvas.disc(x, y, 0.9 * unit, self.lit(bloom))
                continue
            points = [(x - unit, y), (x - 1.2 * unit, y - 2 * unit), (x, y - unit * 0.6),
                      (x + 0.2 * unit, y - 2.6 * unit), (x + unit, y)]  # fmt: skip
            self.canvas.draw.polygon(points, fill=self.canvas.ink(blade))

    def _desert(self):
        self._hills(*GROUND["desert"])
        shade = self.lit((214, 160, 88))
        dune = self._ridge(self.horizon + 0.25, 0.03, 1.3, 7)
        self.canvas.unit_polygon(dune, shade)
        rng, unit = self.rng(8), 0.02 * self.scale
        for k in range(2):
            x = (0.1 + 0.8 * (k + rng.random()) / 2) * self.canvas.width
            self._cactus(x, (self.horizon + 0.075) * self.canvas.height, unit)

    def _cactus(self, x, y, unit):
        ink = self.canvas.ink(self.lit((70, 136, 78)))
        line = self.canvas.draw.line
        width = max(1, round(unit))
        line([(x, y), (x, y - 5.5 * unit)], fill=ink, width=width)
        for side, low in ((-1, 1.8), (1, 2.6)):
            elbow = (x + side * 1.8 * unit, y - low * unit)
            line([(x, y - low * unit), elbow, (elbow[0], elbow[1] - 1.6 * unit)],
                 fill=ink, width=width, joint="curve")  # fmt: skip

    def _fir(self, x, y, size, green, cap=None):
        for k, (low, half) in enumerate(((0, 0.34), (0.28, 0.27), (0.54, 0.19))):
            top = 1.0 if k == 2 else low + 0.46
            points = [(x - half * size, y - low * size), (x + half * size, y - low * size),
                      (x, y - top * size)]  # fmt: skip
            self.canvas.draw.polygon(points, fill=self.canvas.ink(green))
        if cap is not None:
            points = [(x - 0.1 * size, y - 0.76 * size), (x + 0.1 * size, y - 0.76 * size),
                      (x, y - 1.02 * size)]  # fmt: skip
            self.canvas.draw.polygon(points, fill=self.canvas.ink(cap))

    def _snow(self):
        far = self._ridge(self.horizon, 0.025, 2.4, 4)
        self.canvas.unit_polygon(far, self.lit(GROUND["snow"][1]))
        rng = self.rng(9)
        for k in range(5):
            x = ((k + rng.random()) / 5) * self.canvas.width
            y = (self.horizon + 0.05) * self.canvas.height
            size = (0.10 + 0.04 * rng.random()) * self.scale
            self._fir(x, y, size, self.lit((92, 138, 132)), self.lit((250, 252, 255)))
        near = self._ridge(self.horizon + 0.10, 0.03, 1.7, 5)
        self.canvas.unit_polygon(near, self.lit(GROUND["snow"][0]))
        drift = self._ridge(self.horizon + 0.27, 0.025, 1.4, 10)
        self.canvas.unit_polygon(drift, self.lit((230, 238, 250)))

    def _sea(self):
        far, near = (self.lit(tone) for tone in GROUND["sea"])
        steps = 7
        for k in range(steps):
            y = self.horizon + (1 - self.horizon) * k / steps
            self.canvas.unit_polygon([(0, y), (1, y), (1, 1.01), (0, 1.01)],
                                     mix(far, near, k / (steps - 1)))  # fmt: skip
        rng = self.rng(11)
        crest = mix(self.lit((226, 244, 252)), far, 0.25)
        for k in range(14):
            x, depth = rng.random(), (k + 0.5) / 14
            y = self.horizon + 0.03 + (0.97 - self.horizon) * depth
            half = 0.03 + 0.045 * depth
            wave = [(x - half, y), (x - half / 2, y - 0.012), (x, y), (x + half / 2, y - 0.012),
                    (x + half, y)]  # fmt: skip
            pixels = [(a * self.canvas.width, b * self.canvas.height) for a, b in wave]
            width = max(1, round(0.009 * self.scale))
            self.canvas.draw.line(pixels, fill=self.canvas.ink(crest), width=width, joint="curve")

    def _forest(self):
        far, near = GROUND["forest"]
        rng = self.rng(12)
        for row, (tone, lift, size) in enumerate(
            (((70, 124, 92), 0.02, 0.26), ((40, 92, 58), 0.07, 0.22))
        ):
            count = 8
            for k in range(count):
                x = ((k + 0.5 * row + 0.35 * rng.random()) / (count - 1)) * self.canvas.width
                y = (self.horizon + lift) * self.canvas.height
                self._fir(x, y, (size + 0.06 * rng.random()) * self.scale, self.lit(tone))
        self.canvas.unit_polygon(self._ridge(self.horizon + 0.05, 0.012, 2.4, 4), self.lit(far))
        self.canvas.unit_polygon(self._ridge(self.horizon + 0.18, 0.025, 1.7, 5), self.lit(near))

    def _city(self):
        rng = self.rng(13)
        tones = ((122, 132, 158), (150, 140, 160), (108, 118, 140), (168, 156, 158))
        dark = self.scene.sky in ("night", "storm")
        pane = (255, 226, 128) if dark else self.lit((214, 228, 240))
        x = -0.04
        foot = self.horizon + 0.04
        while x < 1.0:
            width, height = 0.10 + 0.06 * rng.random(), 0.12 + 0.20 * rng.random()
            tone = self.lit(tones[int(rng.integers(4))])
            self.canvas.unit_polygon([(x, foot), (x, foot - height), (x + width, foot - height),
                                      (x + width, foot)], tone)  # fmt: skip
            self._windows((x, foot - height, width, height), pane, rng)
            x += width
        far, near = (self.lit(tone) for tone in GROUND["city"])
        self.canvas.unit_polygon([(0, foot), (1, foot), (1, 1.01), (0, 1.01)], far)
        kerb = foot + 0.07
        self.canvas.unit_polygon([(0, kerb), (1, kerb), (1, 1.01), (0, 1.01)], near)
        for k in range(5):
            left, y = k / 5 + 0.03, 0.5 * (kerb + 1) + 0.02
            dash = [(left, y), (left + 0.10, y), (left + 0.10, y + 0.02), (left, y + 0.02)]
            self.canvas.unit_polygon(dash, self.lit((244, 240, 220)))

    def _windows(self, frame, pane, rng):
        left, top, width, height = frame
        rows = int(height / 0.055)
        for row in range(rows):
            for column in range(2):
                if rng.random() < 0.2:
                    continue
                x = left + width * (0.2 + 0.35 * column)
                y = top + 0.02 + 0.055 * row
                wide = width * 0.22
                self.canvas.unit_polygon([(x, y), (x + wide, y), (x + wide, y + 0.028),
                                          (x, y + 0.028)], pane)  # fmt: skip

    def rain(self):
        """Streaks in front of everything; not part of the segmentation."""
        if self.canvas.labels:
            return
        tone = mix((222, 234, 248), SKY_STOPS[self.scene.sky][-1][1], 0.2)
        width = max(1, round(0.009 * self.scale))
        for x, y in self.rng(14).random((46, 2)):
            x, y = x * 1.1 * self.canvas.width, y * self.canvas.height
            length = 0.055 * self.scale
            self.canvas.draw.line([(x, y), (x - 0.3 * length, y + length)], fill=tone, width=width)

    def shadow(self, x, y, radius):
        """A contact shadow on the ground below an object, in canvas pixels."""
        if self.canvas.labels:
            return
        tone = mix(self.lit(GROUND[self.scene.ground][1]), (16, 20, 44), 0.28)
        box = (x - radius, y - 0.16 * radius, x + radius, y + 0.16 * radius)
        self.canvas.draw.ellipse(box, fill=tone)

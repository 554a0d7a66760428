"""How each of the fourteen objects is drawn, in object units (see canvas.Pen)."""

import math

from studio.picturebook.canvas import mix

PALETTE = {
    "red": (217, 45, 48),
    "orange": (245, 137, 32),
    "yellow": (250, 214, 50),
    "green": (52, 158, 70),
    "blue": (42, 104, 214),
    "purple": (134, 66, 184),
    "pink": (246, 138, 186),
    "white": (250, 250, 248),
    "black": (40, 40, 46),
    "brown": (134, 84, 48),
}
INK = (38, 34, 40)
CREAM = (252, 240, 214)
GLASS = (186, 226, 244)
LAMP = (255, 232, 130)
BARK = (112, 76, 50)
STALK = (48, 132, 66)


class Tones:
    """Body, shade, light and outline of one colour; the outline is seen on any ground."""

    def __init__(self, colour):
        self.name = colour
        self.body = PALETTE[colour]
        self.shade = mix(self.body, (20, 20, 40), 0.26)
        self.light = mix(self.body, (255, 255, 255), 0.38)
        self.line = mix(self.body, (20, 16, 30), 0.58)
        if colour == "white":
            self.shade, self.line = (214, 220, 230), (116, 124, 142)
        if colour == "black":
            self.shade, self.light, self.line = (26, 26, 32), (92, 92, 104), (150, 150, 164)


def _eye(pen, x, y, radius):
    pen.oval((x, y), (radius, radius), (255, 255, 255), INK)
    pen.oval((x + radius * 0.2, y), (radius * 0.5, radius * 0.55), INK)


def _house(pen, tone):
    pen.box((0.17, 0.62), (0.28, 0.96), tone.shade, tone.line)
    pen.box((-0.38, 0), (0.38, 0.56), tone.body, tone.line)
    pen.polygon([(-0.5, 0.54), (0.5, 0.54), (0, 0.98)], tone.shade, tone.line)
    pen.oval((0, 0.70), (0.075, 0.075), LAMP, tone.line)
    pen.box((-0.09, 0), (0.09, 0.30), BARK if tone.name != "brown" else CREAM, tone.line)
    for x in (-0.24, 0.24):
        pen.box((x - 0.085, 0.24), (x + 0.085, 0.43), LAMP, tone.line)
        pen.stroke([(x, 0.24), (x, 0.43)], tone.line, 0.02)


def _tree(pen, tone):
    trunk = [(-0.09, 0), (0.09, 0), (0.06, 0.42), (-0.06, 0.42)]
    pen.polygon(trunk, BARK, mix(BARK, INK, 0.5))
    puffs = ((-0.24, 0.46, 0.22), (0.24, 0.46, 0.22), (-0.17, 0.68, 0.22), (0.17, 0.68, 0.22))
    top = (0, 0.76, 0.23)
    for x, y, r in (*puffs, top):
        pen.oval((x, y), (r + 0.028, r + 0.028), tone.line)
    for x, y, r in (*puffs, top):
        pen.oval((x, y), (r, r), tone.body)
    pen.oval((0, 0.56), (0.24, 0.22), tone.body)
    pen.oval((-0.10, 0.80), (0.10, 0.08), tone.light)
    for x, y in ((-0.26, 0.44), (0.20, 0.42), (0.14, 0.64)):
        pen.oval((x, y), (0.05, 0.035), tone.shade)


def _boat(pen, tone):
    pen.box((-0.025, 0.22), (0.025, 1.0), BARK)
    pen.polygon([(0.05, 0.30), (0.05, 0.95), (0.46, 0.30)], tone.body, tone.line)
    pen.polygon([(-0.05, 0.30), (-0.05, 0.84), (-0.36, 0.30)], tone.light, tone.line)
    hull = [(-0.5, 0.25), (0.5, 0.25), (0.34, 0.0), (-0.34, 0.0)]
    pen.polygon(hull, tone.body, tone.line)
    pen.polygon([(-0.39, 0.08), (0.39, 0.08), (0.34, 0.0), (-0.34, 0.0)], tone.shade)


def _balloon(pen, tone):
    pen.stroke([(0, 0.36), (0.03, 0.24), (-0.03, 0.12), (0.02, 0)], INK, 0.022)
    pen.polygon([(-0.06, 0.30), (0.06, 0.30), (0, 0.38)], tone.shade, tone.line)
    pen.oval((0, 0.66), (0.29, 0.34), tone.body, tone.line)
    pen.oval((-0.12, 0.80), (0.07, 0.10), tone.light)


def _flower(pen, tone):
    pen.stroke([(0, 0), (0, 0.5)], STALK, 0.055)
    for side in (-1, 1):
        leaf = [(0, 0.10), (side * 0.16, 0.24), (side * 0.27, 0.26), (side * 0.18, 0.12)]
        pen.polygon(leaf, STALK, mix(STALK, INK, 0.4))
    turns = [2 * math.pi * k / 6 + math.pi / 6 for k in range(6)]
    petals = [(0.22 * math.cos(a), 0.65 + 0.22 * math.sin(a)) for a in turns]
    for petal in petals:
        pen.oval(petal, (0.148, 0.148), tone.body, tone.line)
    pen.oval((0, 0.65), (0.2, 0.2), tone.body)
    core = (255, 205, 60) if tone.name not in ("yellow", "orange") else (120, 74, 40)
    pen.oval((0, 0.65), (0.115, 0.115), core, tone.line)


def _star(pen, tone):
    points = []
    for k in range(10):
        radius = 0.52 if k % 2 == 0 else 0.24
        turn = math.pi / 2 + math.pi * k / 5
        points.append((radius * math.cos(turn), 0.48 + radius * math.sin(turn)))
    pen.polygon(points, tone.body, tone.line)
    face = tone.line if tone.name == "black" else INK
    for x in (-0.09, 0.09):
        pen.oval((x, 0.53), (0.035, 0.05), face)
    pen.stroke([(-0.08, 0.42), (-0.04, 0.385), (0.04, 0.385), (0.08, 0.42)], face, 0.028)


def _car(pen, tone):
    cabin = [(-0.30, 0.32), (-0.20, 0.60), (0.16, 0.60), (0.30, 0.32)]
    pen.polygon(cabin, tone.body, tone.line)
    pen.polygon([(-0.22, 0.35), (-0.15, 0.54), (-0.04, 0.54), (-0.04, 0.35)], GLASS, tone.line)
    pen.polygon([(0.03, 0.35), (0.03, 0.54), (0.13, 0.54), (0.22, 0.35)], GLASS, tone.line)
    body = [(-0.54, 0.10), (-0.54, 0.30), (-0.44, 0.36), (0.42, 0.36), (0.54, 0.28), (0.54, 0.10)]
    pen.polygon(body, tone.body, tone.line)
    pen.box((-0.52, 0.10), (0.52, 0.16), tone.shade)
    pen.oval((0.48, 0.25), (0.045, 0.045), LAMP, tone.line)
    for x in (-0.29, 0.29):
        pen.oval((x, 0.11), (0.125, 0.125), (52, 50, 58), (24, 22, 28))
        pen.oval((x, 0.11), (0.055, 0.055), (196, 198, 206))


def _mushroom(pen, tone):
    stem = [(-0.14, 0), (0.14, 0), (0.10, 0.45), (-0.10, 0.45)]
    pen.polygon(stem, CREAM, (140, 118, 92))
    cap = [(0.46 * math.cos(math.pi * k / 16), 0.38 + 0.5 * math.sin(math.pi * k / 16))
           for k in range(17)]  # fmt: skip
    pen.polygon([*cap, (-0.2, 0.33), (0.2, 0.33)], tone.body, tone.line)
    spot = (255, 252, 240) if tone.name != "white" else (202, 208, 220)
    for x, y, r in ((0, 0.72, 0.085), (-0.25, 0.54, 0.07), (0.25, 0.54, 0.07), (0.01, 0.48, 0.05)):
        pen.oval((x, y), (r, r * 0.9), spot)


def _cat(pen, tone):
    tail = [(0.2, 0.08), (0.38, 0.10), (0.46, 0.26), (0.40, 0.44)]
    pen.stroke(tail, tone.line, 0.14)
    pen.stroke(tail, tone.body, 0.09)
    pen.oval((0.40, 0.44), (0.045, 0.045), tone.body)
    pen.oval((0.02, 0.26), (0.27, 0.28), tone.body, tone.line)
    for x in (-0.11, 0.09):
        pen.oval((x, 0.05), (0.10, 0.06), tone.body, tone.line)
    for side in (-1, 1):
        ear = [(side * 0.28, 0.66), (side * 0.27, 0.99), (side * 0.05, 0.84)]
        pen.polygon(ear, tone.body, tone.line)
        inner = [(side * 0.24, 0.76), (side * 0.235, 0.90), (side * 0.13, 0.83)]
        pen.polygon(inner, (246, 172, 176))
    pen.oval((0, 0.66), (0.30, 0.235), tone.body, tone.line)
    _cat_face(pen, tone)


def _cat_face(pen, tone):
    for side in (-1, 1):
        pen.oval((side * 0.12, 0.70), (0.058, 0.065), (214, 240, 140), INK)
        pen.oval((side * 0.12, 0.70), (0.022, 0.055), INK)
        for drop in (0.0, -0.05):
            pen.stroke([(side * 0.12, 0.58), (side * 0.36, 0.60 + drop)], tone.line, 0.018)
    pen.polygon([(-0.04, 0.62), (0.04, 0.62), (0, 0.575)], (240, 120, 130), INK)


def _bird(pen, tone):
    pen.polygon([(-0.20, 0.46), (-0.54, 0.60), (-0.50, 0.36)], tone.shade, tone.line)
    pen.oval((-0.02, 0.42), (0.30, 0.20), tone.body, tone.line)
    pen.polygon([(0.40, 0.62), (0.58, 0.55), (0.40, 0.50)], (250, 170, 40), INK)
    pen.oval((0.27, 0.57), (0.17, 0.165), tone.body, tone.line)
    pen.oval((0.08, 0.46), (0.2, 0.13), tone.body)
    wing = [(0.10, 0.46), (0.02, 0.72), (-0.30, 0.96), (-0.26, 0.60), (-0.14, 0.42)]
    pen.polygon(wing, tone.shade, tone.line)
    _eye(pen, 0.31, 0.61, 0.05)
    for x in (-0.04, 0.07):
        pen.stroke([(x, 0.24), (x - 0.06, 0.12)], (232, 140, 40), 0.03)


def _fish(pen, tone):
    pen.polygon([(-0.22, 0.40), (-0.54, 0.66), (-0.46, 0.40), (-0.54, 0.14)], tone.shade, tone.line)
    pen.polygon([(-0.14, 0.58), (0.02, 0.80), (0.20, 0.58)], tone.shade, tone.line)
    pen.oval((0.10, 0.40), (0.41, 0.25), tone.body, tone.line)
    pen.polygon([(0.06, 0.38), (-0.12, 0.24), (-0.10, 0.44)], tone.shade, tone.line)
    pen.stroke([(0.24, 0.56), (0.20, 0.40), (0.24, 0.24)], tone.line, 0.026)
    _eye(pen, 0.36, 0.46, 0.06)


def _battlements(pen, tone, left, right, y):
    step = (right - left) / 5
    for k in (0, 2, 4):
        pen.box(
            (left + k * step, y - 0.02), (left + (k + 1) * step, y + 0.08), tone.body, tone.line
        )


def _castle(pen, tone):
    pen.box((-0.26, 0), (0.26, 0.46), tone.body, tone.line)
    _battlements(pen, tone, -0.22, 0.22, 0.46)
    for x in (-0.34, 0.34):
        pen.box((x - 0.15, 0), (x + 0.15, 0.64), tone.body, tone.line)
        roof = [(x - 0.19, 0.64), (x + 0.19, 0.64), (x, 0.93)]
        pen.polygon(roof, tone.shade, tone.line)
        pen.box((x - 0.04, 0.40), (x + 0.04, 0.53), LAMP, tone.line)
        pen.stroke([(x, 0.92), (x, 1.02)], tone.line, 0.02)
    pen.box((-0.10, 0), (0.10, 0.20), BARK)
    pen.oval((0, 0.20), (0.10, 0.10), BARK)
    pen.stroke([(-0.2, 0.34), (0.2, 0.34)], tone.shade, 0.035)


def _lighthouse(pen, tone):
    tower = [(-0.22, 0), (0.22, 0), (0.13, 0.70), (-0.13, 0.70)]
    pen.polygon(tower, tone.body, tone.line)
    for low in (0.14, 0.42):
        left, right = 0.22 - 0.09 * low / 0.7, 0.22 - 0.09 * (low + 0.12) / 0.7
        band = [(-left, low), (left, low), (right, low + 0.12), (-right, low + 0.12)]
        pen.polygon(band, tone.light if tone.name != "white" else tone.shade)
    pen.polygon(tower, None, tone.line)
    pen.box((-0.19, 0.68), (0.19, 0.74), tone.shade, tone.line)
    pen.box((-0.11, 0.74), (0.11, 0.88), LAMP, tone.line)
    pen.polygon([(-0.17, 0.88), (0.17, 0.88), (0, 1.02)], tone.body, tone.line)
    pen.box((-0.06, 0), (0.06, 0.12), BARK, tone.line)


def _snowman(pen, tone):
    for side in (-1, 1):
        pen.stroke([(side * 0.16, 0.44), (side * 0.40, 0.56)], BARK, 0.035)
    pen.oval((0, 0.20), (0.27, 0.21), tone.body, tone.line)
    pen.oval((0, 0.45), (0.20, 0.17), tone.body, tone.line)
    pen.oval((0, 0.68), (0.155, 0.145), tone.body, tone.line)
    pen.box((-0.19, 0.78), (0.19, 0.82), INK, (90, 88, 98))
    pen.box((-0.115, 0.81), (0.115, 0.99), INK, (90, 88, 98))
    dark = (214, 214, 222) if tone.name == "black" else INK
    for x in (-0.055, 0.065):
        pen.oval((x, 0.72), (0.024, 0.028), dark)
    for y in (0.40, 0.50):
        pen.oval((0, y), (0.024, 0.024), dark)
    pen.polygon([(0.0, 0.68), (0.0, 0.64), (0.15, 0.65)], (250, 140, 40), (160, 84, 20))


_DRAWERS = {
    "house": _house, "tree": _tree, "boat": _boat, "balloon": _balloon, "flower": _flower,
    "star": _star, "car": _car, "mushroom": _mushroom, "cat": _cat, "bird": _bird,
    "fish": _fish, "castle": _castle, "lighthouse": _lighthouse, "snowman": _snowman,
}  # fmt: skip


def draw_object(pen, name, colour):
    """Draw the object `name` in `colour` with `pen`; it fills about the unit box."""
    _DRAWERS[name](pen, Tones(colour))

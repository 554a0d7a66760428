"""The colours that stand for the classes of the world in a segmentation map, in one place.

Whoever draws such a map, program or person, takes them from here.
"""

from studio.picturebook.vocabulary import CLASSES

_HEX = {
    "sky": "#a0c8ff", "sun": "#ffee00", "moon": "#d8d8f0", "clouds": "#708090",
    "mountains": "#604878", "meadow": "#50c030", "desert": "#e8c078", "snow": "#ffffff",
    "sea": "#0050c0", "forest": "#005028", "city": "#383838", "house": "#c00020",
    "tree": "#00ff80", "boat": "#ff8000", "balloon": "#ff00ff", "flower": "#ff90c0",
    "star": "#00ffff", "car": "#0000ff", "mushroom": "#805000", "cat": "#000000",
    "bird": "#8000ff", "fish": "#ff5848", "castle": "#a0a0a0", "lighthouse": "#800060",
    "snowman": "#00a0a0",
}  # fmt: skip

PALETTE = {name: tuple(bytes.fromhex(_HEX[name][1:])) for name in CLASSES}
"""Class -> (red, green, blue), 0..255, in the order of CLASSES."""

"""The words of the picture-book world, and which (colour, object) pairs are held out."""

OBJECTS = (
    "house", "tree", "boat", "balloon", "flower", "star", "car",
    "mushroom", "cat", "bird", "fish", "castle", "lighthouse", "snowman",
)  # fmt: skip
COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown",
)  # fmt: skip
PLACES = ("left", "center", "right")
SKIES = ("day", "sunset", "dawn", "night", "storm")
GROUNDS = ("meadow", "desert", "snow", "sea", "forest", "city")
EXTRAS = ("sun", "moon", "clouds", "mountains", "rain")
STYLES = ("flat", "watercolor", "pixel art")

# Indices of Scene.segmentation. Rain is left out: its streaks are thinner than a pixel.
CLASSES = ("sky", "sun", "moon", "clouds", "mountains", *GROUNDS, *OBJECTS)

PAIRS = tuple((colour, item) for item in OBJECTS for colour in COLOURS)
# One colour of each object; 3 and 10 share no factor, so the colours are spread evenly.
HELD_OUT = frozenset(
    (COLOURS[(3 * index + 4) % len(COLOURS)], item) for index, item in enumerate(OBJECTS)
)
TRAINED = tuple(pair for pair in PAIRS if pair not in HELD_OUT)

"""Captions in varied English. What they say is true; what they leave out is chance."""

_GROUND = {
    "meadow": ("on a meadow", "in a meadow", "on the meadow", "on grass"),
    "desert": ("in the desert", "in a desert", "on desert sand"),
    "snow": ("in the snow", "on the snow", "on snow", "in a snowy landscape"),
    "sea": ("on the sea", "at sea", "by the sea", "on the water"),
    "forest": ("in a forest", "in the forest", "in the woods"),
    "city": ("in the city", "in a city", "in front of a city", "on a city street"),
}
_PLACE_NOUN = {
    "meadow": ("a meadow", "the meadow"),
    "desert": ("a desert", "the desert"),
    "snow": ("a snowy landscape", "a field of snow", "snow"),
    "sea": ("the sea", "a sea"),
    "forest": ("a forest", "the forest"),
    "city": ("a city", "the city"),
}
_SKY = {
    "day": ("by day", "during the day", "in daylight", "under a day sky"),
    "sunset": ("at sunset", "under a sunset sky", "in the evening at sunset"),
    "dawn": ("at dawn", "under a dawn sky", "early in the morning at dawn"),
    "night": ("at night", "under a night sky", "by night", "under a starry sky"),
    "storm": ("in a storm", "under a stormy sky", "during a storm", "in stormy weather"),
}
_SKY_NOUN = {
    "day": ("a day sky", "daylight"),
    "sunset": ("a sunset", "a sunset sky"),
    "dawn": ("a dawn sky", "dawn"),
    "night": ("a night sky", "night"),
    "storm": ("a stormy sky", "a storm"),
}
_SKY_TAG = {
    "day": ("day", "daytime", "day sky"),
    "sunset": ("sunset", "sunset sky"),
    "dawn": ("dawn", "dawn sky"),
    "night": ("night", "night sky"),
    "storm": ("storm", "stormy sky"),
}
_PLACE = {
    "left": ("on the left", "on the left side", "at the left", "to the left"),
    "center": ("in the center", "in the middle", "at the center"),
    "right": ("on the right", "on the right side", "at the right", "to the right"),
}
_EXTRA = {
    "sun": ("the sun", "a sun", "a shining sun"),
    "moon": ("the moon", "a moon", "a crescent moon"),
    "clouds": ("clouds", "some clouds"),
    "mountains": ("mountains", "mountains in the background", "snowy peaks behind"),
    "rain": ("rain", "falling rain"),
}
_STYLE = {
    "flat": ("flat style", "flat", "flat illustration"),
    "watercolor": ("watercolor", "watercolour", "watercolor painting", "in watercolor"),
    "pixel art": ("pixel art", "pixel art style", "in pixel art"),
}
_STYLE_HEAD = {
    "flat": ("a flat illustration of", "a flat picture of"),
    "watercolor": ("a watercolor of", "a watercolor painting of"),
    "pixel art": ("pixel art of", "a pixel art picture of"),
}

# Words of praise and noise that prompts are full of; learned, so that they do no harm.
FILLERS = (
    "beautiful", "cute", "detailed", "highly detailed", "masterpiece", "best quality", "pretty",
    "a picture of", "an image of", "a photo of", "a drawing of", "lovely", "for children",
    "4k", "illustration", "picture book", "storybook", "nice", "happy", "scene", "art",
)  # fmt: skip


def article(word):
    """ "a" or "an", as the word's first letter asks."""
    return "an" if word[0] in "aeiou" else "a"


def _pick(rng, options):
    return options[int(rng.integers(len(options)))]


def _join(parts):
    """ "one", "one and two", "one, two and three"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def noun(item, with_colour=True):
    """The object with its article: "an orange boat"."""
    phrase = f"{item.colour} {item.object}" if with_colour else item.object
    return f"{article(phrase)} {phrase}"


class _Facts:
    """What this caption says, chosen once: phrases, or "" for what is left out."""

    def __init__(self, scene, rng):
        self.scene, self.rng = scene, rng
        self.ground = rng.random() < 0.85
        self.sky = rng.random() < 0.85
        # Whoever names no style is to get the flat one, the sharpest: the others are always told.
        self.style = scene.style != "flat" or rng.random() < 0.35
        self.extras = [name for name in scene.extras if rng.random() < 0.6]
        self.placed = rng.random() < (0.65 if len(scene.items) == 1 else 0.75)
        self.coloured = [rng.random() < 0.96 for _ in scene.items]

    def objects(self):
        """All objects in one phrase, in random order."""
        order = self.rng.permutation(len(self.scene.items))
        return _join([self._object(int(k)) for k in order])

    def _object(self, index):
        item = self.scene.items[index]
        phrase = noun(item, self.coloured[index])
        return f"{phrase} {_pick(self.rng, _PLACE[item.place])}" if self.placed else phrase

    def extra_phrases(self):
        return [_pick(self.rng, _EXTRA[name]) for name in self.extras]

    def with_extras(self):
        extras = self.extra_phrases()
        return f"with {_join(extras)}" if extras else ""

    def style_tail(self):
        return f", {_pick(self.rng, _STYLE[self.scene.style])}" if self.style else ""


def _joined(*phrases):
    return " ".join(phrase for phrase in phrases if phrase)


def _where(facts, rng, turned):
    """Ground and sky, as far as they are told; in `turned` of all cases the sky first."""
    where = [
        _pick(rng, _GROUND[facts.scene.ground]) if facts.ground else "",
        _pick(rng, _SKY[facts.scene.sky]) if facts.sky else "",
    ]
    return where[::-1] if rng.random() < turned else where


def _one_or_two(pool, rng):
    chosen = rng.choice(len(pool), size=int(rng.integers(1, 3)), replace=False)
    return ", ".join(dict.fromkeys(pool[int(k)] for k in chosen))


def _sentence(facts, rng):
    """A red house on the left, on a meadow at sunset with clouds, watercolor."""
    tail = _joined(*_where(facts, rng, 0.25), facts.with_extras())
    comma = "," if (facts.placed and tail and rng.random() < 0.6) else ""
    return _joined(facts.objects() + comma, tail) + facts.style_tail()


def _scenery_first(facts, rng):
    """A meadow under a day sky with a blue car in the center and mountains."""
    scene = facts.scene
    sky = _pick(rng, _SKY[scene.sky]) if facts.sky else ""
    things = _join([facts.objects(), *facts.extra_phrases()])
    place = _pick(rng, _PLACE_NOUN[scene.ground])
    return _joined(place, sky, "with", things) + facts.style_tail()


def _sky_first(facts, rng):
    """At night, a red house on the left in the snow."""
    scene = facts.scene
    ground = _pick(rng, _GROUND[scene.ground]) if facts.ground else ""
    rest = _joined(facts.objects(), ground, facts.with_extras())
    if rng.random() < 0.5:
        return f"{_pick(rng, _SKY[scene.sky])}, {rest}{facts.style_tail()}"
    over = _joined(_pick(rng, _SKY_NOUN[scene.sky]), "over", _pick(rng, _PLACE_NOUN[scene.ground]))
    things = _join([facts.objects(), *facts.extra_phrases()])
    return f"{over} with {things}{facts.style_tail()}"


def _style_first(facts, rng):
    """A watercolor of a red house on a meadow at sunset."""
    facts.style = False
    return _joined(_pick(rng, _STYLE_HEAD[facts.scene.style]), _sentence(facts, rng))


def _tags(facts, rng):
    """Red house on the left, meadow, sunset, watercolor."""
    scene = facts.scene
    tags = []
    for item, coloured in zip(scene.items, facts.coloured, strict=True):
        phrase = f"{item.colour} {item.object}" if coloured else item.object
        tags.append(_joined(phrase, _pick(rng, _PLACE[item.place]) if facts.placed else ""))
    rest = [scene.ground] if facts.ground else []
    rest += [_pick(rng, _SKY_TAG[scene.sky])] if facts.sky else []
    rest += facts.extras
    rest += [scene.style] if facts.style else []
    rest = [rest[int(k)] for k in rng.permutation(len(rest))]
    return ", ".join(tags + rest if rng.random() < 0.8 else rest + tags)


def _few(facts, rng):
    """One or two facts: "mountains", "night", "a red house", "snow, a moon, pixel art"."""
    scene = facts.scene
    item = scene.items[int(rng.integers(len(scene.items)))]
    pool = [
        noun(item),
        noun(item),
        item.object,
        _pick(rng, _SKY_TAG[scene.sky]),
        scene.ground,
        *scene.extras,
        *scene.extras,
    ]
    return _one_or_two(pool, rng) + facts.style_tail()


_FORMS = (_sentence, _scenery_first, _sky_first, _style_first, _tags, _few)
_CHANCE = (0.44, 0.12, 0.12, 0.10, 0.14, 0.08)


def _view(facts, rng):
    """A meadow under a sunset sky with clouds, watercolor."""
    scene = facts.scene
    sky = _pick(rng, _SKY[scene.sky]) if facts.sky else ""
    place = _joined(_pick(rng, _PLACE_NOUN[scene.ground]), sky)
    return _joined(place, facts.with_extras()) + facts.style_tail()


def _view_of_style(facts, rng):
    """A watercolor of the sea at night with the moon."""
    facts.style = False
    return _joined(_pick(rng, _STYLE_HEAD[facts.scene.style]), _view(facts, rng))


def _extras_first(facts, rng):
    """Mountains and a moon at night in the snow; the view if there are no extras to tell."""
    phrases = facts.extra_phrases()
    if not phrases:
        return _view(facts, rng)
    return _joined(_join(phrases), *_where(facts, rng, 0.5)) + facts.style_tail()


def _few_of_scenery(facts, rng):
    """One or two words: "mountains", "night, sea, watercolor"."""
    scene = facts.scene
    pool = [scene.ground, _pick(rng, _SKY_TAG[scene.sky]), *(2 * scene.extras)]
    return _one_or_two(pool, rng) + facts.style_tail()


_SCENERY_FORMS = (_view, _view_of_style, _extras_first, _tags, _few_of_scenery)
_SCENERY_CHANCE = (0.4, 0.1, 0.15, 0.15, 0.2)


def write(scene, rng):
    """A caption of `scene`, chosen with `rng` (numpy Generator); "" says nothing of it.

    Scenes without objects have forms of their own.
    """
    forms = (_FORMS, _CHANCE) if scene.items else (_SCENERY_FORMS, _SCENERY_CHANCE)
    form = forms[0][int(rng.choice(len(forms[0]), p=forms[1]))]
    return form(_Facts(scene, rng), rng)


def distracted(caption, rng):
    """The caption with a word before or after it that means nothing in this world."""
    if rng.random() < 0.7:
        extra = _pick(rng, FILLERS)
    else:
        letters = rng.choice(list("abcdefghijklmnopqrstuvwxyz"), size=int(rng.integers(2, 8)))
        extra = "".join(letters)
    if rng.random() < 0.5:
        return f"{extra} {caption}" if extra.endswith("of") else f"{extra}, {caption}"
    return f"{caption}, {extra}"


def training_caption(scene, rng):
    """A caption to learn from: `write`'s, one in ten of them distracted, one in thirty the style
    alone, so that "watercolor" by itself draws a scene."""
    chance = rng.random()
    if chance < 1 / 30:
        return _pick(rng, _STYLE[scene.style])
    text = write(scene, rng)
    return distracted(text, rng) if chance > 0.9 else text

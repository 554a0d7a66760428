"""Prompts that picturebook is measured by, the scene each asks for, and what the judge finds."""

from dataclasses import replace

import numpy as np

from studio.picturebook.captions import article
from studio.picturebook.world import TRAINED, Scene

ASPECTS = ("colour", "object", "both", "place", "sky", "ground")
# Prompts that say nothing of mountains: whole scenery, where they hardly come by themselves, and
# few words, which leave open what is behind.
NEUTRAL = {
    "scenery": (
        "a meadow by day", "the sea at sunset", "a desert at dawn", "a snowy landscape at night",
        "a forest by day", "a city at sunset",
    ),
    "few words": (
        "a red house", "a boat", "night", "pixel art", "a white cat in the snow",
        "sunset, desert", "a green tree by day", "a storm",
    ),
}  # fmt: skip

_PLACE = {"left": "on the left", "center": "in the center", "right": "on the right"}
_GROUND = {
    "meadow": "on a meadow", "desert": "in the desert", "snow": "in the snow",
    "sea": "on the sea", "forest": "in the forest", "city": "in the city",
}  # fmt: skip
_SKY = {
    "day": "by day", "sunset": "at sunset", "dawn": "at dawn", "night": "at night",
    "storm": "under a stormy sky",
}  # fmt: skip
_EXTRA = {"sun": "the sun", "moon": "the moon"}


def _thing(item):
    return f"{article(item.colour)} {item.colour} {item.object} {_PLACE[item.place]}"


def full_prompt(scene):
    """What a person would write to get this scene: every object with its colour and place, the
    ground and the sky."""
    things = " and ".join(map(_thing, scene.items))
    return f"{things}, {_GROUND[scene.ground]} {_SKY[scene.sky]}"


def styled_prompt(scene):
    """`full_prompt`, and the style where it is not the flat one, which nobody needs to name."""
    return full_prompt(scene) + ("" if scene.style == "flat" else f", {scene.style}")


def one_object(pairs, count, seed):
    """`count` prompts of one object with all its facts: list of (prompt, Scene)."""
    rng = np.random.default_rng((11, seed))
    order = sorted(pairs)
    scenes = [Scene.random(rng, pairs=[order[k % len(order)]], count=1) for k in range(count)]
    return [(full_prompt(scene), scene) for scene in scenes]


def two_objects(count, seed=3):
    """`count` prompts of two unlike objects in two colours: list of (prompt, Scene)."""
    rng, cases = np.random.default_rng((11, seed)), []
    while len(cases) < count:
        scene = Scene.random(rng, pairs=TRAINED, count=2)
        first, second = scene.items
        if first.object != second.object and first.colour != second.colour:
            cases.append((full_prompt(scene), scene))
    return cases


def with_extras(count, seed=4):
    """`count` prompts of flat illustrations of one object with all extras named: list of (prompt,
    Scene), one extra or more in each."""
    rng, cases = np.random.default_rng((11, seed)), []
    while len(cases) < count:
        scene = replace(Scene.random(rng, pairs=TRAINED, count=1), style="flat")
        if scene.extras:
            extras = " and ".join(_EXTRA.get(name, name) for name in scene.extras)
            cases.append((f"{full_prompt(scene)} with {extras}, flat illustration", scene))
    return cases


def judged(judge, pictures, scenes):
    """One {aspect: bool} a picture: is its surest object, are sky and ground, what the prompt of
    its scene of one object says?"""
    marks = []
    for reading, scene in zip(judge.read(pictures), scenes, strict=True):
        wanted, object_ = scene.items[0], reading["objects"][0]
        colour = object_["colour"] == wanted.colour
        marks.append(
            {
                "colour": colour,
                "object": object_["object"] == wanted.object,
                "both": colour and object_["object"] == wanted.object,
                "place": object_["place"] == wanted.place,
                "sky": reading["sky"] == scene.sky,
                "ground": reading["ground"] == scene.ground,
            }
        )
    return marks


def judged_together(judge, pictures, scenes):
    """One {"objects", "colours", "places": bool} a picture: are all objects of its scene there,
    each in its own colour, each at its own place?"""
    marks = []
    for reading, scene in zip(judge.read(pictures), scenes, strict=True):
        found = {each["object"]: each for each in reading["objects"]}
        there = all(item.object in found for item in scene.items)

        def own(fact, found=found, scene=scene):
            return all(found[item.object][fact] == getattr(item, fact) for item in scene.items)

        marks.append(
            {
                "objects": there,
                "colours": there and own("colour"),
                "places": there and own("place"),
            }
        )
    return marks


def judged_extras(judge, pictures, scenes):
    """One {"extras", "style": bool} a picture: are all extras of its scene there, is it in the
    scene's style?"""
    return [
        {
            "extras": {*scene.extras} <= reading["extras"],
            "style": reading["style"] == scene.style,
        }
        for reading, scene in zip(judge.read(pictures), scenes, strict=True)
    ]


def judged_mountains(judge, pictures, _scenes):
    """One {"mountains": bool} a picture: are there any?"""
    return [{"mountains": "mountains" in reading["extras"]} for reading in judge.read(pictures)]

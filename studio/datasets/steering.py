"""What says where things are in a picture: the requests that draw it, and the labels that follow.

An attempt at a picture is a coroutine: it asks for drawings, one request after the other, is sent
what was drawn, and returns the last of it with its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageDraw

from studio.datasets.labels import Label, of_mask
from studio.datasets.plan import PlannedPicture
from studio.datasets.spec import DatasetSpec, ThingClass
from studio.domain.control import ControlInput
from studio.domain.geometry import Box, Size
from studio.domain.request import GenerationRequest
from studio.domain.tasks import ImageToImage, Inpaint
from studio.picturebook.control_palette import PALETTE
from studio.picturebook.vocabulary import CLASSES, EXTRAS, GROUNDS, OBJECTS, STYLES
from studio.picturebook.world import COLUMN, SHARE, Item, Scene

CONTROLNET = "picturebook-controlnet-segmentation"
_APART = 0.04
"""What silhouettes keep between each other, as a share of the shorter side, so that each is seen by
itself: a drawing strays from its map by a pixel or two."""
_REGIONS_APART = 3
"""Pixels that regions keep between each other."""
_TRIES = 30
_GROUND_WORDS = {"grass": "meadow", "snowy": "snow", "water": "sea", "woods": "forest"}
_STYLE_WORDS = {"watercolour": "watercolor"}

Drawing = Generator[GenerationRequest, Image.Image, tuple[Image.Image, list[Label]]]
Keep = Callable[[Image.Image], str]
"""Keeps a picture that a request begins with; returns what the request names it."""


class Steering(Protocol):
    def draw(self, planned: PlannedPicture, attempt: int) -> Drawing:
        """One attempt at a picture."""


@dataclass(frozen=True)
class Silhouettes:
    """Silhouettes of picturebook's world in a segmentation map, which its ControlNet follows. What
    is behind them is what the prompt says: a ground, clouds, mountains, the sun, the moon."""

    spec: DatasetSpec
    size: Size
    keep: Keep

    def draw(self, planned: PlannedPicture, attempt: int) -> Drawing:
        scene = self._scene(planned, planned.rng(attempt))
        labels = scene.segmentation(self.size)
        colours = np.array(list(PALETTE.values()), np.uint8)
        unit = ControlInput(
            controlnet=CONTROLNET,
            image=self.keep(Image.fromarray(colours[labels])),
            scale=self.spec.control_scale,
        )
        seed = planned.drawing_seed(attempt)
        image = yield base_request(self.spec, self.size, planned.prompt, seed, controls=(unit,))
        return image, self._labels(scene, planned)

    def _labels(self, scene: Scene, planned: PlannedPicture) -> list[Label]:
        """Those of the silhouettes, each by itself."""
        labels = []
        for item, thing in zip(scene.items, planned.things, strict=True):
            alone = Scene(**{**vars(scene), "items": (item,)}).segmentation(self.size)
            label = of_mask(thing.name, alone == CLASSES.index(item.object))
            if label is not None:
                labels.append(label)
        return labels

    def _scene(self, planned: PlannedPicture, rng: np.random.Generator) -> Scene:
        words = set(_words(planned.prompt))
        ground = next((name for name in GROUNDS if name in words), "meadow")
        scene = Scene(
            sky="day",
            ground=ground,
            style=next((name for name in STYLES if name in planned.prompt.casefold()), "flat"),
            extras=tuple(name for name in EXTRAS if name in words),
            items=(),
            horizon=float(rng.uniform(0.54, 0.64)),
            light_x=float(rng.choice([0.16, 0.5, 0.84]) + rng.uniform(-0.05, 0.05)),
            seed=int(rng.integers(2**31)),
        )
        for trial in range(_TRIES):
            shrink = 1 - 0.5 * trial / _TRIES
            items = tuple(self._item(planned, k, rng, shrink) for k in range(len(planned.things)))
            scene = Scene(**{**vars(scene), "items": items})
            if _are_apart(scene, self.size):
                break
        return scene

    def _item(
        self, planned: PlannedPicture, place: int, rng: np.random.Generator, shrink: float
    ) -> Item:
        thing = planned.things[place]
        shares = SHARE[min(len(planned.things), len(SHARE))]
        return Item(
            object=silhouette(self.spec, thing.name),
            colour="red",
            place=thing.place,
            x=COLUMN[thing.place] + float(rng.uniform(-0.05, 0.05)),
            lift=float(rng.random()),
            share=shrink * float(rng.uniform(*shares)),
            flip=bool(rng.random() < 0.5),
        )


@dataclass(frozen=True)
class Regions:
    """Things painted into regions of a picture, one after the other: of one that was drawn from
    the words around them, or of a photo. The label is the region."""

    spec: DatasetSpec
    size: Size | None
    keep: Keep
    photo: Callable[[int], Image.Image] | None = None

    def draw(self, planned: PlannedPicture, attempt: int) -> Drawing:
        rng = planned.rng(attempt)
        if planned.source is None or self.photo is None:
            seed = planned.drawing_seed(attempt)
            image = yield base_request(self.spec, self.size, planned.background, seed)
        else:
            image = self.photo(planned.source)
        labels: list[Label] = []
        for step, thing in enumerate(planned.things, 1):
            mask = self._region(self.spec.classes[thing.name], image.size, labels, rng)
            task = Inpaint(
                image=self.keep(image),
                mask=self.keep(mask),
                strength=self.spec.strength,
                mask_blur=max(0, min(4, min(image.size) // 64)),
                masked_content="latent_noise" if self.spec.strength >= 0.9 else "original",
                area="only_masked" if self.photo else "whole_picture",
            )
            request = base_request(
                self.spec, None, planned.words(thing), planned.drawing_seed(attempt, step)
            )
            before, image = image, (yield request.model_copy(update={"task": task}))
            if image.size != before.size:
                image = image.resize(before.size, Image.Resampling.LANCZOS)
            label = of_mask(thing.name, np.asarray(mask) > 127)
            if label is not None:
                labels.append(label)
        return image, labels

    def _region(
        self, about: ThingClass, size: Size, taken: list[Label], rng: np.random.Generator
    ) -> Image.Image:
        """An ellipse, L, white where the thing is to be, clear of the others if that can be."""
        left, top, right, bottom = self.spec.region
        for trial in range(_TRIES):
            shares = rng.uniform(*about.size, size=2) * (1 - 0.5 * trial / _TRIES)
            width = max(8, round(min(shares[0], right - left) * size[0]))
            height = max(8, round(min(shares[1], bottom - top) * size[1]))
            x = round(rng.uniform(left * size[0], max(left * size[0], right * size[0] - width)))
            y = round(rng.uniform(top * size[1], max(top * size[1], bottom * size[1] - height)))
            box = Box(x, y, min(x + width, size[0]), min(y + height, size[1]))
            if all(_apart(box, one.box) >= _REGIONS_APART for one in taken):
                break
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).ellipse((box.left, box.top, box.right - 1, box.bottom - 1), fill=255)
        return mask


@dataclass(frozen=True)
class Variations:
    """Photos whose labels are known, drawn over as a whole in other words: another light, another
    weather. The labels stay as they are, for `strength` leaves things where they are.

    photo   the number of one -> RGB
    labels  its number and the size that it is drawn at -> what is in it
    """

    spec: DatasetSpec
    keep: Keep
    photo: Callable[[int], Image.Image]
    labels: Callable[[int, Size], list[Label]]

    def draw(self, planned: PlannedPicture, attempt: int) -> Drawing:
        assert planned.source is not None
        photo = self.photo(planned.source)
        task = ImageToImage(image=self.keep(photo), strength=self.spec.strength)
        seed = planned.drawing_seed(attempt)
        image = yield base_request(self.spec, None, planned.prompt, seed, task=task)
        return image, self.labels(planned.source, image.size)


def silhouette(spec: DatasetSpec, name: str) -> str:
    """The object of picturebook's world whose outline a class has; "" where there is none."""
    shape = spec.classes[name].shape or name.strip().casefold()
    return shape if shape in OBJECTS else ""


def base_request(
    spec: DatasetSpec, size: Size | None, prompt: str, seed: int, **more: Any
) -> GenerationRequest:
    """What all drawings of a dataset have in common."""
    fields: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": spec.negative_prompt,
        "checkpoint": spec.checkpoint,
        "steps": spec.steps,
        "scheduler": spec.scheduler,
        "seed": seed,
        **more,
    }
    if spec.guidance_scale is not None:
        fields["guidance_scale"] = spec.guidance_scale
    if size is not None:
        fields |= {"width": size[0], "height": size[1]}
    return GenerationRequest(**fields)


def _are_apart(scene: Scene, size: Size) -> bool:
    boxes = [Box(*each["box"]) for each in scene.boxes(size)]
    least = _APART * min(size)
    return all(_apart(a, b) >= least for k, a in enumerate(boxes) for b in boxes[:k])


def _apart(one: Box, other: Box) -> int:
    """Pixels between them; below 0 they overlap."""
    across = max(one.left - other.right, other.left - one.right)
    down = max(one.top - other.bottom, other.top - one.bottom)
    return max(across, down)


def _words(prompt: str) -> list[str]:
    plain = "".join(letter if letter.isalpha() else " " for letter in prompt.casefold()).split()
    return [_GROUND_WORDS.get(word, word) for word in plain]

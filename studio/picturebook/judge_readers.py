"""The two networks of the judge: one glances at the whole picture, one looks at each thing alone.

A glance knows well what is there, but of two things it confuses whose colour is whose; the pixels
of one thing alone tell its colour, but less of what it is. `judge.py` has them conclude together.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from studio.picturebook.layout import positions
from studio.picturebook.segmenter import WIDTHS, Segmenter
from studio.picturebook.vocabulary import (
    CLASSES,
    COLOURS,
    EXTRAS,
    GROUNDS,
    OBJECTS,
    PLACES,
    SKIES,
    STYLES,
)

SIDE = 128  # of the pictures that both are given, px
GLANCE_SIDE = 64
LEVELS = 5  # of red, green and blue each, between which every colour lies
FACTS = LEVELS**3 + WIDTHS[0] + 6
HEADS = {
    "object": (len(OBJECTS),),
    "colour": (len(OBJECTS), len(COLOURS)),
    "place": (len(OBJECTS), len(PLACES)),
    "sky": (len(SKIES),),
    "ground": (len(GROUNDS),),
    "style": (len(STYLES),),
    "extras": (len(EXTRAS),),
}
_WHOLE = ("sky", "ground", "style", "extras")


def _block(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Glance(nn.Module):
    """Pictures in -1..1, float (n, 3, height, width), to logits by head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            _block(3, 32, 2), _block(32, 32, 1), _block(32, 64, 2),
            _block(64, 64, 1), _block(64, 128, 2), _block(128, 128, 1),
        )  # fmt: skip
        self.squeeze = _block(128, 40, 1)
        self.mix = nn.Sequential(nn.Linear(40 * 64 + 256, 192), nn.ReLU(inplace=True))
        sizes = {name: int(np.prod(shape)) for name, shape in HEADS.items()}
        self.heads = nn.ModuleDict({name: nn.Linear(192, n) for name, n in sizes.items()})

    def forward(self, pictures):
        """Logits: {head: float (n, *HEADS[head])}."""
        small = F.interpolate(pictures, [GLANCE_SIDE] * 2, mode="bilinear", antialias=True)
        features = self.body(small)
        pooled = torch.cat([features.amax((2, 3)), features.mean((2, 3))], dim=1)
        mixed = self.mix(torch.cat([self.squeeze(features).flatten(1), pooled], dim=1))
        return {name: head(mixed).unflatten(1, HEADS[name]) for name, head in self.heads.items()}


def palette_of(pictures):
    """How much of each of LEVELS ** 3 colours is in every pixel: float (n, colours, h, w) that sum
    to 1, of pictures in -1..1."""
    at = torch.linspace(-1, 1, LEVELS, device=pictures.device)[:, None, None]
    near = F.relu(1 - (pictures.clamp(-1, 1)[:, :, None] - at).abs() * (LEVELS - 1) / 2)
    red, green, blue = near.unbind(1)
    mixed = red[:, :, None, None] * green[:, None, :, None] * blue[:, None, None]
    return mixed.flatten(1, 3)


class Things(nn.Module):
    """What the pixels of each kind of thing tell, as a frozen segmenter finds them: pictures in
    -1..1, float (n, 3, SIDE, SIDE), to logits by head."""

    def __init__(self):
        super().__init__()
        self.segmenter = Segmenter().requires_grad_(False)
        self.norm = nn.BatchNorm1d(len(CLASSES) * FACTS, affine=False)
        self.whole = nn.Linear(len(CLASSES) * FACTS, 128)
        self.heads = nn.ModuleDict({name: nn.Linear(128, *HEADS[name]) for name in _WHOLE})
        self.kinds = nn.Parameter(0.1 * torch.randn(len(OBJECTS), 128))
        self.thing = nn.Linear(FACTS, 128)
        self.around = nn.Linear(128, 128)
        self.says = nn.Linear(128, 1 + len(COLOURS) + len(PLACES))
        # Of each kind its own share of the answer, beside what is read alike of all.
        self.own = nn.Parameter(torch.zeros(len(OBJECTS), FACTS))

    def forward(self, pictures):
        """Logits: {head: float (n, *HEADS[head])}."""
        return self.conclude(self.facts(pictures))

    @torch.no_grad()
    def facts(self, pictures):
        """What there is of each of CLASSES: float (n, classes, FACTS). The mean over its pixels of
        their colours and of the segmenter's first features, the logarithm of its share of the
        picture, how sure it is at its surest, the middle and the reach of its pixels, x before y.
        """
        levels = self.segmenter.eval().levels(pictures)
        there = self.segmenter.classes(levels).softmax(1)
        where = positions(there.shape[2:], there).expand(len(there), -1, -1, -1)
        seen = [palette_of(F.avg_pool2d(pictures, 2)), levels[0], where, where.square()]
        owned = there.flatten(2)
        mine = owned / (owned.sum(2, keepdim=True) + 1e-3)
        means = mine @ torch.cat(seen, 1).flatten(2).transpose(1, 2)
        means, middle, squares = means.split((FACTS - 6, 2, 2), dim=2)
        reach = (squares - middle.square()).clamp(min=0).sqrt()
        shares = torch.stack([owned.mean(2).add(1e-4).log(), owned.amax(2)], 2)
        return torch.cat([means, shares, middle, reach], 2)

    def conclude(self, facts):
        """The logits of `forward`."""
        flat = self.norm(facts.flatten(1))
        whole = F.relu(self.whole(flat))
        things = flat.unflatten(1, facts.shape[1:])[:, CLASSES.index(OBJECTS[0]) :]
        about = F.relu(self.thing(things) + self.kinds + self.around(whole)[:, None])
        present, colour, place = self.says(about).split((1, len(COLOURS), len(PLACES)), 2)
        logits = {name: head(whole) for name, head in self.heads.items()}
        present = present[..., 0] + (self.own * things).sum(2)
        return {"object": present, "colour": colour, "place": place, **logits}

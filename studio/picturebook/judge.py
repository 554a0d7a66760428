"""The judge: a small classifier that says what is in a picture of the picture-book world.

Two networks conclude together (`judge_readers.py`). It is trained on drawn scenes, on their round
trips through a VAE and on blurred ones, and ships with its weights, so that evaluations and tests
need no training.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from studio.picturebook.judge_readers import HEADS, SIDE, Glance, Things
from studio.picturebook.vocabulary import (
    COLOURS,
    EXTRAS,
    GROUNDS,
    OBJECTS,
    PLACES,
    SKIES,
    STYLES,
)

JUDGE_DIR = Path(__file__).resolve().parents[2] / "assets" / "models" / "picturebook-judge"


class Judge(nn.Module):
    """Pictures of any size in -1..1, float (n, 3, height, width), to logits by head."""

    def __init__(self):
        super().__init__()
        self.glance, self.things = Glance(), Things()

    def forward(self, pictures):
        """Logits: {head: float (n, *HEADS[head])}; of extras the glance's, of colours those of the
        things, of all else the sum of both."""
        small = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
        glance, things = self.glance(small), self.things(small)
        both = {name: glance[name] + things[name] for name in HEADS}
        return {**both, "extras": glance["extras"], "colour": things["colour"]}

    @torch.no_grad()
    def read(self, pictures):
        """What each picture shows: list of {"sky", "ground", "style", "extras", "objects"}.

        "objects" is sorted, surest first: {"object", "colour", "place", "sureness"} for those
        at least as sure as 0.5, and always the surest; "extras" a set of words.
        """
        self.eval()
        logits = {name: value.float() for name, value in self(pictures).items()}
        sure, extras = logits["object"].sigmoid(), logits["extras"] > 0
        best = {name: value.argmax(-1) for name, value in logits.items()}
        readings = []
        for n in range(len(pictures)):
            order = sure[n].argsort(descending=True).tolist()
            objects = [
                {
                    "object": OBJECTS[k],
                    "colour": COLOURS[best["colour"][n, k]],
                    "place": PLACES[best["place"][n, k]],
                    "sureness": float(sure[n, k]),
                }
                for rank, k in enumerate(order)
                if rank == 0 or sure[n, k] >= 0.5
            ]
            readings.append({
                "sky": SKIES[best["sky"][n]],
                "ground": GROUNDS[best["ground"][n]],
                "style": STYLES[best["style"][n]],
                "extras": {name for k, name in enumerate(EXTRAS) if extras[n, k]},
                "objects": objects,
            })  # fmt: skip
        return readings

    def read_images(self, images):
        """As `read`, of RGB pictures of PIL of any sizes."""
        small = [image.resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in small]))
        return self.read(pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1))

    def save(self, folder=JUDGE_DIR):
        """Write model.safetensors (fp16) and config.json into `folder`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.half().contiguous() if value.is_floating_point() else value.contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors.tmp", {"format": "pt"})
        (folder / "model.safetensors.tmp").chmod(0o644)
        os.replace(folder / "model.safetensors.tmp", folder / "model.safetensors")
        config = {"side": SIDE, "heads": HEADS, "objects": OBJECTS, "colours": COLOURS}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    @classmethod
    def load(cls, folder=JUDGE_DIR):
        """The judge with the weights in `folder`, float32, ready to read pictures."""
        judge = cls()
        judge.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return judge.float().eval()


def targets_of(scenes):
    """Labels of scenes as tensors; colour and place are -1 where there is nothing to say."""
    count = len(scenes)
    labels = {
        "object": torch.zeros(count, len(OBJECTS)),
        "colour": torch.full((count, len(OBJECTS)), -1),
        "place": torch.full((count, len(OBJECTS)), -1),
        "extras": torch.tensor([[float(name in s.extras) for name in EXTRAS] for s in scenes]),
        "sky": torch.tensor([SKIES.index(s.sky) for s in scenes]),
        "ground": torch.tensor([GROUNDS.index(s.ground) for s in scenes]),
        "style": torch.tensor([STYLES.index(s.style) for s in scenes]),
    }
    for n, scene in enumerate(scenes):
        names = [item.object for item in scene.items]
        for item in scene.items:
            k = OBJECTS.index(item.object)
            labels["object"][n, k] = 1
            if names.count(item.object) == 1:
                labels["colour"][n, k] = COLOURS.index(item.colour)
                labels["place"][n, k] = PLACES.index(item.place)
    return labels


def judge_loss(logits, labels):
    """The sum of all heads' losses."""
    loss = 0
    for name, value in logits.items():
        if name in ("object", "extras"):
            # The mean is over 14 objects of which one is there: the hardest of all to learn.
            heavier = 14.0 if name == "object" else 2.0
            loss = loss + heavier * F.binary_cross_entropy_with_logits(value, labels[name])
        else:
            flat, wanted = value.flatten(0, -2), labels[name].flatten()
            loss = loss + F.cross_entropy(flat, wanted, ignore_index=-1)
    return loss


def accuracy(logits, labels):
    """Share of right answers per head, 0..1; colour and place only where labelled.

    "object" and "extras" count a picture only if all of its objects or extras are right;
    "lone object" is the surest object of pictures with one.
    """
    alone = labels["object"].sum(1) == 1
    surest = logits["object"].argmax(-1) == labels["object"].argmax(-1)
    right = {"lone object": float(surest[alone].float().mean())}
    for name, value in logits.items():
        if name in ("object", "extras"):
            hits = (value > 0) == (labels[name] > 0.5)
            right[name] = float(hits.all(1).float().mean())
        else:
            there = labels[name] >= 0
            right[name] = float((value.argmax(-1) == labels[name])[there].float().mean())
    return right

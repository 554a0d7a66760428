"""What detectors learn from: drawn scenes of the picture-book world, and datasets of the studio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from studio.picturebook import data
from studio.picturebook.vocabulary import OBJECTS

MOST_THINGS = 3
SEEN = 128
"""Side, in pixels, of the pictures that a detector sees, whatever size they are drawn at."""
_PIECE = 100


def _drawn(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    first, count, side = job
    pixels = np.empty((count, 3, SEEN, SEEN), np.uint8)
    truth = np.full((count, MOST_THINGS, 5), -1, np.float32)
    for row in range(count):
        scene = data.unseen_scene(first + row)
        pixels[row] = _seen(scene.draw((side, side)))
        for place, thing in enumerate(scene.boxes((side, side))):
            box = np.array(thing["box"]) * SEEN / side
            truth[row, place] = *box, OBJECTS.index(thing["object"])
    return pixels, truth


def _seen(image: Image.Image) -> np.ndarray:
    small = image.convert("RGB").resize((SEEN, SEEN), Image.Resampling.BOX)
    return np.asarray(small).transpose(2, 0, 1)


def drawn(folder: Path, first: int, count: int, side: int) -> tuple[Tensor, Tensor]:
    """Scenes that picturebook was not trained on, from number `first`: drawn at `side` pixels:
    uint8 (count, 3, SEEN, SEEN) and their truth, as `detector` has it; kept in `folder`."""
    path = folder / f"drawn-{first}-{count}-{side}.npz"
    if not path.exists():
        jobs = [(k, min(_PIECE, first + count - k), side)
                for k in range(first, first + count, _PIECE)]  # fmt: skip
        pieces = zip(*data.spread(_drawn, jobs, count), strict=True)
        pixels, truth = (np.concatenate(piece) for piece in pieces)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, pixels=pixels, truth=truth)
        partial.replace(path)
    kept = np.load(path)
    return torch.from_numpy(kept["pixels"]), torch.from_numpy(kept["truth"])


def generated(folder: Path, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` training pictures of a YOLO dataset, read as any trainer reads it."""
    table = yaml.safe_load((folder / "dataset.yaml").read_text("utf-8"))
    names = [table["names"][number] for number in range(len(table["names"]))]
    pixels, truth = [], torch.full((count, MOST_THINGS, 5), -1.0)
    paths = sorted((folder / table["train"]).iterdir())[:count]
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            pixels.append(_seen(image))
        label = folder / "labels" / path.parent.name / f"{path.stem}.txt"
        for place, line in enumerate(label.read_text().splitlines()):
            kind, x, y, wide, high = map(float, line.split())
            sides = x - wide / 2, y - high / 2, x + wide / 2, y + high / 2
            scaled = (side * SEEN for side in sides)
            truth[row, place] = torch.tensor([*scaled, OBJECTS.index(names[int(kind)])])
    return torch.from_numpy(np.stack(pixels)), truth


def boxes(truth: Tensor) -> list[np.ndarray]:
    """Of each picture its things alone, as `precision` takes them."""
    return [each[each[:, 4] >= 0] for each in truth.numpy()]

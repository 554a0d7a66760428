"""Measures editing: `python -m studio.picturebook.evaluate_editing [--count 100] [--json]`.

Inpaint: of drawn scenes the right half is repainted as "a red house", and the judge says whether
there is one now. Outpaint: a piece is cut from a larger drawn scene and widened again, and the
seam is compared with what lies beyond it. All runs go through the engine that the studio uses.
"""

import argparse
import dataclasses
import io
import json
import sys
import time
from functools import partial

import numpy as np
from PIL import Image

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.domain.events import Finished
from studio.domain.geometry import CELL
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Inpaint, Outpaint
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.imaging.plans import source_size
from studio.picturebook.cases import full_prompt
from studio.picturebook.judge import Judge
from studio.picturebook.train_vae import to_tensor
from studio.picturebook.training import MODEL_DIR
from studio.picturebook.world import Item, Scene
from studio.residence.manager import ModelManager

SIDE = 256
SEED = 31
HOUSE = Item("house", "red", "right", 0.78, 0.5, 0.45, False)


class Workbench:
    """An engine, and the pictures that its requests name."""

    def __init__(self, device, steps):
        catalog = Catalog((MODEL_DIR.parent,))
        ref = catalog.find("picturebook")
        self.pictures = {}
        self._settle = partial(GenerationRequest.settled, checkpoint=ref.name, family=ref.family)
        self._engine = StableDiffusionEngine(
            ModelManager(device), partial(select, catalog), read=self.pictures.__getitem__
        )
        self._fixed = {"steps": steps, "guidance_scale": ref.family.guidance_scale}

    def picture(self, **fields):
        """The one picture of a request, as `events.Picture`."""
        request = GenerationRequest(**self._fixed, **fields)
        size = source_size(request.task, self._size(request.task.image))
        event = ended(self._engine, self._settle(request, source_size=size))
        if not isinstance(event, Finished):
            raise RuntimeError(event)
        return event.pictures[0]

    def put(self, name, image):
        """Make `image` known as `name`, and answer with the name."""
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=1)
        self.pictures[name] = stream.getvalue()
        return name

    def _size(self, name):
        return Image.open(io.BytesIO(self.pictures[name])).size


def scenes(count, seed):
    """Scenes of one object that is no house, so that a house found is the one painted."""
    rng, chosen = np.random.default_rng((SEED, seed)), []
    while len(chosen) < count:
        scene = Scene.random(rng, count=1)
        if scene.items[0].object != "house":
            chosen.append(scene)
    return chosen


def inpainted_houses(bench, judge, count, strength=1.0):
    """{"house": share of pictures with a red house on the right, "colour", "object",
    "outside": the largest change outside the mask}."""
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (SIDE // 2, 0, SIDE, SIDE))
    mask = bench.put("input:mask", mask)
    drawn = []
    for seed, scene in enumerate(scenes(count, 1)):
        wanted = dataclasses.replace(scene, items=(HOUSE,))
        task = Inpaint(
            image=bench.put("input:scene", scene.draw((SIDE, SIDE))), mask=mask, strength=strength
        )
        drawn.append(bench.picture(task=task, prompt=full_prompt(wanted), seed=seed))
    readings = judge.read(to_tensor(np.stack([np.asarray(one.image) for one in drawn])))
    houses = [[o for o in one["objects"] if o["object"] == "house"] for one in readings]
    right = [any(o["place"] == "right" for o in one) for one in houses]
    red = [any(o["colour"] == "red" for o in one) for one in houses]
    return {
        "house": float(np.mean([a and b for a, b in zip(right, red, strict=True)])),
        "object": float(np.mean([bool(one) for one in houses])),
        "colour": float(np.mean(red)),
        "outside": max(one.outside_mask_max_difference for one in drawn),
    }


def seams(bench, count, piece=SIDE, extension=SIDE // 2):
    """For each side the mean absolute gradient across the old border, over that inside the new
    region: over all its lines ("lines"), and over those between two latent cells ("cells").

    A border at a multiple of 4 (`piece` is the side of the old part) lies between two cells or in
    the middle of one, and there this VAE, which learnt from pixel art of 4 × 4 pixels, draws steps
    in any picture, whole ones too. So it is "cells" that tells a seam there, and "lines" elsewhere.
    """
    sides, outside = {}, []
    for side in ("left", "right", "top", "bottom"):
        profiles = []
        for seed, scene in enumerate(scenes(count, 2)):
            upright = side in ("top", "bottom")
            size = (piece, piece + extension) if upright else (piece + extension, piece)
            left, top = (extension if side == "left" else 0), (extension if side == "top" else 0)
            old = scene.draw(size).crop((left, top, left + piece, top + piece))
            task = Outpaint(image=bench.put("input:piece", old), **{side: extension})
            made = bench.picture(task=task, prompt=full_prompt(scene), seed=seed)
            profiles.append(_gradients(made.image, side))
            outside.append(made.outside_mask_max_difference)
        line = np.mean(profiles, axis=0)
        inside = {"lines": line[piece:], "cells": line[piece - 1 + CELL :: CELL]}
        sides[side] = {name: float(line[piece - 1] / k.mean()) for name, k in inside.items()}
    return {"sides": sides, "outside": max(outside)}


def _gradients(image, side):
    """Mean absolute difference between each line of pixels and the next, from the far side of the
    old part to the end of the new one on `side`."""
    pixels = np.asarray(image, np.float32)
    if side in ("top", "bottom"):
        pixels = pixels.transpose(1, 0, 2)
    if side in ("left", "top"):
        pixels = pixels[:, ::-1]
    return np.abs(np.diff(pixels, axis=1)).mean((0, 2))


def parser():
    """The command line."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.evaluate_editing")
    arguments.description = __doc__.partition("\n")[0]
    arguments.add_argument(
        "--count",
        type=int,
        default=100,
        help="scenes to repaint, and half of them to widen on each side",
    )
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--strength", type=float, default=1.0, help="of the inpaint")
    arguments.add_argument("--piece", type=int, default=SIDE, help="side of what is widened, px")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--json", action="store_true")
    return arguments


def main(argv=None):
    """Measure and print; returns the exit status."""
    options = parser().parse_args(argv)
    start = time.monotonic()
    bench, judge = Workbench(options.device, options.steps), Judge.load()
    figures = {
        "inpaint": inpainted_houses(bench, judge, options.count, options.strength),
        "outpaint": seams(bench, max(1, options.count // 2), options.piece),
    }
    figures["elapsed_s"] = round(time.monotonic() - start, 1)
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    inpaint, sides = figures["inpaint"], figures["outpaint"]
    print(
        f"inpaint, {options.count} scenes: a red house on the right in {inpaint['house']:.0%} "
        f"(a house {inpaint['object']:.0%}, a red one {inpaint['colour']:.0%}); "
        f"largest change outside the mask {inpaint['outside']}"
    )
    ratios = ", ".join(
        f"{k} {v['cells']:.2f} ({v['lines']:.2f})" for k, v in sides["sides"].items()
    )
    print(
        "outpaint, gradient across the border over that between the cells of the new region (over "
        f"all its lines): {ratios}; largest change outside the mask {sides['outside']}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

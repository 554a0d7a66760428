"""Networks that enlarge: our job against spandrel's own call, tiles against the whole, seams, and
what a refined picture shows twice.

    python benchmarks/upscale.py [--row network|tiles|seam|refined|objects] [--side 256]

"network" is a job from its PNG to its picture, by the whole picture at once, against spandrel's
descriptor called on the tensor. "tiles" is the same job with tiles of `--tile`, against the whole:
their margins are worked on twice. "seam" is the largest difference of the two, of 255. "refined"
are the seconds of drawing over a picture of twice picturebook's size. "objects" draws `--pictures`
pictures with one thing in each, refines them to `--factor` times the size, and counts, by the
segmenter, those that show more pieces of that thing than before; and the step of the change where
tiles meet against that elsewhere.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import torch
from common.pairs import compare, seconds, table
from PIL import Image

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.catalog.settle import settle
from studio.catalog.shipped import shipped_upscalers
from studio.diffusion import enlarging
from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.imaging import refining
from studio.picturebook.segmenter import Segmenter
from studio.picturebook.vocabulary import CLASSES
from studio.picturebook.world import Scene
from studio.residence.manager import ModelManager
from studio.residence.networks import upscaler
from studio.settings import assets_dir

ROWS = ("network", "tiles", "seam", "refined", "objects")
THINGS = ("house", "tree", "boat", "car", "castle", "cat", "mushroom", "snowman")
_TILE, _OVERLAP = 128, 32
"""Pixels of a tile of picturebook's, and of what two of them share."""
_LEAST = 0.003
"""The share of a picture that a piece must have to count."""


class Desk:
    """An engine and what its requests begin with."""

    def __init__(self, device: str) -> None:
        self.catalog = Catalog([assets_dir() / "models"], shipped=shipped_upscalers())
        self.manager, self.files = ModelManager(device), {}
        self._engine = StableDiffusionEngine(
            self.manager, partial(select, self.catalog), read=self.files.__getitem__
        )

    def put(self, image: Image.Image) -> None:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        self.files["image"] = stream.getvalue()

    def run(self, source: Image.Image | None = None, **fields: object) -> Image.Image:
        request = GenerationRequest(seed=1, **fields)
        event = ended(self._engine, settle(self.catalog, request, source and source.size))
        if not isinstance(event, Finished):
            raise RuntimeError(event)
        return event.pictures[0].image

    def enlarge(self, image: Image.Image, upscaler: str, **task: object) -> Image.Image:
        self.put(image)
        task = {"kind": "upscale", "image": "image", "upscaler": upscaler, **task}
        return self.run(image, task=task, steps=20)


def main() -> None:
    flags = _flags()
    desk = Desk(flags.device)
    rows = [flags.row] if flags.row else ROWS
    names = [flags.upscaler] if flags.upscaler else list(shipped_upscalers().values())
    image = Scene.random(np.random.default_rng(3)).draw((flags.side, flags.side))
    timed = []
    for name in names:
        if "network" in rows:
            pair = _network(desk, image, name)
            timed.append({"name": f"{name} / spandrel", **compare(*pair, flags.repeats)})
        if "tiles" in rows:
            pair = _tiled(desk, image, name, flags.tile)
            timed.append({"name": f"{name}, tiles / whole", **compare(*pair, flags.repeats)})
    if timed:
        head = f"{flags.side} × {flags.side}, tiles of {flags.tile}, {desk.manager.device}"
        print(table(head, timed))
    for name in names if "seam" in rows else ():
        print(f"{name}, largest difference of tiles and whole: {_seam(desk, image, name, flags)}")
    if "refined" in rows:
        small = image.resize((128, 128))
        took = seconds(lambda: desk.enlarge(small, "Lanczos", factor=2, refine=True))
        print(f"refined, 256 × 256 in tiles of 128, 20 steps: {took:.2f} s")
    if "objects" in rows:
        print(json.dumps(_objects(desk, flags.pictures, flags.strength, flags.factor)))


def _network(desk: Desk, image: Image.Image, name: str) -> tuple:
    ref = desk.catalog.find(name, "upscaler")
    given = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255

    def spandrel() -> None:
        with desk.manager.networks.lend(upscaler(ref)) as network, torch.inference_mode():
            network.module(given.to(network.device, network.dtype)).float().cpu()

    return (
        lambda: seconds(lambda: desk.enlarge(image, name, factor=4)),
        lambda: seconds(spandrel),
    )


def _tiled(desk: Desk, image: Image.Image, name: str, tile: int) -> tuple:
    def in_tiles() -> None:
        with _tiles_of(tile):
            desk.enlarge(image, name, factor=4)

    return (
        lambda: seconds(in_tiles),
        lambda: seconds(lambda: desk.enlarge(image, name, factor=4)),
    )


def _seam(desk: Desk, image: Image.Image, name: str, flags: argparse.Namespace) -> int:
    whole = np.asarray(desk.enlarge(image, name, factor=4), np.int16)
    with _tiles_of(flags.tile):
        tiled = np.asarray(desk.enlarge(image, name, factor=4), np.int16)
    return int(np.abs(whole - tiled).max())


@contextmanager
def _tiles_of(side: int):
    """No tile is larger than `side`, nor than what is worth its margins."""
    most, enlarging.MOST_PIXELS = enlarging.MOST_PIXELS, side**2
    try:
        yield
    finally:
        enlarging.MOST_PIXELS = most


def _objects(desk: Desk, count: int, strength: float, factor: float) -> dict[str, object]:
    """Of `count` pictures with one thing each."""
    segmenter, more, steps = Segmenter.load(), [], []
    for number in range(count):
        thing = THINGS[number % len(THINGS)]
        prompt = f"a {thing} on a meadow"
        first = desk.run(prompt=prompt, width=128, height=128, steps=20)
        desk.put(first)
        common = {"kind": "upscale", "image": "image", "factor": factor}
        plain = desk.run(first, task=common)
        task = {**common, "refine": True, "strength": strength}
        refined = desk.run(first, prompt=prompt, task=task, steps=20)
        before, after = (_pieces(segmenter, each, thing) for each in (plain, refined))
        if after > max(before, 1):
            more.append(f"{number} {thing}: {before} → {after}")
        steps.append(_steps(plain, refined))
        print(f"{number + 1}: {thing} {before} → {after}", file=sys.stderr, flush=True)
    return {
        "pictures": count,
        "strength": strength,
        "factor": factor,
        "with more of it": more,
        "step where tiles meet / elsewhere": round(float(np.median(steps)), 3),
    }


def _pieces(segmenter: Segmenter, image: Image.Image, thing: str) -> int:
    pixels = torch.from_numpy(np.array(image.resize((128, 128)))).permute(2, 0, 1)[None]
    classes = segmenter.read(pixels.float() / 127.5 - 1)[0]
    mask = (classes == CLASSES.index(thing)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= _LEAST * mask.size).sum())


def _steps(plain: Image.Image, refined: Image.Image) -> float:
    """The mean step of the change at the borders of tiles, over that of all columns and rows."""
    change = np.asarray(refined, np.float32) - np.asarray(plain, np.float32)
    passes = refining.passes(plain.size, _TILE, _OVERLAP)
    ratios = []
    for side, across in enumerate((change, change.transpose(1, 0, 2))):
        each = np.abs(np.diff(across, axis=1)).mean((0, 2))
        ends = {end for one in passes for end in (one.box[side], one.box[side + 2])}
        inner = [end for end in ends if 0 < end < plain.size[side]]
        ratios.append(each[[end - 1 for end in inner]].mean() / each.mean())
    return float(np.mean(ratios))


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--upscaler", help="one of those that are shipped; default: each of them")
    parser.add_argument("--side", type=int, default=256, help="of the picture, in pixels")
    parser.add_argument("--tile", type=int, default=512, help="the largest side of a tile")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=50, help="for the row objects")
    parser.add_argument("--factor", type=float, default=2, help="for the row objects")
    parser.add_argument("--strength", type=float, default=0.3, help="for the row objects")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()

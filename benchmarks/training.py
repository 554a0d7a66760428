"""Trains a LoRA of a thing that picturebook does not know, and looks whether it knows it then.

    python benchmarks/training.py [--lora FILE] [--pictures 40] [--prompts 100] [--sheet FOLDER]

A windmill is drawn by a program in the world's own style: 24 pictures with captions, which the LoRA
is trained on as a user would. A small classifier, trained on drawn windmills and on drawn scenes of
the world's own things, says in how many pictures of "a red windmill on the left at sunset" there is
one, without the LoRA and with it. Picturebook's judge says what of the old is known still: the same
prompts and seeds without the LoRA and with it. `--lora` takes one that was trained before.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from studio import Studio
from studio.catalog.catalog import Catalog
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook import cases, sampling
from studio.picturebook.canvas import Pen, mix
from studio.picturebook.judge import Judge
from studio.picturebook.loading import load_parts
from studio.picturebook.objects import BARK, CREAM, INK, LAMP, Tones
from studio.picturebook.train_vae import as_bytes
from studio.picturebook.training import bfloat16_is_fast
from studio.picturebook.world import TRAINED, Scene
from studio.weights import lora

PROMPT = "a red windmill on the left at sunset"
PICTURES, SIDE = 24, 256
KNOWN = (
    "a red house on the left, on a meadow by day",
    "a yellow tree on the right, in the snow at dawn",
    "a white boat in the center, on the sea at sunset",
    "a purple balloon on the left, in the city at night",
    "a pink flower in the center, in the forest by day",
    "an orange star on the right, in the desert at night",
    "a blue car on the left, in the city under a stormy sky",
    "a brown mushroom on the right, in the forest at dawn",
    "a black cat in the center, in the snow by day",
    "a green bird on the left, on a meadow at sunset",
    "an orange fish in the center, on the sea by day",
    "a blue castle on the right, in the desert at dawn",
    "a red lighthouse in the center, on the sea at night",
    "a white snowman on the left, in the snow at sunset",
)
"""What the model draws before it learns, and learns beside the windmills: one of each thing."""
TRAINING = {
    "checkpoint": "picturebook",
    "trigger": "windmill",
    "batch_size": 4,
    "prior_pictures": 42,
    "prior_prompts": KNOWN,
    "rank": 16,
    "conv_rank": 8,
    "learning_rate": 1e-3,
    "text_encoder_lr": 5e-4,
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 10,
    "caption_dropout": 0.1,
}
SEEN = 64
"""Side of the pictures that the classifier sees."""


class Windmills(Scene):
    """A scene of the picture-book world whose only thing is one that the world does not have."""

    @classmethod
    def random(cls, rng, **more):
        scene = super().random(rng, count=1, **more)
        return replace(scene, items=tuple(replace(item, object="windmill") for item in scene.items))

    def _draw_item(self, canvas, backdrop, item):
        left, top, right, bottom = item.extent((canvas.width, canvas.height))
        scale, x = bottom - top, (left + right) / 2
        backdrop.shadow(x, bottom, 0.46 * scale)
        draw_windmill(Pen(canvas, (x, bottom), scale, item.flip), Tones(item.colour), self.seed)


def draw_windmill(pen, tone, seed):
    """A tower of its colour with four sails around a hub, turned as `seed` says."""
    wood = mix(BARK, INK, 0.4)
    pen.polygon([(-0.25, 0), (0.25, 0), (0.15, 0.60), (-0.15, 0.60)], tone.body, tone.line)
    pen.polygon([(-0.18, 0.58), (0.18, 0.58), (0.1, 0.76), (-0.1, 0.76)], tone.shade, tone.line)
    pen.box((-0.07, 0), (0.07, 0.2), BARK, tone.line)
    pen.box((-0.05, 0.32), (0.05, 0.43), LAMP, tone.line)
    turn = np.random.default_rng(seed).uniform(0, math.pi / 2)
    for k in range(4):
        angle = turn + k * math.pi / 2
        x, y = math.cos(angle), math.sin(angle)
        sail = [(0.1, 0), (0.1, 0.13), (0.42, 0.13), (0.42, 0)]
        points = [(far * x - wide * y, 0.62 + far * y + wide * x) for far, wide in sail]
        pen.polygon(points, CREAM, wood)
        pen.stroke([(0, 0.62), (0.43 * x, 0.62 + 0.43 * y)], wood, 0.035)
    pen.oval((0, 0.62), (0.05, 0.05), BARK, INK)


def write_dataset(folder, seed=5):
    """The pictures to learn from, with captions in the world's words."""
    rng = np.random.default_rng(seed)
    for k in range(PICTURES):
        scene = Windmills.random(rng)
        scene.draw((SIDE, SIDE)).save(folder / f"{k:02}.png")
        (folder / f"{k:02}.txt").write_text(scene.caption(rng))


def trained(folder, steps):
    """(the LoRA's file, seconds): trained as by a user, from Python."""
    (folder / "windmill").mkdir()
    write_dataset(folder / "windmill")
    began_s = time.monotonic()

    def told(event):
        if getattr(event, "step", 1) % 25 == 0:
            print(event, file=sys.stderr, flush=True)

    precision = "bfloat16" if bfloat16_is_fast() else "float32"
    with Studio(data_dir=folder / "data") as studio:
        settings = {**TRAINING, "precision": precision, "steps": steps}
        ref = studio.train_lora(folder / "windmill", on_event=told, **settings)
    return ref.path, time.monotonic() - began_s


def pixels(pictures):
    """Drawn scenes as float32 (n, 3, SIDE, SIDE) in −1…1."""
    levels = np.stack([np.asarray(picture) for picture in pictures]).astype(np.float32)
    return torch.from_numpy(levels).permute(0, 3, 1, 2) / 127.5 - 1


def drawn(count, seed):
    """(pictures, 1 for a windmill and 0 for other things) of new scenes, half of each."""
    rng = np.random.default_rng(seed)
    kinds = [k % 2 for k in range(count)]
    scenes = [(Windmills if kind else Scene).random(rng) for kind in kinds]
    return pixels([scene.draw((SIDE, SIDE)) for scene in scenes]), torch.tensor(kinds)


class Classifier(nn.Module):
    """Is there a windmill? One logit a picture."""

    def __init__(self):
        super().__init__()
        widths, layers = (3, 16, 32, 64, 96), []
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(2 * widths[-1], 1)

    def forward(self, pictures):
        features = self.body(functional.interpolate(pictures, (SEEN, SEEN), mode="area"))
        return self.head(torch.cat([features.amax((2, 3)), features.mean((2, 3))], 1))[:, 0]


def train_classifier(count, epochs=12):
    """(a Classifier, its accuracy on drawn scenes that it has not seen)."""
    torch.manual_seed(0)
    pictures, kinds = drawn(count, seed=100)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(count).split(32):
            batch = pictures[rows] + 0.1 * torch.randn_like(pictures[rows])
            loss = functional.binary_cross_entropy_with_logits(model(batch), kinds[rows].float())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    unseen, truth = drawn(200, seed=101)
    with torch.no_grad():
        return model.eval(), float(((model.eval()(unseen) > 0) == truth).float().mean())


def merge(parts, path):
    """Put the LoRA at `path` into `parts`, by the studio's own reader, at full weight."""
    [ref] = [ref for ref in Catalog([path.parent]).refs("lora") if ref.path == path]
    weights = {part: dict(parts[part].state_dict()) for part in ("unet", "text_encoder")}
    found = lora.read(ref, PICTUREBOOK, weights)
    assert not found.warning, found.warning
    with torch.no_grad():
        for (part, key), delta in found.deltas.items():
            weights[part][key].copy_(delta.add_to(weights[part][key].float(), 1.0))


def pictures_of(parts, prompts, seeds, steps, batch=10):
    """float (prompts, 3, SIDE, SIDE) in −1…1."""
    return torch.cat(
        [
            sampling.sample(
                parts,
                prompts[start : start + batch],
                (SIDE, SIDE),
                seeds=seeds[start : start + batch],
                steps=steps,
                guidance=PICTUREBOOK.guidance_scale,
            )
            for start in range(0, len(prompts), batch)
        ]
    )


def measured(parts, classifier, judge, flags, name):
    """{"windmills": share, and of the old prompts the judge's aspects}, 0…1."""
    seeds = range(flags.pictures)
    new = pictures_of(parts, [PROMPT] * flags.pictures, seeds, flags.steps)
    if flags.sheet:
        save_sheet(flags.sheet / f"{name}.png", as_bytes(new))
    with torch.no_grad():
        figures = {"windmills": float((classifier(new) > 0).float().mean())}
    prompts, scenes = zip(*cases.one_object(TRAINED, flags.prompts, 1), strict=True)
    old = pictures_of(parts, prompts, range(1000, 1000 + flags.prompts), flags.steps)
    if flags.sheet:
        save_sheet(flags.sheet / f"{name}-old.png", as_bytes(old))
    with torch.no_grad():
        figures["windmills where none is asked for"] = float((classifier(old) > 0).float().mean())
    marks = cases.judged(judge, old, scenes)
    return figures | {aspect: float(np.mean([m[aspect] for m in marks])) for aspect in marks[0]}


def save_sheet(path, pictures, columns=8):
    """uint8 (n, SIDE, SIDE, 3) as one picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * SIDE, rows * SIDE))
    for k, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (k % columns * SIDE, k // columns * SIDE))
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lora", type=Path, help="a file that was trained before")
    parser.add_argument("--train-steps", type=int, default=320)
    parser.add_argument("--pictures", type=int, default=40, help="of the new thing")
    parser.add_argument("--prompts", type=int, default=100, help="of the old ones")
    parser.add_argument("--steps", type=int, default=15, help="of a drawing")
    parser.add_argument("--scenes", type=int, default=800, help="that the classifier learns from")
    parser.add_argument("--sheet", type=Path, help="folder for sheets of the pictures drawn")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    figures = {"pictures": flags.pictures, "prompts": flags.prompts}
    with tempfile.TemporaryDirectory() as folder:
        path = flags.lora
        if path is None:
            path, figures["training_s"] = trained(Path(folder), flags.train_steps)
        classifier, figures["classifier_accuracy"] = train_classifier(flags.scenes)
        parts, judge = load_parts(), Judge.load()
        figures["without"] = measured(parts, classifier, judge, flags, "without")
        merge(parts, path.absolute())
        figures["with"] = measured(parts, classifier, judge, flags, "with")
    print(json.dumps(figures) if flags.json else table(figures))


def table(figures):
    """The figures for people."""
    lines = [f"classifier on drawn scenes: {figures['classifier_accuracy']:.1%} right"]
    if "training_s" in figures:
        lines.append(f"trained in {figures['training_s']:.0f} s")
    told = f"{figures['pictures']} pictures of the new thing, {figures['prompts']} of the old"
    lines.append(f"{told:<48}{'without':>9}{'with':>9}")
    for name, share in figures["without"].items():
        lines.append(f"{name:<48}{share:9.1%}{figures['with'][name]:9.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

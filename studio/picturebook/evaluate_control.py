"""Measures the ControlNets: `python -m studio.picturebook.evaluate_control [--count 200] [--json]`.

Pictures are made for unseen scenes, from a caption and a map of the scene, and from the same
caption, noise and settings without the map. Compared with the scene are: the Canny edges (F1, an
edge counts if there is one within 2 px), the class of every pixel as the segmenter sees it (mean
intersection over union), and colour and object as the judge sees them, in scenes of one object.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook import control_maps, data, sampling, sheets
from studio.picturebook.cases import judged, styled_prompt
from studio.picturebook.control_net import MODELS, Controlled, folder_of, hint_tensor
from studio.picturebook.control_segmenter import (
    confusion,
    mean_iou,
    train_segmenter,
)
from studio.picturebook.judge import JUDGE_DIR, Judge
from studio.picturebook.loading import load_parts
from studio.picturebook.segmenter import SEGMENTER_PATH, Segmenter
from studio.picturebook.train_vae import as_bytes, reconstruct, to_tensor
from studio.picturebook.training import MODEL_DIR

WITHIN_PX = 2
MEASURES = ("canny_f1", "mean_iou", "colour", "object")


def edge_f1(edges, wanted, within_px=WITHIN_PX):
    """F1, 0..1, of two edge maps, (height, width), edges > 0: an edge pixel is right if the other
    map has one at most `within_px` pixels away."""
    edges, wanted = edges > 0, wanted > 0
    if not edges.any() or not wanted.any():
        return float(edges.any() == wanted.any())
    precision = _near(wanted, within_px)[edges].mean()
    recall = _near(edges, within_px)[wanted].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _near(edges, distance_px):
    steps = np.arange(-distance_px, distance_px + 1)
    disc = (steps[:, None] ** 2 + steps**2 <= distance_px**2).astype(np.uint8)
    return cv2.dilate(edges.astype(np.uint8), disc) > 0


class Examiner:
    """Compares pictures with the scenes that they are meant to show."""

    def __init__(self, scenes, side, judge, segmenter):
        self.scenes, self.judge, self.segmenter = scenes, judge, segmenter
        self.drawn = np.stack([np.asarray(scene.draw((side, side))) for scene in scenes])
        self.edges = [control_maps.canny(picture)[..., 0] for picture in self.drawn]
        self.labels = np.stack([scene.segmentation((side, side)) for scene in scenes])
        self.lone = [k for k, scene in enumerate(scenes) if len(scene.items) == 1]

    def marks(self, pictures):
        """{measure: 0..1} for pictures, float (scenes, 3, side, side) in -1..1."""
        edges = [control_maps.canny(picture)[..., 0] for picture in as_bytes(pictures)]
        labels = np.concatenate([self.segmenter.read(batch) for batch in pictures.split(32)])
        verdicts = judged(self.judge, pictures[self.lone], [self.scenes[k] for k in self.lone])
        f1 = [edge_f1(*pair) for pair in zip(edges, self.edges, strict=True)]
        return {
            "canny_f1": float(np.mean(f1)),
            "mean_iou": mean_iou(confusion(self.labels, labels)),
            **{name: float(np.mean([v[name] for v in verdicts])) for name in ("colour", "object")},
        }


def pictures_of(parts, scenes, maps, controlnet, options):
    """float (scenes, 3, side, side) in -1..1, `options.side` of them; without a `controlnet`: of
    the prompts alone."""
    side = options.side
    batches = []
    for start in range(0, len(scenes), options.batch):
        chunk = slice(start, start + options.batch)
        mine = dict(parts)
        if controlnet is not None:
            hints = hint_tensor(maps[chunk]).to(options.device)
            mine["unet"] = Controlled(parts["unet"], controlnet, hints, options.scale)
        prompts = [styled_prompt(scene) for scene in scenes[chunk]]
        seeds = range(5000 + start, 5000 + start + len(prompts))
        batches.append(
            sampling.sample(
                mine,
                prompts,
                (side, side),
                seeds=seeds,
                steps=options.steps,
                guidance=options.guidance,
            )
        )
    return torch.cat(batches)


def load_controlnet(folder, device="cpu"):
    """A ControlNet from a diffusers folder, float32, channels last."""
    net = ControlNetModel.from_pretrained(folder, torch_dtype=torch.float32)
    return net.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def _kinds(options):
    """The ControlNets to measure: kind -> folder."""
    folders = {kind: folder_of(kind) for kind in control_maps.KINDS}
    if options.folders:
        folders = {kind: Path(str(options.folders).format(kind)) for kind in folders}
    wanted = options.kind or [kind for kind, folder in folders.items() if folder.is_dir()]
    return {kind: folders[kind] for kind in wanted}


def _segmenter(options, vae, native):
    if options.retrain_segmenter:
        made = train_segmenter(vae, native, options.segmenter_minutes)
        made.save(options.segmenter)
    return Segmenter.load(options.segmenter)


def measure(options):
    """All figures in one dictionary: {"drawn, through the VAE" | "no control" | kind: {measure}}.

    The first is what could be reached at best: the drawn scenes themselves, as the VAE shows them.
    """
    start = time.monotonic()
    parts = load_parts(options.model, options.device)
    native = parts["unet"].config.sample_size * 8
    options.side = side = options.side or native
    segmenter = _segmenter(options, parts["vae"], native)
    scenes = [data.unseen_scene(k) for k in range(options.count)]
    examiner = Examiner(scenes, side, Judge.load(options.judge), segmenter)
    at_best = reconstruct(parts["vae"], to_tensor(examiner.drawn), options.device)
    plain = pictures_of(parts, scenes, None, None, options)
    figures = {
        "drawn, through the VAE": examiner.marks(at_best),
        "no control": examiner.marks(plain),
    }
    for kind, folder in _kinds(options).items():
        maps = np.stack([control_maps.plain_map(kind, s, (side, side)) for s in scenes])
        net = load_controlnet(folder, options.device)
        pictures = pictures_of(parts, scenes, maps, net, options)
        figures[kind] = examiner.marks(pictures)
        if options.sheet:
            rows = [to_tensor(examiner.drawn), hint_tensor(maps) * 2 - 1, pictures, plain]
            path = Path(options.sheet) / f"control-{kind}.png"
            sheets.save(path, torch.cat([row[:12] for row in rows]), 12)
    elapsed_s = round(time.monotonic() - start, 1)
    return {"scenes": len(scenes), "lone": len(examiner.lone), "elapsed_s": elapsed_s, **figures}


def report(figures):
    """The figures as a table."""
    lines = [f"{figures['scenes']} scenes, {figures['lone']} of one object"]
    lines.append(f"{'':<24}" + "".join(f"{name:>10}" for name in MEASURES))
    for name, marks in figures.items():
        if isinstance(marks, dict):
            lines.append(f"{name:<24}" + "".join(f"{marks[m]:10.3f}" for m in MEASURES))
    return "\n".join(lines)


def parser():
    """The command line."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.evaluate_control")
    arguments.description = __doc__.partition("\n")[0]
    arguments.add_argument(
        "--kind", action="append", choices=control_maps.KINDS, help="repeatable; all if none"
    )
    arguments.add_argument("--model", type=Path, default=MODEL_DIR)
    arguments.add_argument("--folders", help=f"ControlNets, {{}} is the kind; default in {MODELS}")
    arguments.add_argument("--judge", type=Path, default=JUDGE_DIR)
    arguments.add_argument("--segmenter", type=Path, default=SEGMENTER_PATH)
    arguments.add_argument("--retrain-segmenter", action="store_true", help="train it anew")
    arguments.add_argument("--segmenter-minutes", type=float, default=4.5)
    arguments.add_argument("--count", type=int, default=200, help="scenes")
    arguments.add_argument("--side", type=int, default=0, help="of the pictures, px; 0 = native")
    arguments.add_argument("--steps", type=int, default=15)
    arguments.add_argument("--guidance", type=float, default=PICTUREBOOK.guidance_scale)
    arguments.add_argument("--scale", type=float, default=1.0, help="of the ControlNet")
    arguments.add_argument("--batch", type=int, default=25)
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments.add_argument("--sheet", help="folder for sheets of the pictures measured")
    arguments.add_argument("--json", action="store_true")
    return arguments


def main(argv=None):
    """Measure and print; returns the exit status."""
    options = parser().parse_args(argv)
    figures = measure(options)
    print(json.dumps(figures, indent=2) if options.json else report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

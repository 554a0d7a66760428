"""Trains the judge of `judge.py` on drawn scenes, a part of them sent through the VAE."""

import time
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from studio.picturebook import data
from studio.picturebook.judge import SIDE, Judge, accuracy, judge_loss, targets_of
from studio.picturebook.optim import Optimizer
from studio.picturebook.train_vae import reconstruct, to_tensor
from studio.picturebook.training import learning_rate
from studio.picturebook.vocabulary import EXTRAS, GROUNDS
from studio.picturebook.world import Scene

SEED = 77
BATCH = 64
# First numbers of the scenes that training never sees, with objects and without.
HELD_OUT_FROM, BARE_FROM = 10_000_000, 20_000_000


def judge_scene(index):
    """Scene number `index`; unlike the training set it may have any (colour, object) pair."""
    return Scene.random(np.random.default_rng((SEED, index)))


def bare_scene(index):
    """Scene number `index` without objects; every second one has mountains, on every ground."""
    scene = judge_scene(BARE_FROM + index)
    there = {*scene.extras} - {"mountains"} | ({"mountains"} if index % 2 else set())
    extras = tuple(name for name in EXTRAS if name in there)
    return replace(scene, items=(), extras=extras, ground=GROUNDS[index // 2 % len(GROUNDS)])


def _size_of(index, native):
    sizes = data.bucket_sizes(native)
    return sizes[0] if index % 3 else sizes[index // 3 % len(sizes)]


def _job(index, native):
    """A scene and the size it is judged at."""
    return judge_scene(index), _size_of(index, native)


def _drawn(job):
    scene, size = job
    return np.asarray(scene.draw(size))


def _small(pictures):
    """float (n, 3, h, w) in -1..1 to uint8 (n, 3, SIDE, SIDE)."""
    small = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
    return ((small.clamp(-1, 1) + 1) * 127.5).round().byte()


def judge_pictures(jobs, vae=None, share=0.0, device="cpu"):
    """uint8 (n, 3, SIDE, SIDE) of these (scene, size); a `share` of them went through `vae`."""
    drawn = list(data.spread(_drawn, jobs, len(jobs), chunk=64))
    small = torch.empty(len(drawn), 3, SIDE, SIDE, dtype=torch.uint8)
    groups = {}
    for n, picture in enumerate(drawn):
        through = (n * 0.618) % 1 < share
        groups.setdefault((picture.shape, through), []).append(n)
    for (_, through), members in groups.items():
        for start in range(0, len(members), 32):
            rows = members[start : start + 32]
            pictures = to_tensor(np.stack([drawn[n] for n in rows]))
            if through:
                pictures = reconstruct(vae, pictures, device)
            small[rows] = _small(pictures)
    return small


def _augmented(pictures):
    """Blur half of the batch and vary all brightness a little."""
    half = len(pictures) // 2
    side = int(torch.randint(36, SIDE, (1,)))
    low = F.interpolate(pictures[:half], (side, side), mode="bilinear", antialias=True)
    pictures[:half] = F.interpolate(low, (SIDE, SIDE), mode="bilinear")
    return (pictures * (1 + 0.06 * torch.randn(len(pictures), 3, 1, 1))).clamp(-1, 1)


def train_judge(vae, native=128, minutes=4.0, scenes=10_000, device="cpu"):
    """A trained Judge, and its accuracy per head on 1000 held-out drawn scenes.

    `minutes` is the budget of the training itself, the drawing comes on top.
    """
    torch.manual_seed(SEED)
    jobs = [_job(k, native) for k in range(scenes)]
    pictures = judge_pictures(jobs, vae, 0.25, device)
    labels = targets_of([scene for scene, _ in jobs])
    judge = Judge().to(memory_format=torch.channels_last).train()
    optimizer = Optimizer([judge], 2e-3, 0.02, ("heads", "body.0"))
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        rows = torch.randint(scenes, (BATCH,))
        batch = _augmented(pictures[rows].float().div(127.5).sub(1))
        wanted = {name: value[rows] for name, value in labels.items()}
        loss = judge_loss(judge(batch), wanted)
        loss.backward()
        optimizer.step(learning_rate(1, step, share, warmup=50))
        step += 1
        if step % 100 == 0:
            print(f"judge: step {step} loss {loss.item():.3f}, {share:.0%}", flush=True)
    return judge.eval(), held_out_accuracy(judge, native)


@torch.no_grad()
def held_out_accuracy(judge, native=128, count=1000):
    """The judge's accuracy per head, 0..1, on `count` drawn scenes that training never saw."""
    jobs = [_job(HELD_OUT_FROM + k, native) for k in range(count)]
    logits = judge.eval()(judge_pictures(jobs).float().div(127.5).sub(1))
    return accuracy(logits, targets_of([scene for scene, _ in jobs]))


@torch.no_grad()
def mountain_errors(judge, vae, native=128, count=600):
    """How it errs about mountains in unseen scenes without objects that went through the VAE.

    {"imagined": share of the scenes without mountains in which it sees some, "missed": share of
    those with mountains in which it sees none}, 0..1; `count` scenes, half of each kind.
    """
    jobs = [(bare_scene(k), (native, native)) for k in range(count)]
    pictures = judge_pictures(jobs, vae, 1.0, next(vae.parameters()).device.type)
    logits = judge.eval()(pictures.float().div(127.5).sub(1))["extras"]
    predicted = logits[:, EXTRAS.index("mountains")] > 0
    return {
        "imagined": float(predicted[0::2].float().mean()),
        "missed": float((~predicted[1::2]).float().mean()),
    }

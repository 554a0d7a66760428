"""Trains the judge of `judge.py` on drawn scenes, a part of them sent through the VAE."""

import time
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from studio.picturebook import data
from studio.picturebook.judge import Judge, accuracy, judge_loss, targets_of
from studio.picturebook.judge_readers import GLANCE_SIDE, SIDE
from studio.picturebook.optim import Optimizer
from studio.picturebook.segmenter import Segmenter
from studio.picturebook.train_vae import reconstruct, to_tensor
from studio.picturebook.training import learning_rate
from studio.picturebook.vocabulary import EXTRAS, GROUNDS
from studio.picturebook.world import Scene

SEED = 77
BATCH = 64
THINGS_RATE = 4e-3
# First numbers of the scenes that training never sees, with objects and without.
HELD_OUT_FROM, BARE_FROM = 10_000_000, 20_000_000
BARE_EVERY = 10  # every such scene that is learnt from has no object


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


def _lesson(index, native):
    """As `_job`, of the scenes that are learnt from."""
    scene, size = _job(index, native)
    return (scene if (index + 1) % BARE_EVERY else replace(scene, items=())), size


def _drawn(job):
    scene, size = job
    return np.asarray(scene.draw(size))


def _small(pictures, side=SIDE):
    """float (n, 3, h, w) in -1..1 to uint8 (n, 3, side, side)."""
    small = F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
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


def _varied(pictures, least):
    """Blur half of the batch, as if it were `least` pixels or more wide, and vary all brightness a
    little: what is generated is softer than what is drawn."""
    half = len(pictures) // 2
    side = int(torch.randint(least, pictures.shape[-1], (1,)))
    low = F.interpolate(pictures[:half], (side, side), mode="bilinear", antialias=True)
    pictures[:half] = F.interpolate(low, pictures.shape[2:], mode="bilinear")
    return (pictures * (1 + 0.06 * torch.randn(len(pictures), 3, 1, 1))).clamp(-1, 1)


def _floats(pictures):
    return pictures.float().div(127.5).sub(1)


def _learn(name, network, examples, labels, optimizer, minutes):
    """Train `network` on `examples(rows)` for `minutes`; `optimizer` takes the step, told the
    learning rate's factor."""
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        rows = torch.randint(len(labels["sky"]), (BATCH,))
        wanted = {head: value[rows] for head, value in labels.items()}
        loss = judge_loss(network(examples(rows)), wanted)
        loss.backward()
        optimizer(learning_rate(1, step, share, warmup=50))
        step += 1
        if step % 100 == 0:
            print(f"judge, {name}: step {step} loss {loss.item():.3f}, {share:.0%}", flush=True)


def _learn_glance(glance, pictures, labels, minutes):
    glance.to(memory_format=torch.channels_last).train()
    small = torch.cat([_small(_floats(some), GLANCE_SIDE) for some in pictures.split(BATCH)])
    optimizer = Optimizer([glance], 2e-3, 0.02, ("heads", "body.0"))
    _learn("glance", glance, lambda rows: _varied(_floats(small[rows]), 36), labels,
           optimizer.step, minutes)  # fmt: skip


def _learn_things(things, pictures, labels, minutes):
    """The segmenter in it is the one that ships, and stays; the rest learns from what that finds,
    once, in each picture."""
    things.segmenter.load_state_dict(Segmenter.load().state_dict())
    facts = torch.cat([things.facts(_varied(_floats(some), SIDE // 2))
                       for some in pictures.split(BATCH)])  # fmt: skip
    things.train()
    weights = [weight for weight in things.parameters() if weight.requires_grad]
    adam = torch.optim.AdamW(weights, THINGS_RATE, weight_decay=0.05)

    def step(factor):
        adam.param_groups[0]["lr"] = THINGS_RATE * factor
        adam.step()
        adam.zero_grad()

    _learn("things", things.conclude, lambda rows: facts[rows], labels, step, minutes)


def train_judge(vae, native=256, minutes=6.0, scenes=10_000, device="cpu"):
    """A trained Judge, and its accuracy per head on 1000 held-out drawn scenes.

    `minutes` is the budget of the training itself, half of it for each of the two networks;
    drawing and segmenting come on top.
    """
    torch.manual_seed(SEED)
    jobs = [_lesson(k, native) for k in range(scenes)]
    pictures = judge_pictures(jobs, vae, 0.25, device)
    labels = targets_of([scene for scene, _ in jobs])
    judge = Judge()
    _learn_glance(judge.glance, pictures, labels, minutes / 2)
    _learn_things(judge.things, pictures, labels, minutes / 2)
    return judge.eval(), held_out_accuracy(judge, native)


@torch.no_grad()
def _looked(judge, pictures):
    """The judge's logits of uint8 pictures."""
    found = [judge.eval()(_floats(some)) for some in pictures.split(BATCH)]
    return {name: torch.cat([each[name] for each in found]) for name in found[0]}


def held_out_accuracy(judge, native=256, count=1000):
    """The judge's accuracy per head, 0..1, on `count` drawn scenes that training never saw."""
    jobs = [_job(HELD_OUT_FROM + k, native) for k in range(count)]
    logits = _looked(judge, judge_pictures(jobs))
    return accuracy(logits, targets_of([scene for scene, _ in jobs]))


def mountain_errors(judge, vae, native=256, count=600):
    """How it errs about mountains in unseen scenes without objects that went through the VAE.

    {"imagined": share of the scenes without mountains in which it sees some, "missed": share of
    those with mountains in which it sees none}, 0..1; `count` scenes, half of each kind.
    """
    jobs = [(bare_scene(k), (native, native)) for k in range(count)]
    pictures = judge_pictures(jobs, vae, 1.0, next(vae.parameters()).device.type)
    predicted = _looked(judge, pictures)["extras"][:, EXTRAS.index("mountains")] > 0
    return {
        "imagined": float(predicted[0::2].float().mean()),
        "missed": float((~predicted[1::2]).float().mean()),
    }

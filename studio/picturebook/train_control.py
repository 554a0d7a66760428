"""Trains a ControlNet: `python -m studio.picturebook.train controlnet canny --seconds 2400`.

The model itself stays as it is; only the ControlNet learns, from the drawn scenes, each with a
map that is made anew every time. Pictures and latents are those of the model's own training in the
work directory; what is missing there is drawn and encoded first.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, DDPMScheduler

from studio.picturebook import control_maps, data, network, sampling, sheets
from studio.picturebook.control_heads import MapHeads
from studio.picturebook.control_net import Controlled, folder_of, hint_tensor, new_controlnet
from studio.picturebook.examples import TERSE, Examples
from studio.picturebook.export import export_module
from studio.picturebook.loading import load_parts
from studio.picturebook.optim import Optimizer
from studio.picturebook.train_unet import evenly, loss_weight, noised, places_of
from studio.picturebook.training import (
    MODEL_DIR,
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    plain_norms,
    save_checkpoint,
    settings_of,
    training_options,
)

BATCH = 24
# What is new learns fast; what was copied from the U-Net must not forget.
NEW_RATE, NEW_MATRIX_RATE = 1e-3, 0.01
COPY_RATE, COPY_MATRIX_RATE = 2e-4, 0.003
# What the heads' loss counts at the beginning; at the end it counts nothing.
HEADS_LOSS = 0.1
HELD = 64  # square scenes that are kept to measure by


def noisy_timesteps(count, device="cpu"):
    """int64 (count,), 0 to 999, evenly spread, two thirds of them in the noisier half: there a map
    has something to say; where little noise is, the latents say it themselves."""
    return (1000 * evenly(count, device) ** 0.6).long().clamp(max=999)


class Trainer:
    """A ControlNet that learns for the frozen model in `parts`, its optimisers, its average."""

    def __init__(self, parts, controlnet, rate=1.0):
        torch.manual_seed(0)
        self.parts, self.controlnet = parts, controlnet
        self.unet, self.text_encoder = plain_norms(parts["unet"]), parts["text_encoder"]
        self.device = next(self.unet.parameters()).device.type
        controlnet.to(self.device, memory_format=torch.channels_last).train()
        new = [module for name, module in controlnet.named_children() if _is_new(name)]
        copied = [module for name, module in controlnet.named_children() if not _is_new(name)]
        self.optimizers = [
            Optimizer(new, rate * NEW_RATE, rate * NEW_MATRIX_RATE, ("conv_in",)),
            Optimizer(copied, rate * COPY_RATE, rate * COPY_MATRIX_RATE),
        ]
        self.average = Average({"controlnet": controlnet}, decay=0.99, every=4)
        plain_norms(controlnet)
        self.heads = MapHeads(controlnet).to(self.device)
        self.heads_optimizer = torch.optim.AdamW(self.heads.parameters(), lr=5 * NEW_RATE)
        self.alphas = DDPMScheduler(**network.SCHEDULE).alphas_cumprod.to(self.device)
        self.weights = loss_weight(self.alphas / (1 - self.alphas))
        self.step_count, self.spent_s = 0, 0.0

    def loss(self, controlnet, latents, hints, ids):
        """The error of the noise predicted for scaled latents (n, 4, h, w), weighted as in the
        model's own training. Without a `controlnet`: that of the U-Net alone."""
        timesteps = noisy_timesteps(len(latents), self.device)
        noise = torch.randn_like(latents)
        unet = self.unet
        if controlnet is not None:
            unet = Controlled(unet, controlnet, hints)
        with autocast(self.device):
            with torch.no_grad():
                states = self.text_encoder(ids).last_hidden_state
            noisy = noised(latents, noise, self.alphas[timesteps])
            predicted = unet(noisy, timesteps, states).sample
        error = (predicted.float() - noise).square().mean((1, 2, 3))
        return (error * self.weights[timesteps]).mean()

    def step(self, batch, labels, share, factor):
        """One update on a `batch` of latents, hints and token ids, with the heads counting less as
        `share` (0..1) of the training is over; returns the loss of the noise and of the heads."""
        loss = self.loss(self.controlnet, *batch)
        heads = self.heads.loss(batch[0], labels)
        (loss + HEADS_LOSS * (1 - share) * heads).backward()
        for optimizer in self.optimizers:
            optimizer.step(factor)
        self.heads_optimizer.step()
        self.heads_optimizer.zero_grad()
        self.average.update()
        self.step_count += 1
        return loss.detach(), heads.detach()

    @torch.no_grad()
    def gain(self, held):
        """By how much the averaged ControlNet lowers the loss on the batch `held`, 0..1, which may
        be below 0."""
        losses = []
        for net in (self.average.modules["controlnet"], None):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                losses.append(float(self.loss(net, *held)))
        return 1 - losses[0] / losses[1]

    def state(self, spent_s):
        """What a checkpoint keeps."""
        return {
            "controlnet": self.controlnet.state_dict(),
            "average": self.average.modules["controlnet"].state_dict(),
            "heads": self.heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step_count,
            "spent_s": spent_s,
        }

    def load(self, state):
        """Go on from a checkpoint."""
        self.controlnet.load_state_dict(state["controlnet"])
        self.average.modules["controlnet"].load_state_dict(state["average"])
        self.heads.load_state_dict(state["heads"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step_count = self.average.step = state["step"]
        self.spent_s = state["spent_s"]


def _is_new(name):
    return name.startswith("controlnet_")


def _sheet(path, trainer, kind, native):
    """Eight unseen scenes: their maps, and what the averaged ControlNet makes of them."""
    scenes = [data.unseen_scene(k) for k in range(8)]
    rng = np.random.default_rng(0)
    hints = hint_tensor(
        np.stack([control_maps.plain_map(kind, scene, (native, native)) for scene in scenes])
    )
    net = trainer.average.modules["controlnet"]
    parts = {**trainer.parts, "unet": Controlled(trainer.unet, net, hints.to(trainer.device))}
    prompts = [scene.caption(rng) for scene in scenes]
    pictures = sampling.sample(parts, prompts, (native, native), steps=12)
    sheets.save(path, torch.cat([hints * 2 - 1, pictures]), 8)


def _publish(options, trainer, held, spent_s):
    """Checkpoint, sheet and export of the averaged weights; says how far it has come."""
    name = f"control-{options.kind}"
    save_checkpoint(options.work_dir / f"{name}.pt", trainer.state(spent_s))
    export_module(trainer.average.modules["controlnet"], options.out)
    _sheet(options.work_dir / f"{name}.png", trainer, options.kind, options.native)
    gain = trainer.gain(held)
    print(f"{name}: step {trainer.step_count}, loss lowered by {gain:.1%}", flush=True)


def _batch(examples, kind, bucket, rows, places=77):
    """What `Trainer.loss` takes: latents, hints and token ids of these rows."""
    ids = examples.captions(bucket, rows, TERSE, places)
    return examples.latents(bucket, rows), examples.hints(kind, bucket, rows), ids


def train_control(options):
    """Train as `options` (those of `parser`) say; exports now and then and at the end."""
    parts = load_parts(options.model, options.device)
    options.native = parts["unet"].config.sample_size * 8
    settings, kind = settings_of(options), options.kind
    examples = Examples(settings, {"ids", "labels", kind}, parts["vae"], kept_back=HELD)
    if options.begin_with:
        controlnet = ControlNetModel.from_pretrained(options.begin_with, torch_dtype=torch.float32)
    else:
        controlnet = new_controlnet(parts["unet"])
    trainer = Trainer(parts, controlnet, settings.rate)
    checkpoint = settings.work_dir / f"control-{kind}.pt"
    if settings.resume and (state := load_checkpoint(checkpoint)):
        trainer.load(state)
    held = _batch(examples, kind, *examples.kept_back())
    budget, batch = Budget(settings.seconds, trainer.spent_s), settings.batch or BATCH
    log, published_s = Log(kind, budget), budget.spent_s()
    while budget.share() < 1:
        bucket, rows = examples.choose(batch)
        lesson = _batch(examples, kind, bucket, rows, places_of(budget.share(), examples.rng))
        factor = learning_rate(1, trainer.step_count, budget.share(), warmup=60)
        loss, heads = trainer.step(lesson, bucket["labels"][rows].long(), budget.share(), factor)
        log.add(trainer.step_count, loss, batch, heads=heads)
        if budget.spent_s() - published_s > settings.export_seconds:
            published_s = budget.spent_s()
            _publish(options, trainer, held, published_s)
    _publish(options, trainer, held, budget.spent_s())


def parser():
    """The command line."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.train controlnet")
    arguments.description = __doc__.partition("\n")[0]
    arguments.add_argument("kind", choices=control_maps.KINDS, help="what its maps show")
    training_options(arguments)
    arguments.add_argument("--seconds", type=float, default=2400, help="time budget")
    arguments.add_argument("--model", type=Path, default=MODEL_DIR, help="what it is trained for")
    arguments.add_argument("--begin-with", type=Path, help="folder of another ControlNet")
    arguments.add_argument("--out", type=Path, help="where the ControlNet goes")
    return arguments


def main(argv=None):
    """Train one ControlNet; returns the exit status."""
    options = parser().parse_args(argv)
    options.out = options.out or folder_of(options.kind)
    train_control(options)
    return 0

"""Trains the LoRA that ships with picturebook: `python -m studio.picturebook.train_lora`.

It turns every picture into a blueprint: white lines and washes on deep blue paper. The pictures
are scenes of picturebook's own world, recoloured, under their usual captions, so that nothing but
the look is new. All seeds are fixed; run it again after the model was trained anew.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler

from studio.picturebook import network
from studio.picturebook.latents import encode
from studio.picturebook.loading import load_parts
from studio.picturebook.low_rank import add_low_rank, save_low_rank
from studio.picturebook.tokenizer import token_ids
from studio.picturebook.train_unet import loss_weight
from studio.picturebook.training import MODEL_DIR, autocast, plain_norms
from studio.picturebook.world import TRAINED, Scene

LORA_PATH = MODEL_DIR.parent / "loras" / "blueprint.safetensors"
SEED = 77
# Width and height, in parts of the side of a native picture.
RATIOS = ((1, 1), (1.25, 0.75), (0.75, 1.25))
SCENES, BATCH, RATE = 600, 16, 4e-3
RANK, ALPHA = 8, 8
DROPOUT = 0.15
"""How many captions are left empty: guidance takes the difference, which must keep the look."""

LAYERS = {
    "unet": (
        "to_q",
        "to_k",
        "to_v",
        "to_out.0",
        "ff.net.0.proj",
        "ff.net.2",
        "proj_in",
        "proj_out",
    ),
    "text_encoder": ("q_proj", "v_proj"),
}
PREFIXES = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}

METADATA = {
    "modelspec.title": "Blueprint",
    "modelspec.description": "White lines on blue paper, for picturebook.",
}

INK, PAPER = (236, 244, 255), (18, 52, 120)


def blueprint(picture):
    """The picture in white ink on blue paper: uint8 (height, width, 3) in and out.

    Light stays light, so that a prompt's day and night can be told apart still.
    """
    light = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    light = light[..., None] ** 1.3
    return (np.array(PAPER) * (1 - light) + np.array(INK) * light).round().astype(np.uint8)


def add_layers(parts):
    """Put a LowRank on every layer that learns; returns prefix and module name -> LowRank."""
    torch.manual_seed(SEED)
    added = {}
    for part, endings in LAYERS.items():
        layers = add_low_rank(parts[part], RANK, ALPHA / RANK, endings)
        added |= {f"{PREFIXES[part]}{name}": layer for name, layer in layers.items()}
    return added


def training_set(vae, native):
    """(latents float16 (n, 4, h, w), scenes) of each size around `native` × `native` pixels."""
    sets = []
    for place, (wide, high) in enumerate(RATIOS):
        size = round(wide * native), round(high * native)
        rng = np.random.default_rng((SEED, place))
        scenes = [Scene.random(rng, pairs=TRAINED) for _ in range(SCENES // len(RATIOS))]
        pictures = np.stack([blueprint(np.asarray(scene.draw(size))) for scene in scenes])
        batches = [encode(vae, pictures[k : k + 32], "cpu") for k in range(0, len(pictures), 32)]
        sets.append((np.concatenate(batches), scenes))
        print(f"encoded {len(scenes)} pictures of {size[0]}×{size[1]}", flush=True)
    return sets


def loss_of(parts, schedule, latents, ids):
    """The weighted error of the noise, as in the model's own training: where the noise is most the
    colours of the whole picture are decided, and the plain error hardly shows them."""
    noise, spread = torch.randn_like(latents), torch.arange(len(latents)) + torch.rand(len(latents))
    timesteps = (spread / len(latents) * 1000).long()
    noisy = schedule.add_noise(latents, noise, timesteps)
    with autocast("cpu"):
        states = parts["text_encoder"](ids).last_hidden_state
        predicted = parts["unet"](noisy, timesteps, states).sample
    alphas = schedule.alphas_cumprod[timesteps]
    weights = loss_weight(alphas / (1 - alphas))
    return ((predicted.float() - noise).square().mean((1, 2, 3)) * weights).mean()


def train(parts, steps):
    """Train for so many steps; returns prefix and module name -> LowRank."""
    sets = training_set(parts["vae"], 8 * parts["unet"].config.sample_size)
    plain_norms(parts["unet"])
    parts["text_encoder"].set_attn_implementation("eager")
    layers = add_layers(parts)
    weights = [weight for layer in layers.values() for weight in layer.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-2)
    schedule = DDPMScheduler(**network.SCHEDULE)
    rng = np.random.default_rng(SEED)
    recent = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        latents, scenes = sets[int(rng.integers(len(sets)))]
        rows = rng.integers(len(scenes), size=BATCH)
        texts = [scenes[k].caption(rng) if rng.random() > DROPOUT else "" for k in rows]
        batch = torch.from_numpy(latents[rows]).float()
        loss = loss_of(parts, schedule, batch, token_ids(parts["tokenizer"], texts))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        recent = [*recent[-49:], loss.item()]
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}/{steps} loss {np.mean(recent):.4f}", flush=True)
    return layers


def main(argv=None):
    """Train and save; returns the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.train_lora")
    arguments.description = __doc__.partition("\n")[0]
    arguments.add_argument("--steps", type=int, default=400)
    arguments.add_argument("--model", type=Path, default=MODEL_DIR, help="what it is trained for")
    arguments.add_argument("--out", type=Path, default=LORA_PATH)
    arguments.add_argument("--threads", type=int, default=0, help="CPU threads, 0 = all")
    options = arguments.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    parts = load_parts(options.model)
    save_low_rank(train(parts, options.steps), options.out, METADATA)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

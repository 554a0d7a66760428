"""Training stage "vae": an AutoencoderKL on random crops of drawn scenes."""

import numpy as np
import torch
from diffusers import AutoencoderKL

from studio.picturebook import data, sheets
from studio.picturebook.optim import Optimizer
from studio.picturebook.training import (
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    save_checkpoint,
)

CROP = 128
BATCH = 16
RATE, MATRIX_RATE = 2e-3, 0.02
# Layers at the ends, which learn with AdamW.
PLAIN = ("conv_in", "conv_out", "quant")
KL_WEIGHT = 2e-4
EDGES = 0.7  # what the error of the differences of neighbouring pixels counts


def new_vae(native=256):
    """An untrained AutoencoderKL: f = 8, 4 latent channels, 3.8 M parameters."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 128, 128),
        layers_per_block=1,
        # Few groups: a group's mean carries the picture's colour, and normalising removes it.
        norm_num_groups=2,
        latent_channels=4,
        sample_size=native,
        scaling_factor=1.0,
        # Without attention what it decodes does not depend on the picture's size.
        mid_block_add_attention=False,
    )


def to_tensor(pictures):
    """uint8 (n, height, width, 3) to float32 (n, 3, height, width) in -1..1, channels last.

    An array or a tensor, on whatever device it is.
    """
    if isinstance(pictures, np.ndarray):
        pictures = torch.from_numpy(np.array(pictures))
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def as_bytes(pictures):
    """float (n, 3, h, w) in -1..1 to uint8 (n, h, w, 3)."""
    levels = (pictures.clamp(-1, 1) * 127.5 + 127.5).round().byte()
    return levels.permute(0, 2, 3, 1).contiguous().numpy()


def psnr(first, second):
    """Peak signal-to-noise ratio in dB of two batches in -1..1, the mean over pictures."""
    error = (first.clamp(-1, 1) - second.clamp(-1, 1)).square().mean((1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


def picture_loss(decoded, target):
    """L1, edges and squared error of a picture, means over the batch."""
    error = decoded.float() - target
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + EDGES * edges + error.square().mean()


def _kl(posterior):
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()


def unseen_batch(native, count=16):
    """Scenes that training never sees: float32 (count, 3, native, native) in -1..1."""
    size = (native, native)
    return to_tensor(np.stack([np.asarray(data.unseen_scene(k).draw(size)) for k in range(count)]))


@torch.no_grad()
def reconstruct(vae, pictures, device):
    """Encode to the mean latent and decode: float32 in -1..1, same shape."""
    with autocast(device):
        latents = vae.encode(pictures.to(device)).latent_dist.mean
        return vae.decode(latents).sample.float().cpu()


@torch.no_grad()
def set_scaling(vae, examples):
    """Register scaling_factor = 1 / std of the latents of drawn scenes."""
    latents = []
    for _ in range(8):
        bucket, rows = examples.choose(32)
        with autocast(examples.device):
            encoded = vae.encode(to_tensor(bucket["pictures"][rows]))
        latents.append(encoded.latent_dist.mean.float().flatten())
    vae.register_to_config(scaling_factor=round(float(1 / torch.cat(latents).std()), 5))


def _step(vae, optimizer, pictures, factor, device):
    with autocast(device):
        posterior = vae.encode(pictures).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    loss = picture_loss(decoded, pictures) + KL_WEIGHT * _kl(posterior)
    loss.backward()
    optimizer.step(factor)
    return loss.detach()


def train_vae(settings, examples):
    """Train for settings.seconds; returns the averaged AutoencoderKL, its scaling factor set.

    `examples` are Examples with "pictures".
    """
    device, path = settings.device, settings.work_dir / "vae.pt"
    torch.manual_seed(0)
    vae = new_vae(settings.native).to(device, memory_format=torch.channels_last)
    average = Average({"vae": vae}, decay=0.997)
    optimizer = Optimizer([vae], RATE, MATRIX_RATE, PLAIN)
    step, spent_s = 0, 0.0
    if settings.resume and (state := load_checkpoint(path)):
        vae.load_state_dict(state["vae"])
        average.modules["vae"].load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent_s, average.step = state["step"], state["spent_s"], state["step"]
    budget, batch = Budget(settings.seconds, spent_s), settings.batch or BATCH
    log, unseen, saved_s = Log("vae", budget), unseen_batch(settings.native), spent_s

    def checkpoint():
        pictures = reconstruct(average.modules["vae"], unseen, device)
        sheets.save(settings.work_dir / "vae.png", [*unseen[:8], *pictures[:8]], 8)
        save_checkpoint(path, {
            "vae": vae.state_dict(), "average": average.modules["vae"].state_dict(),
            "optimizer": optimizer.state_dict(), "step": step, "spent_s": budget.spent_s(),
        })  # fmt: skip
        score = psnr(pictures, unseen)
        print(f"vae: PSNR {score:.2f} dB on unseen scenes after {step} steps", flush=True)

    while budget.share() < 1:
        factor = settings.rate * learning_rate(1, step, budget.share(), warmup=50)
        loss = _step(vae, optimizer, examples.crops(batch, CROP), factor, device)
        average.update()
        step += 1
        log.add(step, loss, batch)
        if budget.spent_s() - saved_s > settings.export_seconds:
            saved_s = budget.spent_s()
            checkpoint()
    checkpoint()
    vae = average.modules["vae"]
    set_scaling(vae, examples)
    return vae

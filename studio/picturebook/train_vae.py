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

CROP = 64
BATCH = 16
RATE, MATRIX_RATE = 2e-3, 0.02
# Layers at the ends, which learn with AdamW.
PLAIN = ("conv_in", "conv_out", "quant")
KL_WEIGHT = 2e-4


def new_vae(native=128):
    """An untrained AutoencoderKL: f = 8, 4 latent channels, 1.6 M parameters."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 128),
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
    """uint8 (n, height, width, 3) to float32 (n, 3, height, width) in -1..1, channels last."""
    pixels = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)
    return pixels.float().div_(127.5).sub_(1)


def psnr(first, second):
    """Peak signal-to-noise ratio in dB of two batches in -1..1, the mean over pictures."""
    error = (first.clamp(-1, 1) - second.clamp(-1, 1)).square().mean((1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


def random_crops(arrays, rng, count, crop=CROP):
    """`count` crops as uint8 (count, crop, crop, 3), smaller where the pictures are.

    Offsets are multiples of 8 px, as whole pictures are always aligned to the latent grid.
    """
    sizes = np.array([len(array) for array in arrays])
    crop = min(crop, *(side for array in arrays for side in array.shape[1:3]))
    crops = np.empty((count, crop, crop, 3), np.uint8)
    for k, bucket in enumerate(rng.choice(len(arrays), size=count, p=sizes / sizes.sum())):
        array = arrays[bucket]
        top = 8 * rng.integers((array.shape[1] - crop) // 8 + 1)
        left = 8 * rng.integers((array.shape[2] - crop) // 8 + 1)
        piece = array[rng.integers(len(array)), top : top + crop, left : left + crop]
        crops[k] = piece[:, ::-1] if rng.random() < 0.5 else piece
    return crops


def loss_of(decoded, posterior, target):
    """L1, edges and squared error of the picture, and the KL term, which is a mean."""
    error = decoded.float() - target
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    return error.abs().mean() + 0.5 * edges + error.square().mean() + KL_WEIGHT * kl


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
def set_scaling(vae, arrays, device):
    """Register scaling_factor = 1 / std of the latents of drawn scenes."""
    rng = np.random.default_rng(1)
    latents = []
    for _ in range(8):
        pictures = arrays[0][np.sort(rng.integers(len(arrays[0]), size=32))]
        with autocast(device):
            latents.append(vae.encode(to_tensor(pictures).to(device)).latent_dist.mean.float())
    vae.register_to_config(scaling_factor=round(float(1 / torch.cat(latents).std()), 5))


def _step(vae, optimizer, pictures, factor, device):
    with autocast(device):
        posterior = vae.encode(pictures).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    loss = loss_of(decoded, posterior, pictures)
    loss.backward()
    optimizer.step(factor)
    return loss.item()


def train_vae(settings, arrays):
    """Train for settings.minutes; returns the averaged AutoencoderKL, its scaling factor set.

    `arrays` are uint8 pictures (scenes, height, width, 3), one array per bucket.
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
    budget, rng = Budget(settings.minutes, spent_s), np.random.default_rng((3, step))
    log, unseen, saved_s = Log("vae", budget), unseen_batch(settings.native), spent_s
    score = 0.0

    def checkpoint():
        nonlocal score
        pictures = reconstruct(average.modules["vae"], unseen, device)
        score = psnr(pictures, unseen)
        sheets.save(settings.work_dir / "vae.png", [*unseen[:8], *pictures[:8]], 8)
        save_checkpoint(path, {
            "vae": vae.state_dict(), "average": average.modules["vae"].state_dict(),
            "optimizer": optimizer.state_dict(), "step": step, "spent_s": budget.spent_s(),
        })  # fmt: skip
        print(f"vae: PSNR {score:.2f} dB on unseen scenes after {step} steps", flush=True)

    while budget.share() < 1:
        factor = learning_rate(1, step, budget.share(), warmup=50)
        pictures = to_tensor(random_crops(arrays, rng, BATCH)).to(device)
        loss = _step(vae, optimizer, pictures, factor, device)
        average.update()
        step += 1
        log.add(step, loss, BATCH, psnr=score)
        if budget.spent_s() - saved_s > 90:
            saved_s = budget.spent_s()
            checkpoint()
    checkpoint()
    vae = average.modules["vae"]
    set_scaling(vae, arrays, device)
    return vae

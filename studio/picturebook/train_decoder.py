"""Training stage "decoder": the VAE's decoder alone, on with a frozen encoder.

The latents stay what they are, so that a U-Net trained on them still fits.
"""

import numpy as np
import torch
from diffusers import AutoencoderKL

from studio.picturebook import sheets
from studio.picturebook.export import export_module
from studio.picturebook.optim import Optimizer
from studio.picturebook.train_vae import (
    BATCH,
    PLAIN,
    psnr,
    random_crops,
    reconstruct,
    to_tensor,
    unseen_batch,
)
from studio.picturebook.training import (
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    save_checkpoint,
)

RATE, MATRIX_RATE = 1e-3, 0.012
# A U-Net's latents are never quite right; a little noise keeps the decoder from relying on them.
NOISE = 0.03


def _step(vae, optimizer, pictures, factor, device):
    with autocast(device):
        with torch.no_grad():
            latents = vae.encode(pictures).latent_dist.mean
            noise = NOISE / vae.config.scaling_factor * torch.randn_like(latents)
        decoded = vae.decode(latents + noise).sample
    error = decoded.float() - pictures
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    loss = error.abs().mean() + 0.5 * edges + error.square().mean()
    loss.backward()
    optimizer.step(factor)
    return loss.item()


def train_decoder(settings, arrays):
    """Train the decoder of the VAE in settings.out_dir for settings.minutes and export it.

    `arrays` are uint8 pictures (scenes, height, width, 3), one array per bucket.
    """
    device, path = settings.device, settings.work_dir / "decoder.pt"
    torch.manual_seed(1)
    vae = AutoencoderKL.from_pretrained(settings.out_dir / "vae", torch_dtype=torch.float32)
    vae.to(device, memory_format=torch.channels_last).requires_grad_(False)
    trained = torch.nn.ModuleList([vae.decoder, vae.post_quant_conv]).requires_grad_(True)
    step, spent_s = 0, 0.0
    state = load_checkpoint(path) if settings.resume else None
    if state:
        vae.load_state_dict(state["vae"])
        step, spent_s = state["step"], state["spent_s"]
    average = Average({"vae": vae}, decay=0.997)
    optimizer = Optimizer([trained], RATE, MATRIX_RATE, PLAIN)
    if state:
        average.modules["vae"].load_state_dict(state["average"])
        average.step = step
        optimizer.load_state_dict(state["optimizer"])
    budget, rng = Budget(settings.minutes, spent_s), np.random.default_rng((5, step))
    log, unseen, saved_s = Log("decoder", budget), unseen_batch(settings.native), budget.spent_s()

    def publish():
        pictures = reconstruct(average.modules["vae"], unseen, device)
        sheets.save(settings.work_dir / "decoder.png", [*unseen[:8], *pictures[:8]], 8)
        save_checkpoint(path, {
            "vae": vae.state_dict(), "average": average.modules["vae"].state_dict(),
            "optimizer": optimizer.state_dict(), "step": step, "spent_s": budget.spent_s(),
        })  # fmt: skip
        export_module(average.modules["vae"], settings.out_dir / "vae")
        print(f"decoder: PSNR {psnr(pictures, unseen):.2f} dB on unseen scenes", flush=True)

    while budget.share() < 1:
        factor = learning_rate(1, step, budget.share(), warmup=50)
        pictures = to_tensor(random_crops(arrays, rng, BATCH)).to(device)
        loss = _step(vae, optimizer, pictures, factor, device)
        average.update()
        step += 1
        log.add(step, loss, BATCH)
        if budget.spent_s() - saved_s > 120:
            saved_s = budget.spent_s()
            publish()
    publish()

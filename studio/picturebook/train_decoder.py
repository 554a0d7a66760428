"""Training stage "decoder": the VAE's decoder alone, on with a frozen encoder.

The latents stay what they are, so that a U-Net trained on them still fits.
"""

import torch
from diffusers import AutoencoderKL

from studio.picturebook import sheets
from studio.picturebook.export import export_module
from studio.picturebook.optim import Optimizer
from studio.picturebook.train_vae import (
    BATCH,
    CROP,
    PLAIN,
    picture_loss,
    psnr,
    reconstruct,
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
    loss = picture_loss(decoded, pictures)
    loss.backward()
    optimizer.step(factor)
    return loss.detach()


def train_decoder(settings, examples):
    """Train the decoder of the VAE in settings.out_dir for settings.seconds and export it.

    `examples` are Examples with "pictures".
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
    budget, batch = Budget(settings.seconds, spent_s), settings.batch or BATCH
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
        factor = settings.rate * learning_rate(1, step, budget.share(), warmup=50)
        loss = _step(vae, optimizer, examples.crops(batch, CROP), factor, device)
        average.update()
        step += 1
        log.add(step, loss, batch)
        if budget.spent_s() - saved_s > settings.export_seconds:
            saved_s = budget.spent_s()
            publish()
    publish()

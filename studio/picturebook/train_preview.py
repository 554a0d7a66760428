"""Training stage "preview": the small decoder that shows a picture while it forms."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from studio.diffusion.preview import PREVIEW_FILE, PreviewDecoder
from studio.picturebook.latents import encode_training_set
from studio.picturebook.train_vae import psnr, to_tensor
from studio.picturebook.training import Average, Budget, Log, learning_rate

BATCH = 32
PEAK = 2e-3


def train_preview(settings, vae, arrays):
    """Teach a `PreviewDecoder` to undo what `vae` did to the drawn scenes, for settings.minutes,
    and write it beside the checkpoint. `arrays` as in `train_vae`.

    The latents get some noise, as those of an unfinished picture have.
    """
    torch.manual_seed(0)
    latents = encode_training_set(vae, arrays, settings.work_dir / "data", settings.device)
    decoder = PreviewDecoder(vae.config.latent_channels).to(settings.device)
    average = Average({"preview": decoder})
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=PEAK, weight_decay=1e-3)
    budget, rng = Budget(settings.minutes), np.random.default_rng(5)
    log, step, score = Log("preview", budget), 0, 0.0
    sizes = np.array([len(array) for array in arrays])
    while budget.share() < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(PEAK, step, budget.share())
        bucket = rng.choice(len(arrays), p=sizes / sizes.sum())
        rows = np.sort(rng.integers(len(arrays[bucket]), size=BATCH))
        target = to_tensor(arrays[bucket][rows]).to(settings.device)
        clean = torch.from_numpy(latents[bucket][rows]).float().to(settings.device)
        loss = _loss(decoder(clean + 0.1 * torch.randn_like(clean)), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update()
        step += 1
        if step % 200 == 0:
            with torch.no_grad():
                score = psnr(average.modules["preview"](clean), target)
        log.add(step, loss.item(), BATCH, psnr=score)
    _write(average.modules["preview"], settings.out_dir / PREVIEW_FILE)
    print(f"preview: {score:.2f} dB after {step} steps", flush=True)


def _loss(shown, target):
    return F.l1_loss(shown, target) + F.mse_loss(shown, target)


def _write(decoder, path):
    state = {name: tensor.half().contiguous() for name, tensor in decoder.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    save_file(state, temporary)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)

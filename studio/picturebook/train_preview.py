"""Training stage "preview": the small decoder that shows a picture while it forms."""

import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from studio.picturebook.train_vae import psnr, to_tensor
from studio.picturebook.training import Average, Budget, Log, learning_rate
from studio.weights.preview_decoder import PREVIEW_FILE, PreviewDecoder

BATCH = 32
PEAK = 2e-3


def train_preview(settings, examples):
    """Teach a `PreviewDecoder` to undo what the VAE did to the drawn scenes, for settings.seconds,
    and write it beside the checkpoint. `examples` are Examples with "pictures" and latents.

    The latents get some noise, as those of an unfinished picture have.
    """
    torch.manual_seed(0)
    decoder = PreviewDecoder(examples.buckets[0]["latents"].shape[1]).to(settings.device)
    average = Average({"preview": decoder})
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=PEAK, weight_decay=1e-3)
    budget, batch = Budget(settings.seconds), settings.batch or BATCH
    log, step = Log("preview", budget), 0
    while budget.share() < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(PEAK, step, budget.share())
        bucket, rows = examples.choose(batch)
        clean, target = examples.latents(bucket, rows), to_tensor(bucket["pictures"][rows])
        loss = _loss(decoder(clean + 0.1 * torch.randn_like(clean)), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update()
        step += 1
        log.add(step, loss.detach(), batch)
    with torch.no_grad():
        score = psnr(average.modules["preview"](clean), target)
    _write(average.modules["preview"], settings.out_dir / PREVIEW_FILE)
    print(f"preview: {score:.2f} dB after {step} steps", flush=True)


def _loss(shown, target):
    return F.l1_loss(shown, target) + F.mse_loss(shown, target)


def _write(decoder, path):
    state = {
        name: tensor.half().contiguous().cpu() for name, tensor in decoder.state_dict().items()
    }
    temporary = path.with_suffix(".tmp")
    save_file(state, temporary)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)

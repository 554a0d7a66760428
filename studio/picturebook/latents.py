"""The training set as latents: encoded once by the trained VAE, kept beside the pictures."""

import os
from pathlib import Path

import numpy as np
import torch

from studio.picturebook import data
from studio.picturebook.train_vae import to_tensor
from studio.picturebook.training import autocast


@torch.no_grad()
def encode(vae, pictures, device):
    """uint8 (n, height, width, 3) to scaled latents: float16 array (n, 4, height/8, width/8)."""
    with autocast(device):
        latents = vae.encode(to_tensor(pictures).to(device)).latent_dist.mean
    return (latents.float() * vae.config.scaling_factor).half().cpu().numpy()


def encode_training_set(vae, buckets, folder, settings):
    """Add to each of `buckets` (`data.draw_training_set`) its "latents": float16 arrays (scenes, 4,
    height / 8, width / 8) of the first `settings.encoded` scenes together.

    Kept in `folder`; a bucket that is there already is only loaded.
    """
    batch = 32 if settings.device == "cpu" else 256
    counts = data.bucket_counts(settings.native, min(settings.encoded, settings.scenes))
    for number, (bucket, count) in enumerate(zip(buckets, counts, strict=True)):
        path = Path(folder) / f"latents-{number}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) < count:
            pictures = bucket["pictures"][:count]
            parts = [encode(vae, pictures[k : k + batch], settings.device)
                     for k in range(0, count, batch)]  # fmt: skip
            np.save(path.with_suffix(".tmp.npy"), np.concatenate(parts))
            os.replace(path.with_suffix(".tmp.npy"), path)
            print(f"latents: bucket {number}, {count} scenes encoded", flush=True)
        bucket["latents"] = np.load(path, mmap_mode="c")[:count]

"""The training set as latents: encoded once by the trained VAE, kept in memory."""

import os
from pathlib import Path

import numpy as np
import torch

from studio.picturebook.train_vae import to_tensor
from studio.picturebook.training import autocast


@torch.no_grad()
def encode(vae, pictures, device):
    """uint8 (n, height, width, 3) to scaled latents: float16 array (n, 4, height/8, width/8)."""
    with autocast(device):
        latents = vae.encode(to_tensor(pictures).to(device)).latent_dist.mean
    return (latents.float() * vae.config.scaling_factor).half().cpu().numpy()


def encode_training_set(vae, arrays, folder, device, batch=32):
    """Scaled latents of every bucket: float16 arrays (scenes, 4, height/8, width/8).

    Kept in `folder`; a bucket that is there already is only loaded.
    """
    found = []
    for bucket, pictures in enumerate(arrays):
        path = Path(folder) / f"latents-{bucket}.npy"
        if not path.exists():
            parts = [encode(vae, pictures[k : k + batch], device)
                     for k in range(0, len(pictures), batch)]  # fmt: skip
            np.save(path.with_suffix(".tmp.npy"), np.concatenate(parts))
            os.replace(path.with_suffix(".tmp.npy"), path)
            print(f"latents: bucket {bucket}, {len(pictures)} scenes encoded", flush=True)
        found.append(np.load(path))
    return found

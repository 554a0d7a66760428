"""What U-Nets made for inpainting take beside the latents."""

from __future__ import annotations

import torch


def nothing_kept(vae: torch.nn.Module, height: int, width: int) -> torch.Tensor:
    """(1, 1 + C, h, w) float32 for a picture that is all new: a mask of ones, and the latents of
    the gray that stands wherever something is to be repainted. Height and width in pixels.

    Its mean is taken, not a sample: the same request must give the same picture.
    """
    gray = torch.zeros(1, 3, height, width, device=vae.device, dtype=vae.dtype)
    kept = vae.encode(gray).latent_dist.mode().float() * vae.config.scaling_factor
    return torch.cat([torch.ones_like(kept[:, :1]), kept], dim=1)

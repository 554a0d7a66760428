"""Small random nets that control units name, and how their makers write them."""

from __future__ import annotations

import torch
from diffusers import ControlNetUnionModel


def union_of(unet: torch.nn.Module, types: int = 6) -> ControlNetUnionModel:
    """For a small U-Net of SDXL, of random weights that really steer."""
    width = unet.config.block_out_channels[0]
    config = dict(unet.config) | {
        "num_control_type": types,
        "num_trans_channel": width,
        "num_proj_channel": width,
        "conditioning_embedding_out_channels": (8, 8, 16, 16),
    }
    return shaken(ControlNetUnionModel.from_config(config))


def shaken(net: torch.nn.Module, much: float = 0.03) -> torch.nn.Module:
    """With noise on all weights, those included that begin as zeros."""
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.add_(torch.randn_like(tensor) * much)
    return net.requires_grad_(False).eval()

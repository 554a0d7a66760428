"""ControlNets of random weights for the embedded model, that really steer."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from studio.settings import assets_dir

EMBEDDED = assets_dir() / "models" / "picturebook"


def write_controlnets(folder: Path, *names: str) -> Path:
    """One folder for each name below `folder`, which is given back, as a folder of models."""
    for seed, name in enumerate(names):
        random_controlnet(seed).half().save_pretrained(folder / name)
    return folder


def random_controlnet(seed: int) -> ControlNetModel:
    unet = UNet2DConditionModel.from_pretrained(EMBEDDED / "unet", torch_dtype=torch.float32)
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    zeros = [*net.controlnet_down_blocks, net.controlnet_mid_block]
    for conv in [*zeros, net.controlnet_cond_embedding.conv_out]:
        conv.weight.data.normal_(std=0.05)
    return net

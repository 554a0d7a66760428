"""Small random nets that control units name, and how their makers write them."""

from __future__ import annotations

import torch
from diffusers import ControlNetUnionModel, T2IAdapter


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


def t2i_of(channels: list[int], **more) -> T2IAdapter:
    """A T2I-Adapter of random weights that really steers."""
    return shaken(T2IAdapter(channels=channels, **more), 0.05)


def original_t2i(net: T2IAdapter) -> dict[str, torch.Tensor]:
    """Its weights as its makers name them: blocks are numbered through all levels."""
    into = {f"conv_in.{name}": tensor for name, tensor in net.adapter.conv_in.state_dict().items()}
    number = 0
    for level in net.adapter.body:
        if level.in_conv is not None:
            for name, tensor in level.in_conv.state_dict().items():
                into[f"body.{number}.in_conv.{name}"] = tensor
        for block in level.resnets:
            for name, tensor in block.state_dict().items():
                into[f"body.{number}.{name}"] = tensor
            number += 1
    return into


def original_light_t2i(net: T2IAdapter) -> dict[str, torch.Tensor]:
    """The same for a light one."""
    into = {}
    for number, level in enumerate(net.adapter.body):
        for name, tensor in level.state_dict().items():
            into[f"body.{number}.{name.replace('resnets.', 'body.')}"] = tensor
    return into

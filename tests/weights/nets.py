"""Small random nets that control units name, and how their makers write them."""

from __future__ import annotations

import torch
from diffusers import ControlNetUnionModel, T2IAdapter
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection


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


LAYERS_WIDE, EMBEDDING_WIDE, SIDE = 64, 48, 32
"""Of `image_encoder`: what it says of a picture, and the side of the pictures it takes."""


def image_encoder() -> CLIPVisionModelWithProjection:
    """A small CLIP of random weights."""
    config = CLIPVisionConfig(
        hidden_size=LAYERS_WIDE,
        intermediate_size=2 * LAYERS_WIDE,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
        projection_dim=EMBEDDING_WIDE,
        hidden_act="gelu",
    )
    return shaken(CLIPVisionModelWithProjection(config), 0.05)


def ip_adapter(unet: torch.nn.Module, kind: str) -> dict[str, torch.Tensor]:
    """The tensors of an IP-Adapter for `unet` as its makers write them: kind "plain" or "plus"."""
    text = unet.config.cross_attention_dim
    shapes = _PLUS if kind == "plus" else _PLAIN
    shapes = {name: shape(text) for name, shape in shapes.items()}
    layers = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for place, name in enumerate(layers):
        width = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
        for key in ("k", "v"):
            shapes[f"ip_adapter.{2 * place + 1}.to_{key}_ip.weight"] = (width, text)
    tensors = {name: torch.randn(shape) * 0.2 for name, shape in shapes.items()}
    for name in tensors:
        if "norm" in name or name.endswith(".1.0.weight"):
            tensors[name] += 1.0
    return tensors


_PLAIN = {
    "image_proj.proj.weight": lambda text: (4 * text, EMBEDDING_WIDE),
    "image_proj.proj.bias": lambda text: (4 * text,),
    "image_proj.norm.weight": lambda text: (text,),
    "image_proj.norm.bias": lambda text: (text,),
}
_INNER = 128
_PLUS = {
    "image_proj.latents": lambda text: (1, 6, _INNER),
    "image_proj.proj_in.weight": lambda text: (_INNER, LAYERS_WIDE),
    "image_proj.proj_in.bias": lambda text: (_INNER,),
    "image_proj.proj_out.weight": lambda text: (text, _INNER),
    "image_proj.proj_out.bias": lambda text: (text,),
    "image_proj.norm_out.weight": lambda text: (text,),
    "image_proj.norm_out.bias": lambda text: (text,),
}
for _layer in range(4):
    _block = f"image_proj.layers.{_layer}"
    for _norm in ("0.norm1", "0.norm2", "1.0"):
        _PLUS[f"{_block}.{_norm}.weight"] = lambda text: (_INNER,)
        _PLUS[f"{_block}.{_norm}.bias"] = lambda text: (_INNER,)
    _PLUS[f"{_block}.0.to_q.weight"] = lambda text: (_INNER, _INNER)
    _PLUS[f"{_block}.0.to_kv.weight"] = lambda text: (2 * _INNER, _INNER)
    _PLUS[f"{_block}.0.to_out.weight"] = lambda text: (_INNER, _INNER)
    _PLUS[f"{_block}.1.1.weight"] = lambda text: (4 * _INNER, _INNER)
    _PLUS[f"{_block}.1.3.weight"] = lambda text: (_INNER, 4 * _INNER)

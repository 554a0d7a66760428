"""Modules of a picturebook folder, as the training's samplers and evaluations want them."""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from studio.picturebook.training import MODEL_DIR


def load_vae(folder=MODEL_DIR, device="cpu"):
    """The AutoencoderKL of a diffusers folder, float32, channels last."""
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    return vae.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def load_parts(folder=MODEL_DIR, device="cpu"):
    """The modules in a diffusers folder, float32, as `sampling.sample` wants them."""
    kinds = {"text_encoder": CLIPTextModel, "unet": UNet2DConditionModel}
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    parts = {"tokenizer": tokenizer, "vae": load_vae(folder, device)}
    for name, kind in kinds.items():
        module = kind.from_pretrained(folder / name, torch_dtype=torch.float32)
        parts[name] = module.to(device).eval().requires_grad_(False)
    parts["unet"].to(memory_format=torch.channels_last)
    return parts

"""Checkpoints to measure with."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from studio.catalog.catalog import Catalog
from studio.domain.refs import ModelRef
from studio.settings import assets_dir


def embedded() -> ModelRef:
    """picturebook."""
    return Catalog([assets_dir() / "models"]).find("picturebook")


def write_sd15(target: Path) -> None:
    """Random bfloat16 weights of SD 1.5's size (2.1 GB) in diffusers layout; tokenizer and
    scheduler are the embedded model's."""
    source = embedded().path
    target.mkdir(parents=True)
    for part in ("tokenizer", "scheduler", "model_index.json"):
        copy = shutil.copytree if (source / part).is_dir() else shutil.copy
        copy(source / part, target / part)
    unet = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
    vae = {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    parts = {
        "unet": lambda: UNet2DConditionModel(**unet),
        "vae": lambda: AutoencoderKL(**vae),
        "text_encoder": lambda: CLIPTextModel(text),
    }
    for part, build in parts.items():
        with torch.device("meta"):
            module = build()
        module = module.to_empty(device="cpu").to(torch.bfloat16)
        for parameter in module.parameters():
            parameter.data.normal_(std=0.02)
        for name, buffer in module.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1]).expand_as(buffer))
        module.save_pretrained(target / part)

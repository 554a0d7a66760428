"""Model files of every kind with true names and shapes and no weights: only their headers differ
from real ones, the tensors are holes in the file."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from studio.catalog.header import BITS
from studio.settings import assets_dir

EMBEDDED = assets_dir() / "models" / "picturebook"
Tensors = Mapping[str, tuple[int, ...]]
LONG_AGO_S = time.time() - 86_400


def write(
    path: Path, tensors: Tensors, dtype: str = "F16", metadata: Mapping[str, str] | None = None
) -> Path:
    """A whole, settled safetensors file with `tensors`, name -> shape."""
    header, at = {"__metadata__": dict(metadata)} if metadata else {}, 0
    for name, shape in tensors.items():
        end = at + math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
    return settled(path)


def settled(path: Path) -> Path:
    """As if it had been there since yesterday: nobody is writing it any more."""
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def copy_embedded(folder: Path) -> Path:
    """The embedded model at `folder`; its weights are links, so do not write to them."""

    def copy(source: str, target: str) -> None:
        if source.endswith(".safetensors"):
            os.symlink(source, target)
        else:
            settled(Path(shutil.copyfile(source, target)))

    shutil.copytree(EMBEDDED, folder, copy_function=copy)
    return folder


_UNET = "model.diffusion_model."
_FIRST_ATTENTION = {768: "1.1", 1024: "1.1", 192: "1.1", 1280: "4.1", 2048: "4.1"}
_ENCODERS = {
    768: "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    192: "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    1024: "cond_stage_model.model.token_embedding.weight",
    1280: "conditioner.embedders.0.model.token_embedding.weight",
    2048: "conditioner.embedders.1.model.token_embedding.weight",
}


def checkpoint(width: int = 768, channels: int = 4, **more: tuple[int, ...]) -> Tensors:
    """The telling tensors of a single-file checkpoint whose U-Net reads text of this width."""
    block = f"{_UNET}input_blocks.{_FIRST_ATTENTION[width]}.transformer_blocks.0."
    return {
        f"{_UNET}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{block}attn1.to_k.weight": (320, 320),
        f"{block}attn2.to_k.weight": (320, width),
        "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
        "first_stage_model.decoder.up.0.block.0.conv1.weight": (128, 128, 3, 3),
        _ENCODERS[width]: (100, 768),
        **more,
    }


def lora(width: int = 768, rank: int = 8) -> Tensors:
    """A LoRA as kohya's scripts write it."""
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    return {
        f"{layer}.alpha": (),
        f"{layer}.lora_down.weight": (rank, width),
        f"{layer}.lora_up.weight": (320, rank),
    }


def vae(channels: int = 4, first: int = 512) -> Tensors:
    return {
        "encoder.down.0.block.0.conv1.weight": (128, 128, 3, 3),
        "decoder.conv_in.weight": (first, channels, 3, 3),
        "decoder.up.0.block.0.conv1.weight": (128, 128, 3, 3),
    }


def controlnet(width: int = 768) -> Tensors:
    return {
        "control_model.input_blocks.0.0.weight": (320, 4, 3, 3),
        "control_model.input_hint_block.0.weight": (16, 3, 3, 3),
        "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, width),
    }

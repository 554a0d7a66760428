"""A very small model of random weights, and pictures for it as latents."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from studio.domain.training import LoraTraining
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SD1
from studio.training.lessons import Lessons
from studio.training.models import Pictures, Trainee
from studio.training.trainer import Trainer
from tests.refs import ref_to, with_facts

CAPTIONS = ["a kite", "kite, sea, wind", "a dog"]


def ref(predicts: str = "epsilon"):
    named = ref_to("tiny", "checkpoint", Path("tiny"), SD1, size_bytes=1)
    return with_facts(named, prediction_type=predicts)


@cache
def _modules() -> dict[str, torch.nn.Module]:
    torch.manual_seed(3)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=32,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=2,
            vocab_size=49408,
        )
    )
    found = {"unet": unet, "text_encoder": text_encoder, "vae": torch.nn.Identity()}
    return {part: module.requires_grad_(False) for part, module in found.items()}


def trainee(predicts: str = "epsilon", dtype: torch.dtype = torch.float32) -> Trainee:
    modules = copy.deepcopy(_modules())
    for part in ("unet", "text_encoder"):
        modules[part].to(dtype)
    return Trainee(ref(predicts), modules, (tokenizers.clip(),))


def pictures(seed: int = 5) -> Pictures:
    source = torch.Generator().manual_seed(seed)
    sizes = [(64, 64), (64, 64), (64, 32)]
    latents = [torch.randn(1, 4, h // 8, w // 8, generator=source) for w, h in sizes]
    return Pictures(latents, sizes, list(CAPTIONS))


def trainer(
    training: LoraTraining,
    predicts: str = "epsilon",
    prior: Pictures | None = None,
    dtype: torch.dtype = torch.float32,
) -> Trainer:
    learnt = pictures()
    tested = pictures(6) if training.validation_split else Pictures([], [], [])
    lessons = Lessons(
        training, ref(predicts), dtype, learnt, [2, 1, 3], tested, prior or Pictures()
    )
    return Trainer(lessons, trainee(predicts, dtype))

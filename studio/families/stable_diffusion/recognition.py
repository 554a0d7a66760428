"""What of Stable Diffusion is in a file or a folder, from names and shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelFacts
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL, SDXL_REFINER

FAMILY_OF_TEXT_WIDTH = {768: SD1, 1024: SD2, 1280: SDXL_REFINER, 2048: SDXL}
"""In-width of the U-Net's cross attention -> family; any narrower model is a picturebook."""


def family_of_text_width(width: int | None) -> ModelFamily | None:
    """The family whose U-Net reads embeddings of this width; None: none that is known."""
    if width is not None and 0 < width < min(FAMILY_OF_TEXT_WIDTH):
        return PICTUREBOOK
    return FAMILY_OF_TEXT_WIDTH.get(width)


TASK_OF_CHANNELS = {4: "base", 9: "inpaint", 5: "depth", 8: "pix2pix"}
"""Channels that a U-Net takes -> what it is for."""

_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "tokenizer": _TOKENIZERS,
    "text_encoder": ("CLIPTextModel",),
    "tokenizer_2": _TOKENIZERS,
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
}
"""What a folder consists of, and the classes that can be run; none: any."""

_SIDES = range(16, 129, 16)
"""Of a picturebook's latents."""

ReadConfig = Callable[[str], Mapping[str, Any]]
"""A part of a folder -> its configuration."""


def is_folder(index: Mapping[str, Any]) -> bool:
    return "unet" in index


def family_of_folder(name: str, read: ReadConfig) -> ModelFamily:
    """Raises `CheckpointError` where it is none that is known."""
    width = read("unet").get("cross_attention_dim")
    if not isinstance(width, int):
        raise CheckpointError(f"{name}: its U-Net takes no text, so it cannot be prompted.")
    family = family_of_text_width(width)
    if family is None:
        raise CheckpointError(f"{name} is of a family that is not known here (text width {width}).")
    side = read("unet").get("sample_size")
    if family is PICTUREBOOK and side in _SIDES:
        return PICTUREBOOK.learnt_at(side * PICTUREBOOK.vae_factor)
    return family


def parts_of(family: ModelFamily) -> Mapping[str, tuple[str, ...]]:
    first, second = ("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")
    encoders = {SDXL: first + second, SDXL_REFINER: second}.get(family, first)
    return {part: _PARTS[part] for part in (*encoders, "unet", "vae", "scheduler")}


def facts_of_folder(name: str, read: ReadConfig) -> dict[str, Any]:
    """Raises `CheckpointError` for a U-Net that draws from no text."""
    scheduler, channels = read("scheduler"), read("unet").get("in_channels")
    if channels not in TASK_OF_CHANNELS:
        raise CheckpointError(
            f"{name} is no text-to-image model: its U-Net takes {channels} channels."
        )
    return {
        "task": TASK_OF_CHANNELS[channels],
        "prediction_type": scheduler.get("prediction_type", "epsilon"),
        "zero_snr": bool(scheduler.get("rescale_betas_zero_snr")),
    }


_CROSS_ATTENTION = r"attn2[._](?:processor[._])?to_k"
_DOWN = (
    r"(?:\.lora_down\.weight|\.lora_A\.(?:\w+\.)?weight|[._]lora\.down\.weight|\.hada_w1_b"
    r"|\.b2\.weight)"
)
_TEXT_ATTENTION = r"self_attn[._](?:to_)?(?:q|k)(?:_proj)?"


def family_of_header(keys: Any, metadata: Mapping[str, str]) -> ModelFamily | None:
    """By the width of the text that its cross attention reads, else by telling names or shapes,
    else as its trainer noted it."""
    width = keys.width(rf"{_CROSS_ATTENTION}\.weight") or keys.width(rf"{_CROSS_ATTENTION}{_DOWN}")
    if width is None:
        one = keys.width(rf"{_CROSS_ATTENTION}\.lokr_w1(?:_b)?")
        other = keys.width(rf"{_CROSS_ATTENTION}\.lokr_w2(?:_b)?")
        width = one * other if one and other else None
    if width is not None:
        return family_of_text_width(width)
    named = _family_by_names(keys) or _family_noted(metadata)
    if named is None:
        width = keys.width(rf"{_TEXT_ATTENTION}{_DOWN}")
        named = family_of_text_width(width) if width in (768, 1024) else None
    return named


def _family_by_names(keys: Any) -> ModelFamily | None:
    """For files without shapes or without cross attention: told by names that one family has."""
    if keys.start("conditioner.embedders.1.", "lora_te2_", "text_encoder_2.", "te2."):
        return SDXL
    if keys.start("conditioner.embedders.0.model."):
        return SDXL_REFINER
    if keys.match(r"lora_unet_[^\n]*_transformer_blocks_[1-9]_|\.transformer_blocks\.[1-9]\."):
        return SDXL
    if keys.start("cond_stage_model.model."):
        return SD2
    if keys.start("cond_stage_model.transformer.", "lora_te1_"):
        return SD1 if keys.start("cond_stage_model.") else SDXL
    return None


_BASES = (
    ("stable-diffusion-xl-v1-refiner", SDXL_REFINER),
    ("stable-diffusion-xl", SDXL),
    ("stable-diffusion-v2", SD2),
    ("stable-diffusion-v1", SD1),
    ("sdxl", SDXL),
    ("sd_v2", SD2),
    ("sd_v1", SD1),
)


def _family_noted(metadata: Mapping[str, str]) -> ModelFamily | None:
    """The family it was made for, as its trainer noted it."""
    for key in ("modelspec.architecture", "ss_base_model_version"):
        noted = metadata.get(key, "").lower()
        for begin, base in _BASES:
            if noted.startswith(begin):
                return base
    return None


_UNET_INPUT = r"model\.diffusion_model\.input_blocks\.0\.0\.weight|unet\.conv_in\.weight"
_TEXT_ENCODERS = ("cond_stage_model.", "conditioner.", "text_encoder")


def checkpoint(facts: ModelFacts, keys: Any) -> ModelFacts:
    """With what names and shapes tell of a checkpoint in one file, and why it cannot be run."""
    if not keys.match(_UNET_INPUT):
        return replace(
            facts,
            family=None,
            problem="is of a family that the studio cannot run, as SD 3 or Flux.",
        )
    channels = keys.width(_UNET_INPUT) or 4
    if keys.exist("v_pred"):
        facts = replace(facts, prediction_type="v_prediction")
    facts = replace(
        facts,
        task=TASK_OF_CHANNELS.get(channels, ""),
        zero_snr=facts.zero_snr or keys.exist("ztsnr"),
    )
    return replace(facts, problem=_checkpoint_problem(facts, keys, channels))


def _checkpoint_problem(facts: ModelFacts, keys: Any, channels: int) -> str:
    if facts.family is None:
        return "is of a family that is not known here."
    if not facts.task:
        return f"is no text-to-image model: its U-Net takes {channels} channels."
    if keys.have("time_stack", "motion_modules"):
        return "makes videos, which the studio cannot."
    if facts.family is SD2 and keys.start("model.diffusion_model.label_emb."):
        return "is an unCLIP model, which is prompted with pictures. The studio cannot use it yet."
    if keys.exist("edm_mean"):
        return "is trained in the EDM way, which the studio cannot sample yet."
    if not keys.start(*_TEXT_ENCODERS):
        return "has no text encoder inside. Get the complete checkpoint."
    return ""

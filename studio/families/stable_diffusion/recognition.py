"""What of Stable Diffusion is in a file or a folder, from names and shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
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

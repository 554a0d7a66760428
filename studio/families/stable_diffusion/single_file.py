"""Checkpoints in one file: the original layout, or diffusers' names behind a part's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion import text_layout, tokenizers
from studio.families.stable_diffusion.prompt_encoder import PromptEncoder
from studio.weights import configs, modules
from studio.weights.layouts import unet
from studio.weights.single_files import (
    Keys,
    below,
    derived,
    original_unet_keys,
    part_of,
    shapes_of,
    vae_keys,
    vae_part,
)
from studio.weights.sources import Origin, PartSource, Source
from studio.weights.tensor_files import TensorFile, open_tensors

_UNET_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.", "")
_TEXT_INNER = ("transformer.text_model.", "transformer.", "model.", "text_model.", "")


def open_single_file(ref: ModelRef) -> Source:
    """All parts that the family has; the VAE may be missing, then one must go with it.

    Raises `CheckpointError`; messages that start with "its" lack the next step.
    """
    file = open_tensors(ref.path)
    _refuse_other_kinds(file)
    encoders = ref.family.prompt_encoders
    parts = {
        encoder.part: _text_part(file, encoder, place) for place, encoder in enumerate(encoders)
    }
    if vae_keys(file):
        parts["vae"] = vae_part(file, ref.family)
    pooled = [encoder.part for encoder in encoders if encoder.pooled]
    width = parts[pooled[0]].config["projection_dim"] if pooled else 0
    parts["unet"] = _unet_part(file, ref.family, width)
    tokenizers = [
        _tokenizer(file, encoder, parts[encoder.part].config["vocab_size"]) for encoder in encoders
    ]
    return Source(parts, tuple(tokenizers))


def _refuse_other_kinds(file: TensorFile) -> None:
    """Say what the file is, if it is no checkpoint."""
    if any("lora_" in name for name in file.shapes):
        raise CheckpointError(
            "this is a LoRA, not a checkpoint. Choose a checkpoint and add the LoRA to it"
        )
    if any(name.startswith(("control_model.", "input_hint_block.")) for name in file.shapes):
        raise CheckpointError("this is a ControlNet, not a checkpoint. Choose a checkpoint")


def _unet_part(file: TensorFile, family: ModelFamily, pooled_width: int) -> PartSource:
    keys = _unet_keys(file)
    shapes = shapes_of(file, keys)
    config = derived("unet", file, lambda: configs.unet_config(shapes, family, pooled_width))
    return part_of("unet", file, config, keys, lambda name: unet.original_name(name, config))


def _unet_keys(file: TensorFile) -> Keys:
    for prefix in _UNET_PREFIXES:
        if f"{prefix}input_blocks.0.0.weight" in file.shapes:
            return below(file, prefix)
        if f"{prefix}down_blocks.0.resnets.0.conv1.weight" in file.shapes:
            return original_unet_keys(below(file, prefix))
    raise CheckpointError("there is no U-Net in it. It is no checkpoint: choose another file")


def _text_part(file: TensorFile, encoder: PromptEncoder, place: int) -> PartSource:
    """The family's text encoder number `place`."""
    outers = [f"conditioner.embedders.{place}.", f"{encoder.part}."]
    if place == 0:
        outers.append("cond_stage_model.")
    for prefix in (outer + inner for outer in outers for inner in _TEXT_INNER):
        keys = below(file, prefix)
        if "embeddings.token_embedding.weight" in keys:
            return _encoder(file, encoder, _clip_origins(file, keys, prefix), whole=False)
        if "token_embedding.weight" in keys:
            whole = any(name in keys for name in _PROJECTIONS)
            return _encoder(file, encoder, _openclip_origins(keys), whole)
    raise CheckpointError(
        f"its {encoder.part} is missing. Such a file holds only a part of a checkpoint: "
        "get the whole one"
    )


_PROJECTIONS = ("text_projection", "text_projection.weight")
"""OpenCLIP's encoders end in one; where it is, the encoder is there to its last layer."""


def _clip_origins(file: TensorFile, keys: Keys, prefix: str) -> dict[str, Origin]:
    """Under the names that transformers uses too; the projection stands one level above."""
    origins = {name: Origin(key) for name, key in keys.items()}
    projection = f"{prefix.removesuffix('text_model.')}text_projection.weight"
    if projection in file.shapes:
        origins["text_projection.weight"] = Origin(projection)
    return origins


def _openclip_origins(keys: Keys) -> dict[str, Origin]:
    """Our name -> place, of all the layers that there are."""
    origins = {}
    for name in text_layout.names_of(configs.depth(keys, "transformer.resblocks.")):
        origin = text_layout.openclip_origin(name)
        if origin.transposed and origin.key not in keys:
            origin = Origin(f"{origin.key}.weight")  # written by programs that use a module for it
        if origin.key in keys:
            origins[name] = replace(origin, key=keys[origin.key])
    return origins


def _encoder(
    file: TensorFile, encoder: PromptEncoder, origins: Mapping[str, Origin], whole: bool
) -> PartSource:
    """A text encoder whose weights lie at `origins`, by our names without "text_model."."""
    shapes = {name: origin.shape(file.shapes[origin.key]) for name, origin in origins.items()}
    config = derived(encoder.part, file, lambda: text_layout.text_config(shapes, encoder, whole))
    needed = modules.shapes(encoder.part, config)
    plain = {name: name.removeprefix("text_model.") for name in needed}
    stored = {name: (file, origins[each]) for name, each in plain.items() if each in origins}
    return PartSource(config, stored)


def _tokenizer(file: TensorFile, encoder: PromptEncoder, vocabulary: int) -> Any:
    own = file.metadata.get(configs.METADATA_TOKENIZER)
    if own:
        return tokenizers.from_text(own, encoder.pad_token)
    if vocabulary < text_layout.CLIP_VOCABULARY:
        raise CheckpointError(
            f"its {encoder.part} knows {vocabulary} tokens, and the file does not say which. Use "
            "the model's folder in diffusers layout, or write the file with the studio's exporter"
        )
    return tokenizers.clip(encoder.pad_token)

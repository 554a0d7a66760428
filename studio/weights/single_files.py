"""Checkpoints in one file: the original layout, or diffusers' names behind a part's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily, PromptEncoder
from studio.domain.refs import ModelRef
from studio.weights import configs, modules, tokenizers
from studio.weights.layouts import text, unet, vae
from studio.weights.sources import Origin, PartSource, Source
from studio.weights.tensor_files import TensorFile, open_tensors

_UNET_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.", "")
_VAE_PREFIXES = ("first_stage_model.", "vae.", "")
_TEXT_INNER = ("transformer.text_model.", "transformer.", "model.", "text_model.", "")

Keys = Mapping[str, str]
"""Name in the original layout, without prefix -> the tensor's name in the file."""


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
    if _vae_keys(file):
        parts["vae"] = vae_part(file, ref.family.latent_scale)
    pooled = [encoder.part for encoder in encoders if encoder.pooled]
    width = parts[pooled[0]].config["projection_dim"] if pooled else 0
    parts["unet"] = _unet_part(file, ref.family, width)
    found = [
        _tokenizer(file, encoder, parts[encoder.part].config["vocab_size"]) for encoder in encoders
    ]
    return Source(parts, tuple(found))


def _refuse_other_kinds(file: TensorFile) -> None:
    """Say what the file is, if it is no checkpoint."""
    if any("lora_" in name for name in file.shapes):
        raise CheckpointError(
            "this is a LoRA, not a checkpoint. Choose a checkpoint and add the LoRA to it"
        )
    if any(name.startswith(("control_model.", "input_hint_block.")) for name in file.shapes):
        raise CheckpointError("this is a ControlNet, not a checkpoint. Choose a checkpoint")


def vae_part(file: TensorFile, latent_scale: float) -> PartSource:
    """The VAE in `file`, which may hold nothing else. Raises `CheckpointError`."""
    keys = _vae_keys(file)
    if not keys:
        raise CheckpointError("there is no VAE in it. Choose another file")
    shapes = shapes_of(file, keys)
    config = derived("vae", file, lambda: configs.vae_config(shapes, latent_scale))
    return part_of("vae", file, config, keys, lambda name: vae.original_name(name, config))


def _vae_keys(file: TensorFile) -> Keys:
    """Empty if there is no VAE in the file."""
    for prefix in _VAE_PREFIXES:
        if f"{prefix}decoder.mid.block_1.conv1.weight" in file.shapes:
            return below(file, prefix)
        if f"{prefix}decoder.mid_block.resnets.0.conv1.weight" in file.shapes:
            ours = {vae.newest_name(name): key for name, key in below(file, prefix).items()}
            blocks = {name.split(".")[2] for name in ours if name.startswith("encoder.down_blocks")}
            named = {"block_out_channels": blocks}
            return {vae.original_name(name, named): key for name, key in ours.items()}
    return {}


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


def original_unet_keys(ours: Keys) -> Keys:
    """`ours`, under our names, under the names of the original layout."""
    layers = {name.split(".")[3] for name in ours if name.startswith("down_blocks.0.resnets.")}
    ups = [name.split(".") for name in ours if name.startswith("up_blocks.")]
    attends = {name[1] for name in ups if name[2] == "attentions"}
    count = len({name[1] for name in ups})
    hint = "controlnet_cond_embedding.blocks."
    hints = len({name.split(".")[2] for name in ours if name.startswith(hint)})
    named = {
        "layers_per_block": len(layers),
        "up_block_types": ["CrossAttn" if str(k) in attends else "" for k in range(count)],
        "conditioning_embedding_out_channels": range(hints // 2 + 1),
    }
    return {unet.original_name(name, named): key for name, key in ours.items()}


def _text_part(file: TensorFile, encoder: PromptEncoder, place: int) -> PartSource:
    """The family's text encoder number `place`."""
    outers = [f"conditioner.embedders.{place}.", f"{encoder.part}."]
    if place == 0:
        outers.append("cond_stage_model.")
    for prefix in (outer + inner for outer in outers for inner in _TEXT_INNER):
        keys = below(file, prefix)
        if "embeddings.token_embedding.weight" in keys:
            return _clip_part(file, encoder, keys, prefix.removesuffix("text_model."))
        if "token_embedding.weight" in keys:
            return _openclip_part(file, encoder, keys)
    raise CheckpointError(
        f"its {encoder.part} is missing. Such a file holds only a part of a checkpoint: "
        "get the whole one"
    )


def _clip_part(file: TensorFile, encoder: PromptEncoder, keys: Keys, outer: str) -> PartSource:
    """Under the names that transformers uses too; `outer` stands before the projection."""
    shapes = shapes_of(file, keys)
    config = derived(encoder.part, file, lambda: configs.clip_config(shapes, encoder))
    projection = f"{outer}text_projection.weight"
    if encoder.pooled and projection in file.shapes:
        config["projection_dim"] = file.shapes[projection][0]
        keys = {**keys, "text_projection.weight": projection}
    return part_of(encoder.part, file, config, keys, lambda name: name.removeprefix("text_model."))


def _openclip_part(file: TensorFile, encoder: PromptEncoder, keys: Keys) -> PartSource:
    shapes = shapes_of(file, keys)
    config = derived(encoder.part, file, lambda: configs.openclip_config(shapes, encoder))
    origins = {}
    for name in modules.shapes(encoder.part, config):
        origin = text.openclip_origin(name)
        if origin.transposed and origin.key not in keys:
            origin = Origin(f"{origin.key}.weight")  # written by programs that use a module for it
        if origin.key in keys:
            key = keys[origin.key]
            origins[name] = (file, Origin(key, origin.rows, origin.transposed))
    return PartSource(config, origins)


def below(file: TensorFile, prefix: str) -> Keys:
    """What stands behind `prefix`, by its name there."""
    cut = len(prefix)
    return {key[cut:]: key for key in file.shapes if key.startswith(prefix)}


def shapes_of(file: TensorFile, keys: Keys) -> configs.Shapes:
    """Of the tensors in `keys`, by their names there."""
    return {name: file.shapes[key] for name, key in keys.items()}


def part_of(
    part: str,
    file: TensorFile,
    config: dict[str, Any],
    keys: Keys,
    stored_name: Callable[[str], str],
) -> PartSource:
    """Every weight that the module needs and the file has."""
    found = {name: keys.get(stored_name(name)) for name in modules.shapes(part, config)}
    return PartSource(config, {name: (file, Origin(key)) for name, key in found.items() if key})


def derived(part: str, file: TensorFile, derive: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The configuration from the shapes, and from what the file's metadata add."""
    try:
        config = derive()
    except (KeyError, IndexError, ValueError, StopIteration) as error:
        raise CheckpointError(f"its {part} is incomplete ({error} is missing)") from None
    return configs.with_metadata(part, config, file.metadata)


def _tokenizer(file: TensorFile, encoder: PromptEncoder, vocabulary: int) -> Any:
    own = file.metadata.get(configs.METADATA_TOKENIZER)
    if own:
        return tokenizers.from_text(own, encoder.pad_token)
    if vocabulary < configs.CLIP_VOCABULARY:
        raise CheckpointError(
            f"its {encoder.part} knows {vocabulary} tokens, and the file does not say which. Use "
            "the model's folder in diffusers layout, or write the file with the studio's exporter"
        )
    return tokenizers.clip(encoder.pad_token)

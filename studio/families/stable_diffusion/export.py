"""Our modules' weights to one file in the original layout, which every other studio reads."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from studio.domain.errors import SaveError
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion import text_layout
from studio.weights import configs, loader
from studio.weights.layouts import unet, vae
from studio.weights.loader import Weights

_MODELSPEC_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v"}


def export_checkpoint(ref: ModelRef, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write the checkpoint `ref` to `path` (.safetensors) with its weights in `dtype`.

    Raises `CheckpointError` if it cannot be read, `SaveError` if `path` cannot be written.
    """
    weights = next(each for *_, each in loader.read(ref, dtype) if each is not None)
    write_single_file(weights, path)


def write_single_file(weights: Weights, path: Path) -> None:
    """Write `weights` to `path` under the names of the original layout.

    What the studio could not read off the shapes goes into the file's metadata. The file appears
    under its name only when it is whole. Raises `SaveError`.
    """
    family = weights.ref.family
    tensors = _unet(weights) | _vae(weights)
    several = bool(family.size_conditioning)
    for place, encoder in enumerate(family.prompt_encoders):
        outer = f"conditioner.embedders.{place}." if several else "cond_stage_model."
        tensors |= _text(weights, encoder.part, outer, encoder.left_out)
    if weights.ref.prediction_type == "v_prediction":
        tensors["v_pred"] = torch.empty(0)
    if weights.ref.zero_snr:
        tensors["ztsnr"] = torch.empty(0)
    _save(tensors, _metadata(weights), path)


def _unet(weights: Weights) -> dict[str, torch.Tensor]:
    config = weights.configs["unet"]
    return {
        f"model.diffusion_model.{unet.original_name(name, config)}": tensor
        for name, tensor in weights.parts["unet"].items()
    }


def _vae(weights: Weights) -> dict[str, torch.Tensor]:
    config = weights.configs["vae"]
    return {
        f"first_stage_model.{vae.original_name(name, config)}": (
            tensor[:, :, None, None] if vae.is_convolution_there(name) else tensor
        )
        for name, tensor in weights.parts["vae"].items()
    }


def _text(weights: Weights, part: str, outer: str, left_out: int) -> dict[str, torch.Tensor]:
    """A text encoder: OpenCLIP's are told by their activation."""
    tensors = weights.parts[part]
    if weights.configs[part]["hidden_act"] == "quick_gelu":
        inner = f"{outer}transformer.text_model."
        return {
            f"{inner}{name.removeprefix('text_model.')}": tensor for name, tensor in tensors.items()
        }
    pieces: dict[str, dict[int, torch.Tensor]] = {}
    for name, tensor in _filled_up(tensors, left_out).items():
        origin = text_layout.openclip_origin(name)
        stored = tensor.t().contiguous() if origin.transposed else tensor
        block = origin.rows[0] if origin.rows else 0
        pieces.setdefault(f"{outer}model.{origin.key}", {})[block] = stored
    return {key: torch.cat([rows[k] for k in sorted(rows)]) for key, rows in pieces.items()}


def _filled_up(tensors: Mapping[str, torch.Tensor], left_out: int) -> dict[str, torch.Tensor]:
    """With as many last layers as other programs expect; nothing uses them, so that copies do."""
    layers = {int(name.split("layers.")[1].split(".")[0]) for name in tensors if "layers." in name}
    last = max(layers)
    filled = dict(tensors)
    for more in range(1, left_out + 1):
        for name, tensor in tensors.items():
            if f"layers.{last}." in name:
                filled[name.replace(f"layers.{last}.", f"layers.{last + more}.")] = tensor
    return filled


def _metadata(weights: Weights) -> dict[str, str]:
    """What shapes do not tell: parts of the configurations, and a vocabulary that is not CLIP's."""
    stored = {}
    for part, config in weights.configs.items():
        kind = "text_encoder" if part.startswith("text_encoder") else part
        stored[part] = {key: config[key] for key in configs.NOT_IN_SHAPES[kind] if key in config}
    predicts = _MODELSPEC_PREDICTIONS[weights.ref.prediction_type or "epsilon"]
    metadata = {
        configs.METADATA_CONFIGS: json.dumps(stored),
        "modelspec.title": weights.ref.facts.title or weights.ref.name,
        "modelspec.prediction_type": predicts,
    }
    if len(weights.tokenizers[0]) < text_layout.CLIP_VOCABULARY:
        metadata[configs.METADATA_TOKENIZER] = weights.tokenizers[0].backend_tokenizer.to_str()
    return metadata


def _save(tensors: dict[str, torch.Tensor], metadata: dict[str, str], path: Path) -> None:
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".export-")
        os.close(handle)
        save_file(_apart(whole), temporary, metadata)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except Exception as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        cause = str(error).splitlines()[0][:200]
        raise SaveError(f"{path} cannot be written: {cause}. Choose another folder.") from None


def _apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """safetensors refuses two names for one storage, though views of it may hold different
    things, so that everything that shares one is copied."""
    places: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place and place in places else tensor
        places.add(place)
    return apart

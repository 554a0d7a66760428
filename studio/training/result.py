"""The file that comes of it, with what other programs look for in its header."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save as as_bytes
from safetensors.torch import save_file

from studio.domain.errors import InvalidRequest
from studio.domain.refs import ModelRef
from studio.domain.training import AnyTraining, EmbeddingTraining, LoraTraining
from studio.training.dataset import Dataset
from studio.training.keeping import write
from studio.version import __version__

_BASES = {"SD 1.x": "sd_v1", "SD 2.x": "sd_v2", "SDXL": "sdxl_base_v1-0"}
_ARCHITECTURES = {
    "SD 1.x": "stable-diffusion-v1",
    "SD 2.x": "stable-diffusion-v2-768-v",
    "SDXL": "stable-diffusion-xl-v1-base",
}
_MODULES = {"lora": "networks.lora", "dora": "networks.lora"}
"""What kohya's trainer calls what it trains with; the rest is LyCORIS'."""
_OPTIMIZERS = {
    "adamw": "torch.optim.AdamW",
    "adamw8bit": "bitsandbytes.optim.AdamW8bit",
    "prodigy": "Prodigy",
}
_LEGACY_FROM, _LEGACY_BYTES = 0x100000, 0x10000
_TAGS = 20
_THUMBNAIL = 256


def save(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write it, whole or not at all, with hashes of its tensors. Raises `SaveError`."""
    metadata = metadata | _hashes(tensors)
    write(path, lambda partial: save_file(tensors, partial, {"format": "pt", **metadata}))


def metadata(
    training: AnyTraining, ref: ModelRef, sha256: str | None, dataset: Dataset, learnt: dict
) -> dict[str, str]:
    """What kohya's trainer (`ss_*`) and ModelSpec 1.0.1 say of what was trained for `ref`; `learnt`
    are "steps", "epochs", "loss" and "resolution"."""
    family, width = ref.family.name, learnt["resolution"]
    if isinstance(training, EmbeddingTraining):
        own = _of_embedding(training, ref, sha256, learnt)
    else:
        own = _of_lora(training, dataset)
    told = {
        "ss_output_name": training.name,
        "ss_base_model_version": _BASES.get(family, family),
        "ss_sd_model_name": ref.path.name,
        "ss_sd_model_hash": _shortened(ref.path),
        "ss_new_sd_model_hash": sha256,
        "ss_v2": family == "SD 2.x",
        "ss_resolution": f"({width}, {width})",
        "ss_enable_bucket": True,
        "ss_dataset_dirs": json.dumps(_folders(dataset)),
        "ss_tag_frequency": json.dumps(dataset.tag_frequency(), ensure_ascii=False),
        "ss_num_train_images": sum(picture.repeats for picture in dataset.pictures),
        "ss_num_validation_images": len(dataset.validation),
        "ss_learning_rate": training.learning_rate,
        "ss_optimizer": f"{_OPTIMIZERS[training.optimizer]}(weight_decay={training.weight_decay})",
        "ss_masked_loss": training.masked_loss or None,
        "ss_lr_scheduler": training.lr_scheduler,
        "ss_lr_warmup_steps": training.lr_warmup_steps,
        "ss_max_train_steps": training.steps,
        "ss_steps": learnt["steps"],
        "ss_epoch": learnt["epochs"],
        "ss_loss": learnt["loss"],
        "ss_total_batch_size": training.batch_size,
        "ss_gradient_accumulation_steps": training.gradient_accumulation_steps,
        "ss_gradient_checkpointing": training.gradient_checkpointing,
        "ss_mixed_precision": learnt["precision"],
        "ss_seed": training.seed,
        "ss_min_snr_gamma": training.min_snr_gamma or None,
        "ss_noise_offset": training.noise_offset or None,
        "ss_max_grad_norm": training.max_grad_norm,
        "ss_training_comment": f"Latent Studio {__version__}",
        **own,
        **_modelspec(training, ref, width),
        **_presented(training, dataset),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def _of_lora(training: LoraTraining, dataset: Dataset) -> dict[str, Any]:
    return {
        "ss_network_module": _MODULES.get(training.network, "lycoris.kohya"),
        "ss_network_dim": training.rank,
        "ss_network_alpha": training.effective_alpha,
        "ss_network_args": _network_args(training),
        "ss_num_reg_images": max(len(dataset.prior), training.prior_pictures),
        "ss_prior_loss_weight": training.prior_loss_weight,
        "ss_unet_lr": training.learning_rate,
        "ss_text_encoder_lr": training.text_encoder_lr or None,
        "ss_caption_dropout_rate": training.caption_dropout,
    }


def _of_embedding(
    training: EmbeddingTraining, ref: ModelRef, sha256: str | None, learnt: dict
) -> dict[str, Any]:
    """As AUTOMATIC1111 calls it in embeddings of its own, the hash in ten digits as it shows it."""
    return {
        "name": training.name,
        "step": learnt["steps"],
        "sd_checkpoint": sha256 and sha256[:10],
        "sd_checkpoint_name": ref.path.stem,
    }


def _network_args(training: LoraTraining) -> str | None:
    """What LyCORIS and kohya's trainer call it: the kind, and the convolutions' rank and alpha."""
    told: dict[str, str | int | float] = {}
    if training.network not in _MODULES:
        told["algo"] = training.network
    if rank := training.conv_rank:
        told |= {"conv_dim": rank, "conv_alpha": training.scale * rank}
    return json.dumps(told) if told else None


def _modelspec(training: AnyTraining, ref: ModelRef, width: int) -> dict[str, str | None]:
    base = _ARCHITECTURES.get(ref.family.name, ref.family.name)
    if isinstance(training, EmbeddingTraining):
        kind = "textual-inversion"
    else:
        kind = "lora" if training.network == "dora" else training.network
    v = ref.prediction_type == "v_prediction"
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{base}/{kind}",
        "modelspec.implementation": "diffusers",
        "modelspec.title": training.name,
        "modelspec.trigger_phrase": training.trigger or None,
        "modelspec.resolution": f"{width}x{width}",
        "modelspec.prediction_type": "v" if v else "epsilon",
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _presented(training: AnyTraining, dataset: Dataset) -> dict[str, str | None]:
    """How other programs show it. A picture that is gone meanwhile ends no training."""
    counts: Counter[str] = Counter()
    for tags in dataset.tag_frequency().values():
        counts.update(tags)
    thumbnail = None
    if training.thumbnail:
        with suppress(InvalidRequest):
            thumbnail = _small(dataset.pictures[0].image())
    return {
        "modelspec.author": training.author or None,
        "modelspec.license": training.license or None,
        "modelspec.tags": ", ".join(tag for tag, _ in counts.most_common(_TAGS)) or None,
        "modelspec.thumbnail": thumbnail,
    }


def _small(image: Image.Image) -> str:
    """As a data URL, its longer side of `_THUMBNAIL` pixels at most."""
    file = io.BytesIO()
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    image.save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _folders(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Folder -> how many pictures it has, and how often they count in an epoch."""
    found: dict[str, dict[str, int]] = {}
    for picture in dataset.pictures:
        entry = found.setdefault(
            picture.path.parent.name, {"n_repeats": picture.repeats, "img_count": 0}
        )
        entry["img_count"] += 1
    return found


def _shortened(path: Path) -> str | None:
    """The hash of a checkpoint's file as AUTOMATIC1111 first had it; None: of a folder."""
    try:
        with open(path, "rb") as file:
            file.seek(_LEGACY_FROM)
            return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:8]
    except OSError:
        return None


def _hashes(tensors: dict[str, torch.Tensor]) -> dict[str, str]:
    """Of the part of the file that is no header: whole, and as AUTOMATIC1111's first extension for
    LoRAs shortened it."""
    data = as_bytes(tensors)
    body = data[8 + int.from_bytes(data[:8], "little") :]
    whole = hashlib.sha256(body).hexdigest()
    legacy = hashlib.sha256(data[_LEGACY_FROM : _LEGACY_FROM + _LEGACY_BYTES]).hexdigest()
    return {
        "sshs_model_hash": whole,
        "sshs_legacy_hash": legacy[:8],
        "modelspec.hash_sha256": f"0x{whole}",
    }

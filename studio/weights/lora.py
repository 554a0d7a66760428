"""A LoRA file -> what it adds to each weight of a checkpoint.

Reading is kept apart from adding: a file is read and checked once, and changing its weight later
costs the sums alone (`adapters.py`). What fits the checkpoint is used, and what does not is counted
and named; a file of which next to nothing fits, or that is damaged, is refused here, in words,
before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.family import ModelFamily
from studio.domain.files import read_text
from studio.domain.refs import ModelRef
from studio.weights.adapters import Delta, FirstChannels, Scaled, fits
from studio.weights.lora_keys import Key, LayerNames, split
from studio.weights.lora_layers import Alphas, build
from studio.weights.tensor_files import TensorFile, open_tensors

Parts = Mapping[str, Mapping[str, Tensor]]
"""A checkpoint's weights: part ("unet", …) -> key in its module -> tensor; only shapes matter."""

_METADATA = "lora_adapter_metadata"
"""Where diffusers keeps the settings of peft."""
_SETTINGS_FILE = "adapter_config.json"
"""Where peft itself keeps them, beside the weights."""
_MAX_SETTINGS_BYTES = 2**20

_HARMLESS = ("bundle_emb.", "text_model.embeddings.position_ids", "embeddings.position_ids")
"""Begins of keys that change nothing in the modules: embeddings carried along, constants."""

_NAMED, _NAME = 3, 80
"""So many of the keys that do not fit are named in a message, up to so many characters of each."""
_LEAST = 0.1
"""Where less than this part of the keys fits, the file is for something else."""


@dataclass(frozen=True)
class Lora:
    """deltas      (part, key of the weight in its module) -> what is added to it
    ignored     keys of the file that are known to change nothing
    size_bytes  what it takes in memory
    warning     how many keys do not fit, and which; "" if all do
    """

    ref: ModelRef
    deltas: Mapping[tuple[str, str], Delta]
    ignored: tuple[str, ...] = ()
    size_bytes: int = 0
    warning: str = ""


def read(ref: ModelRef, family: ModelFamily, parts: Parts) -> Lora:
    """Read the file of `ref` for a checkpoint of `family` that consists of `parts`.

    Raises `CheckpointError` for a file that is missing, broken or no LoRA we know, and
    `InvalidRequest` for one that was made for another kind of checkpoint.
    """
    file = _open(ref)
    _check_family(ref, family, file, parts)
    names = LayerNames(parts)
    layers: dict[tuple[str, str], dict[str, str]] = {}
    ignored, unknown = [], []
    for name in file.shapes:
        key = split(name)
        module = names.find(key) if key else None
        if module is not None:
            _enlist(ref, layers.setdefault(module, {}), key, name)
        elif name.startswith(_HARMLESS) or (key and key.role == "alpha"):
            ignored.append(name)
        else:
            unknown.append(name)
    tensors = _tensors(ref, file, [name for roles in layers.values() for name in roles.values()])
    alphas = _alphas(ref, file)
    deltas: dict[tuple[str, str], Delta] = {}
    used, misfit = 0, None
    for (part, module), roles in layers.items():
        layer = {role: tensors[name] for role, name in roles.items()}
        try:
            deltas.update(_layer(ref, (part, module), layer, alphas, parts))
            used += len(roles)
        except InvalidRequest as error:
            misfit = misfit or error
            unknown += roles.values()
    if used <= _LEAST * len(unknown):
        raise misfit or _unfit(ref, family, unknown, len(file.shapes))
    size_bytes = sum(tensor.nbytes for tensor in tensors.values())
    return Lora(ref, deltas, tuple(ignored), size_bytes, _warning(ref, unknown, len(file.shapes)))


def _open(ref: ModelRef) -> TensorFile:
    if not ref.path.exists():
        raise CheckpointError(
            f"LoRA {ref.name}: the file {ref.path.name} is gone. Put it back or choose another."
        )
    return open_tensors(ref.path)


def _enlist(ref: ModelRef, roles: dict[str, str], key: Key, name: str) -> None:
    if key.role in roles:
        raise CheckpointError(
            f"LoRA {ref.name} has the same layer under two names: {roles[key.role]} and {name}. "
            "Two files were mixed up in it; get the file again."
        )
    roles[key.role] = name


def _check_family(ref: ModelRef, family: ModelFamily, file: TensorFile, parts: Parts) -> None:
    """Cross attention takes in the text encoders' width, which tells the families apart."""
    ours = [t.shape[1] for k, t in parts.get("unet", {}).items() if k.endswith("attn2.to_k.weight")]
    widths = {
        shape[1]
        for name, shape in file.shapes.items()
        if (key := split(name))
        and key.role in ("down", "g_b2")
        and key.module.endswith("attn2_to_k")
        if len(shape) > 1
    }
    named = ref.family.name if ref.family is not None else family.name
    if ours and widths:
        right = ours[0] in widths
    else:
        right = named == family.name
    if not right:
        made_for = named if named != family.name else f"text of width {min(widths)}"
        width = "" if named != family.name else f", whose text has width {ours[0]}"
        raise InvalidRequest(
            f"LoRA {ref.name} is for {made_for}, the checkpoint is {family.name}{width}. "
            "Choose a LoRA and a checkpoint that match."
        )


def _warning(ref: ModelRef, unfit: list[str], total: int) -> str:
    if not unfit:
        return ""
    return (
        f"LoRA {ref.name} was added in part: {len(unfit)} of its {total} keys fit nothing in the "
        f"checkpoint and were passed over: {_named(unfit)}."
    )


def _named(keys: list[str]) -> str:
    first = (" ".join(key.split())[:_NAME] for key in keys[:_NAMED])
    return ", ".join(first) + (", …" if len(keys) > _NAMED else "")


def _unfit(ref: ModelRef, family: ModelFamily, unfit: list[str], total: int) -> InvalidRequest:
    if not total:
        return InvalidRequest(f"LoRA {ref.name} is empty. Get the file again.")
    return InvalidRequest(
        f"LoRA {ref.name} does not fit the checkpoint ({family.name}): {len(unfit)} of its "
        f"{total} keys belong to no layer there: {_named(unfit)}. It is for another kind "
        "of model, or of a kind that is not known here; choose another LoRA."
    )


def _tensors(ref: ModelRef, file: TensorFile, names: list[str]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _, group in file.read(names, None):
        tensors.update(group)
    for name, tensor in tensors.items():
        if not tensor.numel():
            raise CheckpointError(
                f"LoRA {ref.name}: {name} is empty (rank 0). Its training or conversion went "
                "wrong; get the file again."
            )
        # The smallest formats know no isfinite of their own.
        exact = tensor if tensor.dtype.itemsize > 1 else tensor.float()
        if exact.is_floating_point() and not torch.isfinite(exact).all():
            raise CheckpointError(
                f"LoRA {ref.name} is damaged: {name} is not finite. Get the file again."
            )
        if name.endswith((".alpha", ".on_input")) and tensor.numel() != 1:
            raise CheckpointError(f"LoRA {ref.name} is damaged: {name} is not one number.")
    return tensors


def _alphas(ref: ModelRef, file: TensorFile) -> Alphas:
    text = file.metadata.get(_METADATA)
    beside = ref.path.parent / _SETTINGS_FILE
    if text is None and ref.path.name.startswith("adapter_model.") and beside.exists():
        text = _read_settings(ref, beside)
    if text is None:
        return Alphas({})
    try:
        return Alphas.from_json(text)
    except (ValueError, RecursionError):
        raise CheckpointError(
            f"LoRA {ref.name}: its settings are no JSON object, so its strength is not known. "
            "Get the file again."
        ) from None


def _read_settings(ref: ModelRef, path: Path) -> str:
    try:
        return read_text(path, _MAX_SETTINGS_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"LoRA {ref.name}: {path.name} beside it cannot be read ({error})."
        ) from None


_FIRST, _LATENT_CHANNELS = "conv_in", 4
"""A U-Net's first layer; those that inpaint take more channels there, after the latents'."""


def _layer(
    ref: ModelRef, where: tuple[str, str], tensors: dict[str, Tensor], alphas: Alphas, parts: Parts
) -> dict[tuple[str, str], Delta]:
    """The deltas of one layer's weight and bias, checked against the shapes they are added to."""
    part, module = where
    alpha = tensors.pop("alpha", None)
    if not tensors:
        return {}
    if alpha is not None and "rotations" in tensors:
        tensors["constraint"] = alpha
    try:
        built = build(tensors, alphas.factor_of(part, module, alpha))
    except ValueError as error:
        raise CheckpointError(
            f"LoRA {ref.name}: its layer {module} {error}. It is damaged or of a kind that is not "
            "known here; get the file again or choose another."
        ) from None
    deltas = {}
    for kind, delta in built.items():
        key = f"{module}.{kind}"
        target = parts[part].get(key)
        if target is None and isinstance(delta, Scaled):
            continue  # gains of what comes out of a layer without a bias
        fitting = _fitting(delta, module, target)
        if fitting is None:
            theirs = _size(delta.shape) if delta.shape else "others"
            ours = _size(target.shape) if target is not None else "missing"
            raise InvalidRequest(
                f"LoRA {ref.name} does not fit the checkpoint: {module} is {theirs} in the LoRA, "
                f"{ours} in the checkpoint. Choose a LoRA that was made for this checkpoint's kind."
            )
        deltas[part, key] = fitting
    return deltas


def _fitting(delta: Delta, module: str, target: Tensor | None) -> Delta | None:
    """`delta` as it can be added to the weight `target` of `module`; None if it cannot."""
    if target is None:
        return None
    of_latents = FirstChannels(delta, _LATENT_CHANNELS)
    choices = (delta, of_latents) if module == _FIRST else (delta,)
    return next((each for each in choices if fits(each, tuple(target.shape))), None)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"

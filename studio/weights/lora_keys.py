"""Whose names are these? From a key in a LoRA file to the weight it belongs to.

Trainers name one and the same layer in many ways: with dots or with underscores, by diffusers'
names of the blocks or by those of the original code, with a prefix for the part or without one.
Here all of a model's layers are listed under every name in use, flattened to underscores, and
what is left of a key without prefix and suffix is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from studio.weights.layouts.unet import original_name

PARTS = ("unet", "text_encoder", "text_encoder_2")

_PREFIXES = {
    "lora_unet_": "unet",
    "lycoris_": "unet",
    "oft_unet_": "unet",
    "unet.": "unet",
    "model.diffusion_model.": "unet",
    "diffusion_model.": "unet",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder",
    "text_encoder_2.": "text_encoder_2",
    "text_encoder.": "text_encoder",
    "text_encoders.clip_l.transformer.": "text_encoder",
    "text_encoders.clip_h.transformer.": "text_encoder",
    "text_encoders.clip_g.transformer.": "text_encoder_2",
}
_PEFT = "base_model.model."

_ROLES = {
    "lora_down": "down",
    "lora_A": "down",
    "down": "down",
    "lora_up": "up",
    "lora_B": "up",
    "up": "up",
    "lora_mid": "mid",
    "alpha": "alpha",
    "dora_scale": "dora_scale",
    "lora_magnitude_vector": "magnitude",
    "diff": "difference",
    "w_norm": "difference",
    "diff_b": "bias_difference",
    "b_norm": "bias_difference",
    "on_input": "on_input",
    "ia3_l": "peft_gains",
    **{name: f"g_{name}" for name in ("a1", "a2", "b1", "b2")},
    "oft_blocks": "rotations",
    "rescale": "lengths",
    **{f"hada_{name}": name for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{name}": f"k_{name}" for name in ("w1", "w1_a", "w1_b")},
    **{f"lokr_{name}": f"k_{name}" for name in ("w2", "w2_a", "w2_b", "t2")},
}
"""The last word of a key -> what the tensor is; a Kronecker product's begin with k, GLoRA's with
g."""


class Key(NamedTuple):
    """A key taken apart. `part` None: the key does not say; `module` is flattened."""

    part: str | None
    module: str
    role: str


def split(key: str) -> Key | None:
    """Take a key of a LoRA file apart; None if it is none that a LoRA has."""
    pieces = key.split(".")
    if pieces[-1] == "weight" and len(pieces) > 1 and pieces[-2] not in _ROLES | {"default": None}:
        role, pieces = "gains", pieces[:-1]
    else:
        while pieces and pieces[-1] in ("weight", "default"):
            pieces.pop()
        role = _ROLES.get(pieces.pop()) if pieces else None
    if role is None or not pieces:
        return None
    module = ".".join(pieces).removesuffix(".down.weight")
    for ending in (".lora_linear_layer", ".lora", "_lora"):
        module = module.removesuffix(ending)
    part, module = _part_of(module)
    return Key(part, _flat(module.replace(".processor.", ".")), role)


def _part_of(module: str) -> tuple[str | None, str]:
    part = None
    while True:
        if module.startswith(_PEFT):
            module = module.removeprefix(_PEFT)
            continue
        prefix = next((p for p in _PREFIXES if module.startswith(p)), None)
        if prefix is None or part is not None:
            return part, module
        part, module = _PREFIXES[prefix], module.removeprefix(prefix)


class LayerNames:
    """Every name in use for the layers of a model.

    `keys_of` gives for each part the keys of its weights, as its module has them.
    """

    def __init__(self, keys_of: Mapping[str, Iterable[str]]) -> None:
        self._tables = {part: dict(_aliases(list(keys))) for part, keys in keys_of.items()}

    def find(self, key: Key) -> tuple[str, str] | None:
        """(part, key of the weight without its last word), or None if the model has no such."""
        for part in (key.part,) if key.part else PARTS:
            weight = self._tables.get(part, {}).get(key.module)
            if weight is not None:
                return part, weight
        return None


def _aliases(keys: list[str]) -> Iterator[tuple[str, str]]:
    """(flattened name, module) for every module among `keys` that has a weight."""
    config = _blocks(keys)
    for key in keys:
        module, _, leaf = key.rpartition(".")
        if leaf != "weight":
            continue
        # transformers 5 has two spellings itself: CLIPTextModel is flat, its sibling is not.
        name = module.removeprefix("text_model.")
        yield _flat(name), module
        yield _flat(f"text_model.{name}"), module
        if name.endswith(".to_out.0"):
            yield _flat(name.removesuffix(".0")), module
        if ".self_attn." in name:
            short = name.replace("_proj", "").replace("self_attn.", "self_attn.to_")
            yield _flat(short), module
        if config:
            yield _flat(original_name(key, config).removesuffix(".weight")), module


def _blocks(keys: list[str]) -> dict[str, Any]:
    """What `original_name` must know of a U-Net's configuration; {} for what is not a U-Net."""
    layers = [
        key for key in keys if re.fullmatch(r"down_blocks\.0\.resnets\.\d+\.conv1\.weight", key)
    ]
    if not layers:
        return {}
    attends = {key.split(".")[1] for key in keys if re.match(r"up_blocks\.\d+\.attentions\.", key)}
    blocks = len({key.split(".")[1] for key in keys if key.startswith("up_blocks.")})
    kinds = ["CrossAttnUpBlock2D" if str(n) in attends else "UpBlock2D" for n in range(blocks)]
    return {"layers_per_block": len(layers), "up_block_types": kinds}


def _flat(name: str) -> str:
    return name.replace(".", "_")

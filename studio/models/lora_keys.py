"""Whose names are these? From a key in a LoRA file to the weight it belongs to.

Trainers name one and the same layer in many ways: with dots or with underscores, by diffusers'
names of the blocks or by those of the original code, with a prefix for the part or without one.
Here all of a model's layers are listed under every name in use, flattened to underscores, and
what is left of a key without prefix and suffix is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

PARTS = ("unet", "text_encoder", "text_encoder_2")

_PREFIXES = {
    "lora_unet_": "unet",
    "lycoris_": "unet",
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
    **{f"hada_{name}": name for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{name}": f"k_{name}" for name in ("w1", "w1_a", "w1_b")},
    **{f"lokr_{name}": f"k_{name}" for name in ("w2", "w2_a", "w2_b", "t2")},
}
"""The last word of a key -> what the tensor is; a Kronecker product's begin with k."""

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_BLOCK = re.compile(
    r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")


class Key(NamedTuple):
    """A key taken apart. `part` None: the key does not say; `module` is flattened."""

    part: str | None
    module: str
    role: str


def split(key: str) -> Key | None:
    """Take a key of a LoRA file apart; None if it is none that a LoRA has."""
    words = key.split(".")
    if words[-1] == "weight" and len(words) > 2 and words[-2] not in _ROLES | {"default": None}:
        role, words = "gains", words[:-1]
    else:
        while words and words[-1] in ("weight", "default"):
            words.pop()
        role = _ROLES.get(words.pop()) if words else None
    if role is None or not words:
        return None
    module = ".".join(words).removesuffix(".down.weight")
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


class Names:
    """Every name in use for the layers of a model.

    `keys_of` gives for each part the keys of its weights, as its module has them.
    """

    def __init__(self, keys_of: Mapping[str, Iterable[str]]) -> None:
        self._tables = {part: dict(_aliases(list(keys))) for part, keys in keys_of.items()}

    def find(self, key: Key) -> tuple[str, str] | None:
        """(part, key of the weight without its last word), or None if the model has no such."""
        for part in (key.part,) if key.part else PARTS:
            found = self._tables.get(part, {}).get(key.module)
            if found is not None:
                return part, found
        return None


def _aliases(keys: list[str]) -> Iterator[tuple[str, str]]:
    """(flattened name, module) for every module among `keys` that has a weight."""
    modules = [key.removesuffix(".weight") for key in keys if key.endswith(".weight")]
    levels = _layers_per_block(modules)
    for module in modules:
        # transformers 5 has two spellings itself: CLIPTextModel is flat, its sibling is not.
        name = module.removeprefix("text_model.")
        yield _flat(name), module
        yield _flat(f"text_model.{name}"), module
        if name.endswith(".to_out.0"):
            yield _flat(name.removesuffix(".0")), module
        if ".self_attn." in name:
            short = name.replace("_proj", "").replace("self_attn.", "self_attn.to_")
            yield _flat(short), module
        for original in original_names(name, levels) if levels else ():
            yield _flat(original), module


def _layers_per_block(modules: list[str]) -> int | None:
    """How many resnets a down block has; None for what is not a U-Net."""
    first = [m for m in modules if re.fullmatch(r"down_blocks\.0\.resnets\.\d+\.conv1", m)]
    return len(first) or None


def original_names(module: str, layers: int) -> tuple[str, ...]:
    """What the original code may call a U-Net's `module` of diffusers; () if it has no such.

    `layers` is the number of resnets in a down block; an up block has one more. An upsampler
    stands behind the attention where the block has one, so there are two names for it, only one
    of which the model has.
    """
    if module in _OUTER:
        return (_OUTER[module],)
    if found := _MIDDLE.fullmatch(module):
        kind, place, rest = found.groups()
        index = 1 if kind == "attentions" else 2 * int(place)
        return (f"middle_block.{index}.{_inner(kind, rest)}",)
    if not (found := _BLOCK.fullmatch(module)):
        return ()
    side, block, kind, place, rest = found.groups()
    first = int(block) * (layers + 1)
    if kind == "downsamplers":
        return (f"input_blocks.{first + layers + 1}.0.op",)
    if kind == "upsamplers":
        return tuple(f"output_blocks.{first + layers}.{behind}.{rest}" for behind in (1, 2))
    index = first + int(place)
    at = f"input_blocks.{index + 1}" if side == "down" else f"output_blocks.{index}"
    return (f"{at}.{1 if kind == 'attentions' else 0}.{_inner(kind, rest)}",)


def _inner(kind: str, rest: str) -> str:
    return _RESNET.get(rest, rest) if kind == "resnets" else rest


def _flat(name: str) -> str:
    return name.replace(".", "_")

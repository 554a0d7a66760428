"""Configurations of modules, read off the shapes of their weights.

A file in the original layout brings no configuration. Nearly all of it shows in the shapes; the
rest is the same in every model of a family, or was left in the file's metadata by our exporter.
Names are those of the original layout, without prefix.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily

Shapes = Mapping[str, tuple[int, ...]]

METADATA_CONFIGS = "latent_studio.configs"
METADATA_TOKENIZER = "latent_studio.tokenizer"
"""Where our exporter leaves what shapes do not tell: JSON, part -> entries; a tokenizer.json."""

NOT_IN_SHAPES = {
    "unet": ("attention_head_dim", "num_attention_heads", "norm_num_groups"),
    "controlnet": ("attention_head_dim", "num_attention_heads", "norm_num_groups"),
    "controlnet_union": ("attention_head_dim", "num_attention_heads", "norm_num_groups"),
    "t2i_adapter": (),
    "ip_adapter": (),
    "image_encoder": (),
    "vae": ("norm_num_groups", "scaling_factor", "shift_factor"),
    "text_encoder": (
        "num_hidden_layers",
        "num_attention_heads",
        "hidden_act",
        "bos_token_id",
        "eos_token_id",
    ),
}
"""Part -> entries of its configuration that no shape shows. Of a text encoder's layers, some are in
the file for other programs alone."""

SIZE_WIDTH = 256
_MATRIX_HEAD_WIDTH = 64
_NORM_GROUPS = 32
_CONVOLUTION_HEADS = 8
_SIZE_NUMBERS = {"original_size": 2, "crop_top_left": 2, "target_size": 2, "aesthetic_score": 1}


def unet_config(
    shapes: Shapes, family: ModelFamily | None, pooled_width: int | None = None
) -> dict[str, Any]:
    """Of the U-Net, or of the encoder half that a ControlNet is. `family` None: it is not known
    whose, and what is usual is taken. `pooled_width` is that of the text embedding that goes in
    beside the prompt; None where no text encoder is at hand to tell. Raises `KeyError` for a
    missing weight."""
    head_width, norm_groups, sizes_told = None, _NORM_GROUPS, ()
    if family is not None:
        head_width, norm_groups = family.head_width, family.unet_norm_groups
        sizes_told = family.size_conditioning
    shapes["input_blocks.0.0.weight"]  # or there is nothing to count
    last = 1 + max(numbers_behind("input_blocks.", shapes))
    downs = [k for k in range(last) if f"input_blocks.{k}.0.op.weight" in shapes]
    layers = (downs[0] if downs else last) - 1
    firsts = range(1, last, layers + 1)
    widths = [shapes[f"input_blocks.{k}.0.in_layers.2.weight"][0] for k in firsts]
    depths = [_depth(shapes, f"input_blocks.{k}.1") for k in firsts]
    middle = _depth(shapes, "middle_block.1")
    transformer = _first_transformer(shapes)
    linear = len(shapes[f"{transformer}.proj_in.weight"]) == 2
    # Without attention a block has no depth; the last one's entry also serves the middle.
    block_depths = [depth or middle or 1 for depth in depths]
    if middle and depths[-1] and depths[-1] != middle:
        raise CheckpointError("its U-Net has a shape that is not known here")
    config = {
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "block_out_channels": widths,
        "down_block_types": [_block("Down", depth) for depth in depths],
        "layers_per_block": layers,
        "cross_attention_dim": shapes[f"{transformer}.transformer_blocks.0.attn2.to_k.weight"][1],
        "transformer_layers_per_block": block_depths,
        "use_linear_projection": linear,
        "attention_head_dim": _heads(widths, linear, head_width),
        "norm_num_groups": norm_groups,
    }
    if not middle:  # as in some ControlNets
        config["mid_block_type"] = "UNetMidBlock2D"
    if "out.2.weight" in shapes:
        config["out_channels"] = shapes["out.2.weight"][0]
        config["up_block_types"] = [_block("Up", depth) for depth in reversed(depths)]
    if "label_emb.0.0.weight" in shapes:
        numbers = sum(_SIZE_NUMBERS[name] for name in sizes_told)
        width = shapes["label_emb.0.0.weight"][1]
        if not numbers:
            raise CheckpointError("its U-Net wants numbers that its family does not give")
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": (
                SIZE_WIDTH if pooled_width is None else (width - pooled_width) // numbers
            ),
            "projection_class_embeddings_input_dim": width,
        }
    return config


def _heads(widths: list[int], linear: bool, head_width: int | None) -> list[int] | int:
    """What diffusers calls the dimension of a head: how many there are, at each level or at all."""
    if head_width is None and not linear:
        return _CONVOLUTION_HEADS
    return [max(width // (head_width or _MATRIX_HEAD_WIDTH), 1) for width in widths]


def _block(side: str, depth: int) -> str:
    return f"CrossAttn{side}Block2D" if depth else f"{side}Block2D"


def _depth(shapes: Shapes, block: str) -> int:
    """How many transformer blocks lie on each other in `block`; 0: it has no attention."""
    counts = itertools.count()
    return next(k for k in counts if f"{block}.transformer_blocks.{k}.norm1.weight" not in shapes)


def _first_transformer(shapes: Shapes) -> str:
    """The name of a block that reads the prompt. Raises `StopIteration` if none does."""
    inner = ".transformer_blocks.0.attn2.to_k.weight"
    return next(name for name in shapes if name.endswith(inner)).removesuffix(inner)


def controlnet_config(shapes: Shapes, family: ModelFamily | None) -> dict[str, Any]:
    """Of a ControlNet: its half U-Net, and the convolutions that bring the hint to latent size."""
    weights = [name for name in shapes if name.endswith(".weight")]
    numbers = sorted(numbers_behind("input_hint_block.", weights))
    widths = [shapes[f"input_hint_block.{k}.weight"][0] for k in (0, *numbers[2:-1:2])]
    return unet_config(shapes, family) | {
        "conditioning_channels": shapes["input_hint_block.0.weight"][1],
        "conditioning_embedding_out_channels": widths,
    }


def union_config(shapes: Shapes, family: ModelFamily | None) -> dict[str, Any]:
    """Of a ControlNet-Union: what it has beside those of `controlnet_config`. How many heads its
    little transformer has does not show; there is but one such model, and it has eight."""
    types, width = shapes["task_embedding"]
    numbers = shapes["control_add_embedding.linear_1.weight"][1]
    return controlnet_config(shapes, family) | {
        "addition_time_embed_dim": numbers // types,
        "num_control_type": types,
        "num_trans_channel": width,
        "num_trans_layer": count(shapes, "transformer_layes.{}.ln_1.weight"),
        "num_proj_channel": shapes["spatial_ch_projs.weight"][0],
    }


def vae_config(shapes: Shapes, family: ModelFamily | type[ModelFamily]) -> dict[str, Any]:
    """Of the VAE; what `ModelFamily` says of itself is usual. Raises `KeyError` for a missing
    weight."""
    levels = count(shapes, "encoder.down.{}.block.0.conv1.weight")
    widths = [shapes[f"encoder.down.{k}.block.0.conv1.weight"][0] for k in range(levels)]
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": count(shapes, "encoder.down.0.block.{}.conv1.weight"),
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "norm_num_groups": family.vae_norm_groups,
        "mid_block_add_attention": "decoder.mid.attn_1.q.weight" in shapes,
        "use_quant_conv": "quant_conv.weight" in shapes,
        "use_post_quant_conv": "post_quant_conv.weight" in shapes,
        "scaling_factor": family.latent_scale,
        **({"shift_factor": family.latent_shift} if family.latent_shift else {}),
    }


def numbers_behind(prefix: str, names: Iterable[str]) -> set[int]:
    """The numbers that stand first behind `prefix` in `names`; what is no number there is some
    program's own."""
    heads = {name[len(prefix) :].split(".")[0] for name in names if name.startswith(prefix)}
    return {int(head) for head in heads if head.isdecimal() and len(head) < 5}


def count(names: Container[str], pattern: str) -> int:
    """How many names there are with 0, 1, … in place of the braces."""
    return next(k for k in itertools.count() if pattern.format(k) not in names)


def depth(names: Iterable[str], prefix: str) -> int:
    """How many layers there are, named `prefix` and a number from 0. One of which less than half
    is there is none, but one that lacks a weight is one, so that this will be told."""
    numbers = (
        name.removeprefix(prefix).split(".", 1)[0] for name in names if name.startswith(prefix)
    )
    weights = Counter(int(number) for number in numbers if number.isdecimal())
    most = max(weights.values(), default=0)
    return 1 + max((k for k, held in weights.items() if 2 * held >= most), default=-1)


def with_metadata(part: str, config: dict[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    """`config` with what our exporter left about `part`. Raises `CheckpointError` if that is no
    JSON."""
    try:
        stored = json.loads(metadata.get(METADATA_CONFIGS, "{}")).get(part, {})
        kind = "text_encoder" if part.startswith("text_encoder") else part
        allowed = NOT_IN_SHAPES.get(kind, ())
        return config | {key: stored[key] for key in allowed if key in stored}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(f"its metadata {METADATA_CONFIGS} are damaged ({error})") from None

"""What the original layout calls our weights, and what their shapes tell of the modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.weights.configs import Shapes, depth
from studio.weights.sources import Origin

_RENAMED = (
    ("all_x_embedder.2-1.", "x_embedder."),
    ("all_final_layer.2-1.", "final_layer."),
    (".attention.norm_q.", ".attention.q_norm."),
    (".attention.norm_k.", ".attention.k_norm."),
    (".attention.to_out.0.", ".attention.out."),
)
_FUSED = (".attention.to_q.", ".attention.to_k.", ".attention.to_v.")
_PATCH = 2


def origin_of(name: str, names: Mapping[str, str]) -> Origin | None:
    """Where a file has our weight `name` of the transformer: under our name, or under that of the
    original layout, where queries, keys and values are one matrix. `names`: those of the file
    without prefix -> in full. None: it is not there."""
    if name in names:
        return Origin(names[name])
    for place, ours in enumerate(_FUSED):
        fused = name.replace(ours, ".attention.qkv.")
        if fused != name:
            return Origin(names[fused], rows=(place, len(_FUSED))) if fused in names else None
    for ours, theirs in _RENAMED:
        name = name.replace(ours, theirs)
    return Origin(names[name]) if name in names else None


def transformer_config(shapes: Shapes) -> dict[str, Any]:
    """Names are those of the original layout, or ours. Raises `KeyError` for a missing weight."""

    def either(*names: str) -> tuple[int, ...]:
        return shapes[next((name for name in names if name in shapes), names[0])]

    width, patch = either("x_embedder.weight", "all_x_embedder.2-1.weight")
    [head] = either("layers.0.attention.q_norm.weight", "layers.0.attention.norm_q.weight")
    heads = width // head
    axis = head * 3 // 8 // 2 * 2
    return {
        "in_channels": patch // _PATCH**2,
        "dim": width,
        "n_layers": depth(shapes, "layers."),
        "n_refiner_layers": depth(shapes, "noise_refiner."),
        "n_heads": heads,
        "n_kv_heads": heads,
        "cap_feat_dim": shapes["cap_embedder.1.weight"][1],
        # Of a head a quarter turns with the place in the text, the rest with row and column.
        "axes_dims": [head - 2 * axis, axis, axis],
    }


def text_config(shapes: Shapes) -> dict[str, Any]:
    """Of Qwen3, names without "model.". Raises `KeyError` for a missing weight."""
    tokens, width = shapes["embed_tokens.weight"]
    [head] = shapes["layers.0.self_attn.q_norm.weight"]
    return {
        "architectures": ["Qwen3Model"],
        "vocab_size": tokens,
        "hidden_size": width,
        "intermediate_size": shapes["layers.0.mlp.gate_proj.weight"][0],
        "num_hidden_layers": depth(shapes, "layers."),
        "num_attention_heads": shapes["layers.0.self_attn.q_proj.weight"][0] // head,
        "num_key_value_heads": shapes["layers.0.self_attn.k_proj.weight"][0] // head,
        "head_dim": head,
        "max_position_embeddings": 40960,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }

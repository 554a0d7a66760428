"""Text encoders: what OpenCLIP, which fuses what we keep apart, calls their weights, and what
shapes tell of them. CLIP's own keep our names."""

from __future__ import annotations

import re
from typing import Any

from studio.families.stable_diffusion.prompt_encoder import PromptEncoder
from studio.weights.configs import Shapes, depth
from studio.weights.sources import Origin

CLIP_VOCABULARY = 49408
_CLIP_TOKENS = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1}

_MODULES = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_IN_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_FUSED = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


def names_of(layers: int) -> list[str]:
    """All that we call the weights of an encoder with so many layers and a projection."""
    inner = [f"{module}.{leaf}" for module in (*_IN_LAYER, *_FUSED) for leaf in ("weight", "bias")]
    numbered = [f"encoder.layers.{k}.{name}" for k in range(layers) for name in inner]
    return [*_MODULES, *numbered, "text_projection.weight"]


def openclip_origin(name: str) -> Origin:
    """Where OpenCLIP keeps our weight `name`: queries, keys and values are one matrix there, and
    the projection stands the other way round."""
    if name == "text_projection.weight":
        return Origin("text_projection", transposed=True)
    name = name.removeprefix("text_model.")
    if name in _MODULES:
        return Origin(_MODULES[name])
    match = _LAYER.fullmatch(name)
    if match is None:
        raise KeyError(name)
    layer, module, leaf = match.groups()
    prefix = f"transformer.resblocks.{layer}"
    if module in _FUSED:
        return Origin(f"{prefix}.attn.in_proj_{leaf}", rows=(_FUSED.index(module), len(_FUSED)))
    return Origin(f"{prefix}.{_IN_LAYER[module]}.{leaf}")


def text_config(shapes: Shapes, encoder: PromptEncoder, whole: bool) -> dict[str, Any]:
    """Of a text encoder, its weights under our names ("embeddings.token_embedding.weight") whatever
    the file calls them. Raises `KeyError` for a missing weight.

    It gets the layers that the family uses. An encoder smaller than the family's own has all its
    layers but those left out if it is `whole`, and else those that are there.
    """
    tokens = shapes["embeddings.token_embedding.weight"]
    layers = depth(shapes, "encoder.layers.")
    used = encoder.depth - encoder.left_out
    if layers < used and whole:
        used = layers - encoder.left_out
    projection = shapes.get("text_projection.weight", tokens) if encoder.pooled else tokens
    return {
        "architectures": ["CLIPTextModelWithProjection" if encoder.pooled else "CLIPTextModel"],
        "vocab_size": tokens[0],
        "hidden_size": tokens[1],
        "projection_dim": projection[0] if encoder.pooled else tokens[1],
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": min(layers, used),
        "num_attention_heads": max(tokens[1] // encoder.head_width, 1),
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
        "hidden_act": encoder.activation,
        **_CLIP_TOKENS,
    }

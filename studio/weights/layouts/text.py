"""Text encoders: those of OpenCLIP, which fuse what we keep apart. CLIP's own keep our names."""

from __future__ import annotations

import re

from studio.weights.sources import Origin

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

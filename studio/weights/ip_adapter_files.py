"""IP-Adapters in one safetensors file, as their makers publish them: all they are shows in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studio.domain.errors import CheckpointError
from studio.weights import modules
from studio.weights.configs import numbers_behind
from studio.weights.single_files import Keys, below, derived, shapes_of
from studio.weights.sources import Origin, PartSource
from studio.weights.tensor_files import TensorFile

PART = "ip_adapter"
_HEAD_WIDTH = 64


def ip_adapter_part(file: TensorFile) -> PartSource | None:
    """The IP-Adapter in `file`; None if there is none. Raises `CheckpointError`."""
    attention, projection = below(file, "ip_adapter."), below(file, "image_proj.")
    if not attention or not projection:
        return None
    outer, inner = shapes_of(file, projection), shapes_of(file, attention)
    numbers = sorted(numbers_behind("", attention))
    config = derived(PART, file, lambda: _config(outer, inner, numbers))
    return PartSource(
        config,
        {
            name: (file, origin)
            for name in modules.shapes(PART, config)
            if (origin := _origin(name, config["kind"], projection, attention, numbers))
        },
    )


def kind_of(names: Iterable[str]) -> str | None:
    """Which form the projection of these names has: "plain", "plus", "full", or None: another."""
    if "proj.weight" in names:
        return "plain"
    if "latents" in names and "proj_in.weight" in names:
        return "plus"
    return "full" if "proj.3.weight" in names and "norm.weight" not in names else None


def _config(
    outer: Mapping[str, tuple[int, ...]], inner: Mapping[str, tuple[int, ...]], numbers: list[int]
) -> dict[str, Any]:
    """Raises `KeyError` for a missing weight, `CheckpointError` for a form not known."""
    keys = [inner[f"{number}.to_k_ip.weight"] for number in numbers]
    kind, text_width = kind_of(outer), keys[0][1]
    if kind is None:
        raise CheckpointError("it is an IP-Adapter of a form that is not known here")
    if kind == "plain":
        projection = {
            "image_embed_dim": outer["proj.weight"][1],
            "cross_attention_dim": text_width,
            "num_image_text_embeds": outer["proj.weight"][0] // text_width,
        }
    elif kind == "full":
        width, out = outer["proj.0.weight"][0], outer["proj.3.weight"][0]
        projection = {"image_embed_dim": width, "cross_attention_dim": out}
    else:
        hidden = outer["latents"][2]
        depths = {int(name.split(".")[1]) for name in outer if name.startswith("layers.")}
        projection = {
            "embed_dims": outer["proj_in.weight"][1],
            "output_dims": outer["proj_out.weight"][0],
            "hidden_dims": hidden,
            "depth": len(depths),
            "dim_head": _HEAD_WIDTH,
            "heads": outer["layers.0.0.to_q.weight"][0] // _HEAD_WIDTH,
            "num_queries": outer["latents"][1],
            "ffn_ratio": outer["layers.0.1.1.weight"][0] // hidden,
        }
    widths = [shape[0] for shape in keys]
    return {"kind": kind, "projection": projection, "text_width": text_width, "widths": widths}


_PLUS = (
    (r"\.ln0\.", ".0.norm1."),
    (r"\.ln1\.", ".0.norm2."),
    (r"\.attn\.to_q\.", ".0.to_q."),
    (r"\.attn\.to_[kv]\.", ".0.to_kv."),
    (r"\.attn\.to_out\.0\.", ".0.to_out."),
    (r"\.ff\.0\.", ".1.0."),
    (r"\.ff\.1\.net\.0\.proj\.", ".1.1."),
    (r"\.ff\.1\.net\.2\.", ".1.3."),
)
_FULL = ((r"^ff\.net\.0\.proj", "proj.0"), (r"^ff\.net\.2", "proj.2"), (r"^norm", "proj.3"))
_PLAIN = ((r"^image_embeds", "proj"),)
_RENAMED = {"plus": _PLUS, "full": _FULL, "plain": _PLAIN}
"""Kind -> names in our projections (as patterns) -> their makers' names."""


def _origin(
    name: str, kind: str, projection: Keys, attention: Keys, numbers: Sequence[int]
) -> Origin | None:
    """Where the weight `name` of an `IpAdapter` lies; None: nowhere."""
    part, _, leaf = name.partition(".")
    if part != "projection":
        place, _, weight = leaf.partition(".")
        key = attention.get(f"{numbers[int(place)]}.{part}.{weight}")
        return Origin(key) if key else None
    stored = leaf
    for ours, theirs in _RENAMED[kind]:
        stored = re.sub(ours, theirs, stored)
    rows = None
    if ".to_kv." in stored:
        rows = (0 if ".to_k." in leaf else 1, 2)
    key = projection.get(stored)
    return Origin(key, rows) if key else None


def misfit(adapter: Mapping[str, Any], unet: Mapping[str, Any]) -> bool:
    """Whether an adapter of this configuration was made for another U-Net than one of that."""
    widths = [
        shape[0]
        for name, shape in modules.shapes("unet", dict(unet)).items()
        if name.endswith("attn2.to_k.weight")
    ]
    return widths != list(adapter["widths"]) or adapter["text_width"] != unet["cross_attention_dim"]

"""What of Z-Image is in a file or a folder, from names and shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from studio.domain.family import ModelFamily
from studio.families.z_image.family import Z_IMAGE

TEXT_WIDTH = 2560
"""Of what Qwen3-4B says of a prompt; others of that build have other widths."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "tokenizer": ("Qwen2Tokenizer", "Qwen2TokenizerFast"),
    "text_encoder": ("Qwen3Model", "Qwen3ForCausalLM"),
    "transformer": ("ZImageTransformer2DModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": ("FlowMatchEulerDiscreteScheduler",),
}
"""What a folder consists of, and the classes that can be run."""

ReadConfig = Callable[[str], Mapping[str, Any]]
"""A part of a folder -> its configuration."""


def is_folder(index: Mapping[str, Any]) -> bool:
    return PARTS["transformer"][0] in (index.get("transformer") or ())


def family_of_folder(name: str, read: ReadConfig) -> ModelFamily:
    return Z_IMAGE


def parts_of(family: ModelFamily) -> Mapping[str, tuple[str, ...]]:
    return PARTS


def facts_of_folder(name: str, read: ReadConfig) -> dict[str, Any]:
    shift = read("scheduler").get("shift")
    return {"flow_shift": float(shift) if isinstance(shift, int | float) and shift > 0 else None}


def of_header(keys: Any) -> dict[str, Any] | None:
    """Facts of the file with these names (`catalog.keys.Keys`); None: it is nothing of Z-Image."""
    if keys.have("context_refiner.0.") and keys.width(r"\bcap_embedder\.1\.weight") == TEXT_WIDTH:
        return {"kind": "checkpoint", "family": Z_IMAGE, **_checkpoint(keys)}
    if keys.have(".layers.0.attention.", "_layers_0_attention_") and keys.have(".lora_"):
        problem = "is a LoRA for Z-Image, which the studio cannot add yet."
        return {"kind": "lora", "family": Z_IMAGE, "problem": problem}
    if keys.have("layers.0.self_attn.q_norm.weight") and keys.have("embed_tokens.weight"):
        return _text_encoder(keys)
    is_vae = keys.have("decoder.up.0.", "decoder.up_blocks.0.")
    if is_vae and keys.width(r"decoder\.conv_in\.weight") == Z_IMAGE.latent_channels:
        return {"kind": "vae", "family": Z_IMAGE}
    return None


def _checkpoint(keys: Any) -> dict[str, Any]:
    if keys.have("dec_net."):
        return {"problem": "draws pixels without a VAE, which the studio cannot do yet."}
    if keys.have("siglip_embedder."):
        return {"problem": "is an Omni model, prompted with pictures too. Get plain Z-Image."}
    lacks = []
    if not keys.have("self_attn.q_norm.weight"):
        lacks.append("text_encoder")
    if not keys.have("decoder.conv_in."):
        lacks.append("vae")
    return {"lacks": tuple(lacks)}


def _text_encoder(keys: Any) -> dict[str, Any] | None:
    width = keys.width(r"embed_tokens\.weight")
    if width == TEXT_WIDTH:
        return {"kind": "text_encoder", "family": Z_IMAGE}
    return {
        "kind": "text_encoder",
        "problem": f"is a language model of width {width}; the families here read with Qwen3-4B, "
        f"of width {TEXT_WIDTH}.",
    }

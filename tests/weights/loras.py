"""LoRAs in every dialect for the embedded model, and the model with them merged in: by us and by
diffusers."""

from __future__ import annotations

from functools import cache

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.settings import assets_dir
from studio.weights import lora

MODEL = assets_dir() / "models" / "picturebook"
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
EXACT = 1e-5


@cache
def original():
    return StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)


@cache
def parts():
    """The embedded model's weights, as the loader hands them out."""
    pipe = original()
    return {
        part: {key: value.clone() for key, value in getattr(pipe, part).state_dict().items()}
        for part in ("unet", "text_encoder")
    }


def fresh():
    """A pipeline of its own that diffusers may change."""
    return StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)


def modules(part, *endings):
    return [
        key.removesuffix(".weight")
        for key in parts()[part]
        if key.endswith(tuple(f"{ending}.weight" for ending in endings))
    ]


def layers(unet=ATTENTION, text_encoder=PROJECTIONS, rank=3, alpha=None, seed=0):
    """(part, module) -> (down, up, alpha): large enough to matter, small enough not to blow up."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for part, endings in (("unet", unet), ("text_encoder", text_encoder)):
        for module in modules(part, *endings) if endings else ():
            weight = parts()[part][f"{module}.weight"]
            down = torch.randn(rank, *weight.shape[1:], generator=generator) * 0.1
            ones = (1,) * (weight.ndim - 2)
            up = torch.randn(weight.shape[0], rank, *ones, generator=generator) * 0.1
            made[part, module] = down, up, alpha
    return made


def kohya(made, te="lora_te_"):
    tensors = {}
    for (part, module), (down, up, alpha) in made.items():
        if part == "unet":
            name = "lora_unet_" + module.replace(".", "_")
        else:
            name = te + "text_model_" + module.replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        if alpha is not None:
            tensors[f"{name}.alpha"] = torch.tensor(float(alpha))
    return tensors


def dotted(made, down_word, up_word, prefixed=True, inner=""):
    tensors = {}
    for (part, module), (down, up, _) in made.items():
        name = f"{part}.{inner}{module}" if prefixed else inner + module
        tensors |= {f"{name}.{down_word}.weight": down, f"{name}.{up_word}.weight": up}
    return tensors


def processors(made):
    """As diffusers wrote them in 2023."""
    tensors = {}
    for (part, module), (down, up, _) in made.items():
        at, _, layer = module.rpartition(".to_")
        name = f"{part}.{at}.processor.to_{layer.removesuffix('.0')}_lora"
        tensors |= {f"{name}.down.weight": down, f"{name}.up.weight": up}
    return tensors


def merged(ref, scale=1.0):
    """The model's weights with the LoRA added by us."""
    found = lora.read(ref, PICTUREBOOK, parts())
    result = {part: dict(tensors) for part, tensors in parts().items()}
    for (part, key), delta in found.deltas.items():
        result[part][key] = delta.add_to(result[part][key], scale)
    return result


def merged_by_diffusers(load):
    """… by diffusers: `load(pipe)` attaches it."""
    pipe = fresh()
    load(pipe)
    assert pipe.get_list_adapters(), "diffusers has loaded nothing"
    pipe.fuse_lora(components=list(pipe.get_list_adapters()))
    pipe.unload_lora_weights()
    return {part: getattr(pipe, part).state_dict() for part in ("unet", "text_encoder")}


def assert_same(ours, theirs, bound=EXACT):
    changed = 0
    for part, tensors in theirs.items():
        assert tensors.keys() == ours[part].keys()
        for key, tensor in tensors.items():
            assert (tensor - ours[part][key]).abs().max() <= bound, f"{part} {key}"
            changed += not torch.equal(tensor, parts()[part][key])
    assert changed, "nothing was changed"


def close(found, expected):
    """Equal but for float32's rounding, measured by the largest number."""
    assert (found - expected.reshape(found.shape)).abs().max() < EXACT * expected.abs().max()


TO_K = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
CONV = "down_blocks.0.resnets.0.conv1"


def kohya_layer(module, **tensors):
    name = "lora_unet_" + module.replace(".", "_")
    return {f"{name}.{role.replace('__', '.')}": tensor for role, tensor in tensors.items()}


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@cache
def unet_of(kind):
    """A U-Net of a family's shape, without weights."""
    levels = {"attention_head_dim": 8, "cross_attention_dim": 768}
    if kind == "SDXL":
        levels = {
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
            "use_linear_projection": True,
        }
    with torch.device("meta"):
        return UNet2DConditionModel(**levels)

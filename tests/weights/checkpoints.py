"""Small random checkpoints of every family, in diffusers layout and in the original one.

The writer of the original layout is diffusers-free and independent of the studio's tables: it
walks the modules in the order in which the original programs number them.
"""

from __future__ import annotations

import atexit
import copy
import json
import math
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SD1, SD2, SDXL, SDXL_REFINER
from studio.weights import modules
from tests.refs import ref_to

TOKENS = {"vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1}


def unet_of(family: ModelFamily, channels: int = 4) -> UNet2DConditionModel:
    """Small, but with each oddity of the family's own."""
    common = {"in_channels": channels, "norm_num_groups": 32, "sample_size": 8}
    cross, plain = "CrossAttn{}Block2D", "{}Block2D"
    kinds, more = {
        "SD 1.x": ([cross, plain], {"attention_head_dim": 8, "cross_attention_dim": 64}),
        "SD 2.x": (
            [cross, plain],
            {"attention_head_dim": [1, 2], "cross_attention_dim": 128},
        ),
        "SDXL": (
            [plain, cross],
            {
                "attention_head_dim": [1, 2],
                "cross_attention_dim": 192,
                "transformer_layers_per_block": [1, 2],
                "projection_class_embeddings_input_dim": 6 * 32 + 128,
            },
        ),
        "SDXL refiner": (
            [plain, cross, plain],
            {
                "attention_head_dim": [1, 2, 2],
                "cross_attention_dim": 128,
                "transformer_layers_per_block": 2,
                "projection_class_embeddings_input_dim": 5 * 32 + 128,
            },
        ),
    }[family.name]
    if family.size_conditioning:
        more |= {"addition_embed_type": "text_time", "addition_time_embed_dim": 32}
    return UNet2DConditionModel(
        **common,
        **more,
        block_out_channels=[64, 128, 128][: len(kinds)],
        layers_per_block=2,
        use_linear_projection=family is not SD1,
        down_block_types=[kind.format("Down") for kind in kinds],
        up_block_types=[kind.format("Up") for kind in reversed(kinds)],
    )


def vae_of(family: ModelFamily) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[32, 32, 64, 64],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        scaling_factor=family.latent_scale,
        sample_size=64,
    )


def text_encoders_of(family: ModelFamily) -> dict[str, torch.nn.Module]:
    """CLIP's are 64 wide, OpenCLIP's 128; SD 2.x keeps three of four layers."""
    made = {}
    for encoder in family.prompt_encoders:
        openclip = encoder.pad_token == "!"
        width = 128 if openclip else 64
        config = CLIPTextConfig(
            **TOKENS,
            hidden_size=width,
            intermediate_size=2 * width,
            num_attention_heads=width // 64,
            num_hidden_layers=4 - encoder.left_out,
            projection_dim=width,
            hidden_act="gelu" if openclip else "quick_gelu",
        )
        cls = CLIPTextModelWithProjection if encoder.pooled else CLIPTextModel
        made[encoder.part] = cls(config)
    return made


def parts_of(family: ModelFamily, channels: int = 4, seed: int = 0) -> dict[str, torch.nn.Module]:
    """Random modules, with weights large enough that a wrong place shows in the picture. Made once
    for all tests: who changes them takes `own_parts_of`."""
    parts = _parts_of(family, channels, seed)
    torch.manual_seed(seed)
    return dict(parts)


def own_parts_of(family: ModelFamily, channels: int = 4) -> dict[str, torch.nn.Module]:
    """The same as modules of the caller's own."""
    return copy.deepcopy(parts_of(family, channels))


@cache
def _parts_of(family: ModelFamily, channels: int, seed: int) -> dict[str, torch.nn.Module]:
    torch.manual_seed(seed)
    parts = text_encoders_of(family) | {"vae": vae_of(family), "unet": unet_of(family, channels)}
    with torch.no_grad():
        for module in parts.values():
            for tensor in module.parameters():
                tensor.add_(torch.randn_like(tensor) * 0.02)
    return {name: module.requires_grad_(False).eval() for name, module in parts.items()}


FULL_UNET = {
    SD1: {"block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768,
          "attention_head_dim": 8, "layers_per_block": 2},
    SD2: {"block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 1024,
          "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True},
    SDXL: {"block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
           "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10],
           "use_linear_projection": True, "addition_embed_type": "text_time",
           "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
           "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
           "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]},
    SDXL_REFINER: {"block_out_channels": [384, 768, 1536, 1536], "cross_attention_dim": 1280,
                   "attention_head_dim": [6, 12, 24, 24], "transformer_layers_per_block": 4,
                   "use_linear_projection": True, "addition_embed_type": "text_time",
                   "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2560,
                   "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D",
                                        "CrossAttnDownBlock2D", "DownBlock2D"],
                   "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D",
                                      "CrossAttnUpBlock2D", "UpBlock2D"]},
}  # fmt: skip
"""What the families' makers published for the full-size U-Nets."""

FULL_VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}


def full_size_of(family: ModelFamily, dtype: torch.dtype) -> dict[str, torch.nn.Module]:
    """The family's modules in full size with random weights: of SD 1.x 2.1 GB in 16 bits, of SDXL
    6.9 GB."""
    configs = {}
    for encoder in family.prompt_encoders:
        wide = encoder.pad_token == "!"
        cls = CLIPTextModelWithProjection if encoder.pooled else CLIPTextModel
        configs[encoder.part] = {
            **TOKENS,
            "architectures": [cls.__name__],
            "hidden_size": 1280 if wide else 768,
            "intermediate_size": 5120 if wide else 3072,
            "num_attention_heads": 20 if wide else 12,
            "num_hidden_layers": 32 if wide else 12,
            "projection_dim": 1280 if wide else 768,
            "hidden_act": "gelu" if wide else "quick_gelu",
        }
    configs |= {"vae": FULL_VAE | {"scaling_factor": family.latent_scale}}
    configs |= {"unet": FULL_UNET[family]}
    pool = torch.randn(2**24, generator=torch.Generator().manual_seed(0)).mul_(0.02).to(dtype)
    parts, at = {}, 0
    for part, config in configs.items():
        module, weights = modules.build(part, config), {}
        for name, shape in modules.shapes(part, config).items():
            at, count = (at * 5 + 12345) % 2**20, math.prod(shape)
            repeated = pool[at:].repeat(1 + count // (len(pool) - at))
            weights[name] = repeated[:count].reshape(shape).clone()
            if len(shape) == 1 and name.endswith("weight"):
                weights[name] += 1  # of a norm
        module.load_state_dict(weights, assign=True)
        parts[part] = module.requires_grad_(False)
    return parts


def ref_of(family: ModelFamily, path: Path, **more) -> ModelRef:
    layout = "diffusers" if path.is_dir() else "single"
    size = 0 if path.is_dir() else path.stat().st_size
    return ref_to(
        path.stem, "checkpoint", path, family=family, layout=layout, size_bytes=size, **more
    )


def write_folder(
    parts: dict[str, torch.nn.Module], family: ModelFamily, folder: Path, **more
) -> ModelRef:
    """In diffusers layout; `more` goes to `save_pretrained`."""
    index = {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "DDIMScheduler"]}
    for name, module in parts.items():
        module.save_pretrained(folder / name, **more)
        index[name] = [type(module).__module__.split(".")[0], type(module).__name__]
    for encoder in family.prompt_encoders:
        part = encoder.part.replace("text_encoder", "tokenizer")
        shutil.copytree(saved_tokenizer(encoder.pad_token), folder / part)
        index[part] = ["transformers", "CLIPTokenizer"]
    DDIMScheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps(index))
    return ref_of(family, folder)


@cache
def saved_tokenizer(pad_token: str) -> Path:
    """A folder with CLIP's tokenizer, which takes as long to write as all weights; it goes with
    the process."""
    folder = Path(mkdtemp(prefix="tokenizer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tokenizers.clip(pad_token).save_pretrained(folder)
    return folder


def write_single(
    parts: dict[str, torch.nn.Module], family: ModelFamily, path: Path, **metadata: str
) -> ModelRef:
    """One file in the original layout."""
    save_file(
        {name: tensor.clone() for name, tensor in original(parts, family).items()}, path, metadata
    )
    return ref_of(family, path)


def original(parts: dict[str, torch.nn.Module], family: ModelFamily) -> dict[str, torch.Tensor]:
    """The tensors of `parts` under the names of the original layout."""
    tensors = {}
    put(tensors, "model.diffusion_model", original_unet(parts["unet"]))
    put(tensors, "first_stage_model", original_vae(parts["vae"]))
    for place, encoder in enumerate(family.prompt_encoders):
        outer = f"conditioner.embedders.{place}" if family.size_conditioning else "cond_stage_model"
        module = parts[encoder.part]
        if encoder.pad_token == "!":
            put(tensors, f"{outer}.model", original_openclip(module, encoder.left_out))
        else:
            put(tensors, f"{outer}.transformer.text_model", module.state_dict())
            ids = torch.arange(77)[None]
            tensors[f"{outer}.transformer.text_model.embeddings.position_ids"] = ids
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def original_controlnet(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A ControlNet of diffusers' under the names of the original layout."""
    into = original_encoder_half(net)
    for number, conv in enumerate(net.controlnet_down_blocks):
        put(into, f"zero_convs.{number}.0", conv.state_dict())
    put(into, "middle_block_out.0", net.controlnet_mid_block.state_dict())
    hint = net.controlnet_cond_embedding
    for number, conv in enumerate([hint.conv_in, *hint.blocks, hint.conv_out]):
        put(into, f"input_hint_block.{2 * number}", conv.state_dict())
    return into


def put(into: dict, prefix: str, tensors: dict[str, torch.Tensor]) -> None:
    into.update({f"{prefix}.{name}": tensor for name, tensor in tensors.items()})


_RES = ("norm1:in_layers.0 conv1:in_layers.2 time_emb_proj:emb_layers.1 norm2:out_layers.0 "
        "conv2:out_layers.3 conv_shortcut:skip_connection")  # fmt: skip


def _resnet(into: dict, prefix: str, module: torch.nn.Module) -> None:
    for pair in _RES.split():
        ours, theirs = pair.split(":")
        child = getattr(module, ours, None)
        if child is not None:
            put(into, f"{prefix}.{theirs}", child.state_dict())


def _layers(into: dict, side: str, number: int, block: torch.nn.Module, resample: str) -> int:
    """One of our blocks as blocks of theirs, counted on from `number`."""
    attentions = getattr(block, "attentions", None)
    samplers = getattr(block, "downsamplers", None) or getattr(block, "upsamplers", None)
    for index, resnet in enumerate(block.resnets):
        _resnet(into, f"{side}.{number}.0", resnet)
        if attentions:
            put(into, f"{side}.{number}.1", attentions[index].state_dict())
        number += 1
    if samplers and resample == "op":
        put(into, f"{side}.{number}.0.op", samplers[0].conv.state_dict())
        number += 1
    elif samplers:
        place = 2 if attentions else 1
        put(into, f"{side}.{number - 1}.{place}.conv", samplers[0].conv.state_dict())
    return number


def original_unet(unet: UNet2DConditionModel) -> dict[str, torch.Tensor]:
    into = original_encoder_half(unet)
    number = 0
    for block in unet.up_blocks:
        number = _layers(into, "output_blocks", number, block, "conv")
    put(into, "out.0", unet.conv_norm_out.state_dict())
    put(into, "out.2", unet.conv_out.state_dict())
    return into


def original_encoder_half(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What a U-Net and a ControlNet have in common."""
    into: dict[str, torch.Tensor] = {}
    for ours, theirs in (("time_embedding", "time_embed"), ("add_embedding", "label_emb.0")):
        if getattr(net, ours, None) is not None:
            put(into, f"{theirs}.0", getattr(net, ours).linear_1.state_dict())
            put(into, f"{theirs}.2", getattr(net, ours).linear_2.state_dict())
    put(into, "input_blocks.0.0", net.conv_in.state_dict())
    number = 1
    for block in net.down_blocks:
        number = _layers(into, "input_blocks", number, block, "op")
    _resnet(into, "middle_block.0", net.mid_block.resnets[0])
    put(into, "middle_block.1", net.mid_block.attentions[0].state_dict())
    _resnet(into, "middle_block.2", net.mid_block.resnets[1])
    return into


def _vae_resnet(into: dict, prefix: str, module: torch.nn.Module) -> None:
    for name, tensor in module.state_dict().items():
        into[f"{prefix}.{name.replace('conv_shortcut', 'nin_shortcut')}"] = tensor


def original_vae(vae: AutoencoderKL) -> dict[str, torch.Tensor]:
    into: dict[str, torch.Tensor] = {}
    for side, half in (("encoder", vae.encoder), ("decoder", vae.decoder)):
        put(into, f"{side}.conv_in", half.conv_in.state_dict())
        put(into, f"{side}.norm_out", half.conv_norm_out.state_dict())
        put(into, f"{side}.conv_out", half.conv_out.state_dict())
        _vae_resnet(into, f"{side}.mid.block_1", half.mid_block.resnets[0])
        _vae_resnet(into, f"{side}.mid.block_2", half.mid_block.resnets[1])
        for attention in half.mid_block.attentions:
            put(into, f"{side}.mid.attn_1.norm", attention.group_norm.state_dict())
            linears = {"q": attention.to_q, "k": attention.to_k, "v": attention.to_v}
            for name, linear in (linears | {"proj_out": attention.to_out[0]}).items():
                into[f"{side}.mid.attn_1.{name}.weight"] = linear.weight[:, :, None, None]
                into[f"{side}.mid.attn_1.{name}.bias"] = linear.bias
        blocks = list(getattr(half, "down_blocks", None) or reversed(half.up_blocks))
        way = {"encoder": "down", "decoder": "up"}[side]
        for level, block in enumerate(blocks):
            for index, resnet in enumerate(block.resnets):
                _vae_resnet(into, f"{side}.{way}.{level}.block.{index}", resnet)
            sampler = getattr(block, f"{way}samplers", None)
            if sampler:
                name = f"{side}.{way}.{level}.{way}sample.conv"
                put(into, name, sampler[0].conv.state_dict())
    for name in ("quant_conv", "post_quant_conv"):
        if getattr(vae, name) is not None:
            put(into, name, getattr(vae, name).state_dict())
    return into


def original_openclip(module: torch.nn.Module, left_out: int) -> dict[str, torch.Tensor]:
    """With a random layer at the end that SD 2.x keeps and never uses."""
    core = getattr(module, "text_model", module)
    width = core.config.hidden_size
    into = {
        "token_embedding.weight": core.embeddings.token_embedding.weight,
        "positional_embedding": core.embeddings.position_embedding.weight,
        "logit_scale": torch.tensor(4.6),
        "text_projection": torch.randn(width, width),
    }
    if hasattr(module, "text_projection"):
        into["text_projection"] = module.text_projection.weight.T
    put(into, "ln_final", core.final_layer_norm.state_dict())
    layers = list(core.encoder.layers)
    for index, layer in enumerate(layers + layers[:1] * left_out):
        at, block = layer.self_attn, f"transformer.resblocks.{index}"
        three = (at.q_proj, at.k_proj, at.v_proj)
        into[f"{block}.attn.in_proj_weight"] = torch.cat([linear.weight for linear in three])
        into[f"{block}.attn.in_proj_bias"] = torch.cat([linear.bias for linear in three])
        put(into, f"{block}.attn.out_proj", at.out_proj.state_dict())
        put(into, f"{block}.ln_1", layer.layer_norm1.state_dict())
        put(into, f"{block}.ln_2", layer.layer_norm2.state_dict())
        put(into, f"{block}.mlp.c_fc", layer.mlp.fc1.state_dict())
        put(into, f"{block}.mlp.c_proj", layer.mlp.fc2.state_dict())
    return into


FAMILIES = (SD1, SD2, SDXL, SDXL_REFINER)

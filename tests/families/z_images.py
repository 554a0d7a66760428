"""Small random Z-Images: a folder in diffusers layout, and files in the original one, whose writer
is independent of the studio's tables."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    ZImageTransformer2DModel,
)
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

from tests.weights import checkpoints, nets

SHIFT = 3.0
TEXT_WIDTH = 2560
"""The one thing in them of full size: it tells the family."""
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}"
)


def vocabulary() -> Tokenizer:
    """Of single bytes, and Qwen's marks."""
    letters = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: place for place, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=vocabulary(), pad_token="<|endoftext|>", chat_template=TEMPLATE
    )


@cache
def parts() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        in_channels=16,
        dim=64,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=TEXT_WIDTH,
        axes_dims=[8, 12, 12],
        axes_lens=[1024, 512, 512],
    )
    vae = AutoencoderKL(
        block_out_channels=[32] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        latent_channels=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    text = Qwen3Model(
        Qwen3Config(
            architectures=["Qwen3Model"],
            vocab_size=vocabulary().get_vocab_size(),
            hidden_size=TEXT_WIDTH,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        )
    )
    made = {"transformer": transformer, "vae": vae, "text_encoder": text}
    return {name: nets.shaken(module, 0.05) for name, module in made.items()}


def write_folder(folder: Path, shift: float = SHIFT) -> Path:
    index: dict[str, Any] = {"_class_name": "ZImagePipeline"}
    for name, module in parts().items():
        module.save_pretrained(folder / name)
        index[name] = [type(module).__module__.split(".")[0], type(module).__name__]
    tokenizer().save_pretrained(folder / "tokenizer")
    index["tokenizer"] = ["transformers", "Qwen2Tokenizer"]
    FlowMatchEulerDiscreteScheduler(shift=shift).save_pretrained(folder / "scheduler")
    index["scheduler"] = ["diffusers", "FlowMatchEulerDiscreteScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def original_transformer() -> dict[str, torch.Tensor]:
    """As the makers' own program calls its weights."""
    told = {}
    ours = dict(parts()["transformer"].state_dict())
    for name in [name for name in ours if name.endswith(".to_q.weight")]:
        stem = name.removesuffix("to_q.weight")
        told[f"{stem}qkv.weight"] = torch.cat([ours.pop(f"{stem}to_{k}.weight") for k in "qkv"])
        told[f"{stem}out.weight"] = ours.pop(f"{stem}to_out.0.weight")
        told[f"{stem}q_norm.weight"] = ours.pop(f"{stem}norm_q.weight")
        told[f"{stem}k_norm.weight"] = ours.pop(f"{stem}norm_k.weight")
    for name in ("x_embedder", "final_layer"):
        for key in [key for key in ours if key.startswith(f"all_{name}.2-1.")]:
            told[f"{name}.{key.removeprefix(f'all_{name}.2-1.')}"] = ours.pop(key)
    return told | ours


def original_text() -> dict[str, torch.Tensor]:
    return {f"model.{name}": t for name, t in parts()["text_encoder"].state_dict().items()}


def write_whole(path: Path) -> Path:
    """All in one file, the vocabulary beside it."""
    tensors: dict[str, torch.Tensor] = {}
    checkpoints.put(tensors, "model.diffusion_model", original_transformer())
    checkpoints.put(tensors, "text_encoders.qwen3_4b.transformer", original_text())
    checkpoints.put(tensors, "vae", checkpoints.original_vae(parts()["vae"]))
    _save(tensors, path)
    vocabulary().save(str(path.with_name(f"{path.stem}.tokenizer.json")))
    return path


def write_apart(folder: Path) -> dict[str, Path]:
    """Part -> its file, as in ComfyUI's tree."""
    found = {
        "transformer": folder / "diffusion_models" / "z_image.safetensors",
        "text_encoder": folder / "text_encoders" / "qwen_3_4b.safetensors",
        "vae": folder / "vae" / "ae.safetensors",
    }
    tensors = {
        "transformer": original_transformer(),
        "text_encoder": original_text(),
        "vae": checkpoints.original_vae(parts()["vae"]),
    }
    for part, path in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(tensors[part], path)
    vocabulary().save(str(found["text_encoder"].with_name("tokenizer.json")))
    return found


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)

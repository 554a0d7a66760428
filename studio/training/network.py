"""The layers that learn: put into modules by peft, taken out of them as other studios read them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoHaConfig, LoKrConfig, LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict

from studio.domain.training import LoraTraining
from studio.training.models import Trainee, checkpointed
from studio.weights.layouts.unet import original_name

UNET = (
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "ff.net.0.proj",
    "ff.net.2",
    "proj_in",
    "proj_out",
)
"""Ends of the names of the layers that learn: all of the U-Net's transformers, as kohya's trainer
chooses them."""
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv")
"""Those of its convolutions, which learn where there is a `conv_rank`; as LyCORIS chooses them."""
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
"""Those of text encoders."""

_ROLES = {
    "lora_A.weight": "lora_down.weight",
    "lora_B.weight": "lora_up.weight",
    "lora_magnitude_vector": "dora_scale",
    "lora_magnitude_vector.weight": "dora_scale",
    **{name: name for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")},
    **{name: name for name in ("lokr_w1", "lokr_w1_a", "lokr_w1_b")},
    **{name: name for name in ("lokr_w2", "lokr_w2_a", "lokr_w2_b")},
}
"""What peft calls a layer's tensors -> what kohya's trainer and LyCORIS call them."""


class Layers:
    """The layers of `training`, put into the U-Net of `trainee`, and into its text encoders where
    these learn too. They begin by changing nothing."""

    def __init__(self, trainee: Trainee, training: LoraTraining) -> None:
        self._trainee, self._training = trainee, training
        self.changes_texts = training.text_encoder_lr > 0
        self.modules = {"unet": trainee.unet}
        if self.changes_texts:
            self.modules |= trainee.text_encoders
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            for part, module in self.modules.items():
                _put(module, _unet(training) if part == "unet" else _config(training, TEXT))
        for module in self.modules.values():
            module.train()
            if training.gradient_checkpointing:
                checkpointed(module)

    def parameters(self, *parts: str) -> list[torch.nn.Parameter]:
        """Those that learn, of some `parts` or of all."""
        return [
            parameter
            for part, module in self.modules.items()
            if not parts or part in parts
            for parameter in module.parameters()
            if parameter.requires_grad
        ]

    def groups(self) -> list[dict[str, Any]]:
        """As `Adapter.groups`: the U-Net's layers, and those of the text encoders if they learn."""
        training = self._training
        groups = [{"params": self.parameters("unet"), "lr": training.learning_rate}]
        if self.changes_texts:
            learning = self.parameters(*self._trainee.text_encoders)
            groups.append({"params": learning, "lr": training.text_encoder_lr})
        return groups

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Part -> peft's names -> tensors, copies in host memory."""
        return {
            part: {key: value.detach().cpu().clone() for key, value in _tensors(module).items()}
            for part, module in self.modules.items()
        }

    def load_state(self, state: dict[str, dict[str, torch.Tensor]]) -> None:
        for part, module in self.modules.items():
            set_peft_model_state_dict(module, state[part])

    def exported(self) -> dict[str, torch.Tensor]:
        """In the layout of kohya's trainer (LyCORIS' for LoHa and LoKr), float16 where that holds
        them."""
        tensors: dict[str, torch.Tensor] = {}
        for part, module in self.modules.items():
            for name, roles in _by_layer(_tensors(module)).items():
                key = self._prefix(part) + self._flat(part, name)
                roles, alpha = self._settled(roles, self._rank(part, name))
                tensors |= {f"{key}.{role}": _stored(value) for role, value in roles.items()}
                tensors[f"{key}.alpha"] = torch.tensor(alpha)
        return tensors

    def _rank(self, part: str, name: str) -> int:
        is_convolution = part == "unet" and name.endswith(CONVOLUTIONS)
        return self._training.conv_rank if is_convolution else self._training.rank

    def _settled(
        self, roles: dict[str, torch.Tensor], rank: int
    ) -> tuple[dict[str, torch.Tensor], float]:
        """(the tensors of a layer of this `rank`, its alpha) as LyCORIS computes with them: where
        nothing has a rank, alpha counts for nothing."""
        scale = self._training.scale
        if "lokr_w1" in roles and "lokr_w2" in roles:
            return {**roles, "lokr_w1": roles["lokr_w1"] * scale}, float(rank)
        if "dora_scale" in roles:
            rows = roles["dora_scale"].numel()
            ones = (1,) * (roles["lora_up.weight"].ndim - 1)
            roles = {**roles, "dora_scale": roles["dora_scale"].reshape(rows, *ones)}
        return roles, scale * rank

    def _prefix(self, part: str) -> str:
        if part == "unet":
            return "lora_unet_"
        if part == "text_encoder_2":
            return "lora_te2_"
        return "lora_te1_" if len(self._trainee.text_encoders) > 1 else "lora_te_"

    def _flat(self, part: str, name: str) -> str:
        if part != "unet":
            return f"text_model.{name.removeprefix('text_model.')}".replace(".", "_")
        if self._trainee.family.size_conditioning:  # kohya's trainer keeps SDXL's original names
            name = original_name(f"{name}.weight", self._trainee.unet.config)
            name = name.removesuffix(".weight")
        return name.replace(".", "_")


def _unet(training: LoraTraining) -> Any:
    if not training.conv_rank:
        return _config(training, UNET)
    ranks = dict.fromkeys(CONVOLUTIONS, training.conv_rank)
    return _config(
        training,
        (*UNET, *CONVOLUTIONS),
        rank_pattern=ranks,
        alpha_pattern={name: training.scale * rank for name, rank in ranks.items()},
    )


def _config(training: LoraTraining, targets: tuple[str, ...], **patterns: Any) -> Any:
    shared = {"r": training.rank, "target_modules": list(targets), **patterns}
    alpha = training.effective_alpha
    if training.network == "loha":
        return LoHaConfig(**shared, alpha=alpha)
    if training.network == "lokr":
        return LoKrConfig(**shared, alpha=alpha)
    return LoraConfig(**shared, lora_alpha=alpha, use_dora=training.network == "dora")


def _put(module: torch.nn.Module, config: Any) -> None:
    inject_adapter_in_model(config, module)
    for parameter in module.parameters():
        if parameter.requires_grad:  # they learn in float32, whatever is computed with
            parameter.data = parameter.data.float()


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return get_peft_model_state_dict(module, save_embedding_layers=False)


def _by_layer(tensors: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """Layer -> role, as `_ROLES` names it -> tensor."""
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        name, role = next(_parted(key))
        layers.setdefault(name, {})[role] = value
    return layers


def _parted(key: str) -> Iterator[tuple[str, str]]:
    for theirs, ours in _ROLES.items():
        if key.endswith(f".{theirs}"):
            yield key.removesuffix(f".{theirs}"), ours


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    half = tensor.detach().cpu().half().contiguous()
    is_kept = math.isfinite(float(half.float().abs().max()))
    return half if is_kept else tensor.detach().cpu().float().contiguous()

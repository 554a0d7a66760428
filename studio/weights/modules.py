"""The modules of a checkpoint, made from their configurations without any weights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    ControlNetUnionModel,
    T2IAdapter,
    UNet2DConditionModel,
    ZImageTransformer2DModel,
)
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Qwen3Config,
    Qwen3Model,
)
from transformers.utils import logging as transformers_logging

from studio.domain.errors import CheckpointError
from studio.weights.ip_adapter import IpAdapter

transformers_logging.disable_progress_bar()  # its bar a file would tear ours apart

_WITH_PROJECTION = "CLIPTextModelWithProjection"

_IRRELEVANT = {
    "dtype", "torch_dtype", "sample_size", "transformers_version", "initializer_range",
    "initializer_factor", "model_type", "dropout", "attention_dropout",
}  # fmt: skip
"""Entries of a configuration that change neither the modules nor what they compute."""


_CLASSES = {
    "unet": UNet2DConditionModel,
    "transformer": ZImageTransformer2DModel,
    "vae": AutoencoderKL,
    "controlnet": ControlNetModel,
    "controlnet_union": ControlNetUnionModel,
    "t2i_adapter": T2IAdapter,
    "ip_adapter": IpAdapter,
    "tiny_vae": AutoencoderTiny,
}


class _Thread(threading.local):
    builds_empty = False


_thread = _Thread()


@contextmanager
def without_weights() -> Iterator[None]:
    """Modules that this thread makes within have their parameters on the meta device; buffers are
    what they are. Those of other threads are whole: nothing of theirs is changed meanwhile."""
    before, _thread.builds_empty = _thread.builds_empty, True
    try:
        yield
    finally:
        _thread.builds_empty = before


def _emptied(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:
    if not _thread.builds_empty:
        return None  # it stays
    return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)


# For good, as torch walks over its hooks in all threads while modules are made.
register_module_parameter_registration_hook(_emptied)


def build(part: str, config: dict[str, Any]) -> nn.Module:
    """The module of `part` ("unet", "transformer", "vae", "text_encoder", "text_encoder_2",
    "tiny_vae", "image_encoder" or one of `control_files`), its parameters on the meta device,
    without gradients, in evaluation mode.

    Raises `CheckpointError` if the configuration makes no sense.
    """
    try:
        with without_weights():
            if part in _CLASSES:
                module = _CLASSES[part].from_config(config)
            elif part == "image_encoder":
                module = CLIPVisionModelWithProjection(CLIPVisionConfig(**config))
            else:
                module = _text_encoder(config)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"its {part} cannot be built from its configuration ({first})"
        ) from error
    return module.requires_grad_(False).eval()


def _text_encoder(config: dict[str, Any]) -> nn.Module:
    if "Qwen3Model" in (config.get("architectures") or ()):
        return Qwen3Model(Qwen3Config(**config))
    cls = CLIPTextModelWithProjection if projects(config) else CLIPTextModel
    return cls(CLIPTextConfig(**config))


def projects(config: dict[str, Any]) -> bool:
    """Whether a text encoder of `config` ends in a projection."""
    return _WITH_PROJECTION in (config.get("architectures") or ())


def canonical(config: dict[str, Any]) -> dict[str, Any]:
    """What of a configuration makes a difference, so that equal modules have equal ones."""
    return {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and key not in _IRRELEVANT
    }


def shapes(part: str, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight that the module of `part` needs. Raises as `build`."""
    return _shapes(part, json.dumps(config, sort_keys=True))


@lru_cache(maxsize=64)
def _shapes(part: str, config: str) -> dict[str, tuple[int, ...]]:
    module = build(part, json.loads(config))
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}

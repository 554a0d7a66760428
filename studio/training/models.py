"""The model that is trained for: modules of our own, and what they make of pictures and captions.

What the manager lends stays as it is, and its weights are kept for inference alone. A training may
put layers into its modules and needs weights that gradients may pass, so it reads them for itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image
from torch.nn import functional

from studio.diffusion import latents
from studio.diffusion.conditioning import Text, TextModels
from studio.domain.errors import InvalidRequest, OutOfMemory, is_out_of_memory
from studio.domain.family import ModelFamily
from studio.domain.geometry import Size
from studio.domain.prompt_emphasis import Segment
from studio.domain.refs import ModelRef
from studio.domain.sampling import Sampling
from studio.domain.training import KINDS, Precision, Preparing, TrainingKind
from studio.training import buckets
from studio.training.dataset import TrainingPicture
from studio.weights import loader

_READ = {"float16", "bfloat16", "float32"}
_TEXTS_AT_ONCE = 8


@dataclass(frozen=True)
class Pictures:
    """latents   of each picture (1, C, h, w) float32, in host memory
    sizes     of each, (width, height) in pixels
    captions  of each
    masks     of each (1, 1, h, w), 0 to 1: how much a cell counts; None: all of them alike"""

    latents: list[torch.Tensor] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    masks: list[torch.Tensor | None] = field(default_factory=list)

    def add(
        self, latents: torch.Tensor, size: Size, caption: str, mask: torch.Tensor | None = None
    ) -> None:
        self.masks.append(mask)
        self.latents.append(latents)
        self.sizes.append(size)
        self.captions.append(caption)

    def mask(self, places: Sequence[int], device: torch.device) -> torch.Tensor | None:
        """(B, 1, h, w) for a batch; None: all of it counts alike."""
        masks = [self.masks[place] for place in places] if self.masks else []
        some = next((mask for mask in masks if mask is not None), None)
        if some is None:
            return None
        whole = torch.ones_like(some)
        return torch.cat([whole if mask is None else mask for mask in masks]).to(device)


class Trainee:
    """A checkpoint's modules on `device`: the U-Net and text encoders in `dtype`, the VAE in
    float32, whose own weights never learn.

    vae         may be given up after the pictures were encoded
    embeddings  word of captions -> the vectors that it stands for, of each text encoder
                (vectors, width)
    """

    def __init__(
        self, ref: ModelRef, modules: dict[str, torch.nn.Module], tokenizers: Sequence[Any]
    ) -> None:
        self.ref, self.family = ref, ref.family
        self.tokenizers = tokenizers
        self.unet = modules["unet"]
        self.text_encoders = {part: modules[part] for part in ref.family.text_parts}
        self.vae: torch.nn.Module | None = modules["vae"]
        self.embeddings: dict[str, tuple[torch.Tensor, ...]] = {}
        for module in modules.values():
            module.requires_grad_(False)

    @property
    def device(self) -> torch.device:
        return self.unet.device

    def encode(
        self,
        pictures: Sequence[TrainingPicture],
        resolution: int,
        encoded: Pictures,
        is_masked: bool = False,
    ) -> Iterator[Preparing]:
        """Put what the VAE makes of `pictures` into `encoded`, each at the size of its bucket, with
        their masks if they are wanted. Raises `InvalidRequest`."""
        for done, picture in enumerate(pictures, 1):
            size = buckets.size_for(picture.size, resolution)
            pixels = latents.to_pixels(buckets.fitted(picture.image(), size))
            try:
                with torch.no_grad():
                    found = latents.encode(self.vae, pixels).cpu()
            except latents.Overflow:
                raise InvalidRequest(
                    f"{picture.path}: the VAE makes no latents of it. Remove the picture, or "
                    "choose another checkpoint."
                ) from None
            mask = picture.mask_image() if is_masked else None
            cells = None if mask is None else _cells(mask, size, self.family.vae_factor)
            encoded.add(found, size, picture.caption, cells)
            yield Preparing("pictures", done, len(pictures))

    def token_tables(self) -> dict[str, torch.Tensor]:
        """Text encoder -> what it knows tokens as (vocabulary, width)."""
        return {
            part: encoder.get_input_embeddings().weight
            for part, encoder in self.text_encoders.items()
        }

    def read(self, captions: Sequence[str]) -> list[Text]:
        """What the text encoders say of `captions`, literally; gradients pass to what learns."""
        encoders = tuple(self.text_encoders.values())
        models = TextModels(self.family, self.tokenizers, encoders, self.embeddings)
        # An empty caption is what guidance leads away from, which some families have as zeros.
        asked = [([Segment(text, 1.0, 0, len(text))], not text) for text in captions]
        return self.family.texts(asked, _SAMPLING, models, self.device)

    def read_all(self, captions: Sequence[str]) -> dict[str, Text]:
        """Caption -> what they say of it, in host memory, without gradients."""
        known: dict[str, Text] = {}
        different = list(dict.fromkeys(captions))
        for start in range(0, len(different), _TEXTS_AT_ONCE):
            group = different[start : start + _TEXTS_AT_ONCE]
            with torch.no_grad():
                known |= dict(zip(group, map(_in_host, self.read(group)), strict=True))
        return known

    @cached_property
    def _nothing(self) -> torch.Tensor:
        """(1, 77, C), an empty chunk, by which shorter texts are filled up."""
        models = TextModels(self.family, self.tokenizers, tuple(self.text_encoders.values()))
        with torch.no_grad():
            [text] = self.family.texts(
                [([Segment("", 1.0, 0, 0)], False)], _SAMPLING, models, self.device
            )
        return text.embeds

    def predict(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, texts: Sequence[Text]
    ) -> torch.Tensor:
        """The U-Net's answer to latents (B, C, h, w) at `timesteps` (B,), each under its text."""
        height, width = (cells * self.family.vae_factor for cells in noisy.shape[2:])
        told = [self.family.at_size(text, False, (width, height)) for text in texts]
        more = {}
        if told[0].time_ids is not None:
            more["added_cond_kwargs"] = {
                "text_embeds": torch.cat([text.pooled.to(self.device) for text in told]),
                "time_ids": torch.cat([text.time_ids.to(self.device) for text in told]),
            }
        embeds = self._of_one_length([text.embeds.to(self.device) for text in told])
        return self.unet(noisy, timesteps, encoder_hidden_states=embeds, **more).sample

    def _of_one_length(self, embeds: Sequence[torch.Tensor]) -> torch.Tensor:
        most = max(each.shape[1] for each in embeds)
        rows = []
        for each in embeds:
            missing = (most - each.shape[1]) // 77
            rows.append(torch.cat([each, *[self._nothing.to(each)] * missing], 1))
        return torch.cat(rows)


def _cells(mask: Image.Image, size: Size, factor: int) -> torch.Tensor:
    """`mask` (L) as (1, 1, h, w), 0 to 1: the mean of what lies in each latent cell."""
    levels = np.array(buckets.fitted(mask, size), np.float32) / 255
    return functional.avg_pool2d(torch.from_numpy(levels)[None, None], factor)


_SAMPLING = Sampling()


def _in_host(text: Text) -> Text:
    pooled = None if text.pooled is None else text.pooled.cpu()
    return dataclasses.replace(text, embeds=text.embeds.cpu(), pooled=pooled)


def check(ref: ModelRef, kind: TrainingKind) -> None:
    """Raises `InvalidRequest` where no model of that kind can be trained for it here."""
    family: ModelFamily | None = ref.family
    if family is None or family.backbone != "unet" or kind not in family.takes:
        name, trained = family.name if family else "an unknown family", KINDS[kind]
        raise InvalidRequest(
            f"{ref.name} is of {name}, for which no {trained} can be trained here. Choose a "
            "checkpoint of Stable Diffusion 1.x, 2.x or XL, or picturebook.",
            "checkpoint",
        )
    if ref.facts.task != "base" or ref.facts.lacks:
        why = f"lacks its {ref.facts.lacks[0]}" if ref.facts.lacks else f"is for {ref.facts.task}"
        raise InvalidRequest(
            f"{ref.name} {why}. Train for the whole checkpoint that it was made from: what "
            "is learnt fits both.",
            "checkpoint",
        )


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """What is computed with on `device`."""
    if precision == "auto":
        fits = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if fits else torch.float32
    return getattr(torch, precision)


def checkpointed(module: torch.nn.Module) -> None:
    """From now on `module` keeps less for gradients, and computes it again."""
    module.train()  # else neither library does
    if hasattr(module, "enable_gradient_checkpointing"):  # diffusers'
        module.enable_gradient_checkpointing()
    else:
        module.activation_checkpointing_enable({"use_reentrant": False})


def memory_bytes(device: torch.device) -> int:
    """Most that was taken of `device` so far; on the CPU what this process takes now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def load(ref: ModelRef, device: torch.device, dtype: torch.dtype) -> Trainee:
    """Read `ref` into modules of their own. Raises as `loader.read` does, and `OutOfMemory` where
    the device is too small."""
    stored = ref.facts.dtype if ref.facts.dtype in _READ else "float32"
    *_, (_, _, weights) = loader.read(ref, getattr(torch, stored))
    modules = {}
    try:
        for part in ("unet", *ref.family.text_parts, "vae"):
            module = loader.build(part, weights.configs[part])
            own = torch.float32 if part == "vae" else dtype
            tensors = weights.parts.pop(part).items()
            module.load_state_dict(
                {
                    key: value.to(own) if value.is_floating_point() else value
                    for key, value in tensors
                },
                assign=True,
            )
            modules[part] = module.to(device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{ref.name} does not fit into the memory of {device}. Close other programs that use "
            "it, or train with --precision bfloat16."
        ) from None
    modules["unet"].to(memory_format=torch.channels_last)
    return Trainee(ref, modules, weights.tokenizers)

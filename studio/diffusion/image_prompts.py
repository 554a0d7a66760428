"""Pictures as prompts (IP-Adapter, arXiv:2308.06721): tokens made of a picture, which the U-Net's
cross attentions read beside the text, through diffusers' attention processors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from PIL import Image
from torch import nn
from torch.nn import functional

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures CLIP was trained on, a channel: it takes them with mean 0 and spread 1."""


@dataclass(frozen=True)
class ImagePrompt:
    """What one IP-Adapter adds to a prediction.

    adapter  a module with `to_k_ip` and `to_v_ip`, one each for every cross attention
    tokens   (B, 1, tokens, width of text), one row for each of the U-Net's
    scale    what it adds is multiplied by this
    region   (1, 1, h, w), 0 to 1, in latent cells: where it acts; None: everywhere
    """

    adapter: nn.Module
    tokens: torch.Tensor
    scale: float
    region: torch.Tensor | None = None


def fits(encoder: nn.Module, adapter: nn.Module) -> bool:
    """Whether the adapter can read what that image encoder says."""
    config, projection = encoder.config, adapter.projection
    if adapter.reads_embedding:
        return projection.image_embeds.in_features == config.projection_dim
    first = next(layer for layer in projection.modules() if isinstance(layer, nn.Linear))
    return first.in_features == config.hidden_size


def pixels(image: Image.Image, side: int) -> torch.Tensor:
    """(1, 3, side, side) of an RGB picture: its middle, resized and cut as for CLIP's training."""
    shortest = min(image.size)
    width, height = (length * side // shortest for length in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    values = np.asarray(image, np.float32) / 255
    values = (values - np.float32(CLIP_MEAN)) / np.float32(CLIP_SPREAD)
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def features(encoder: nn.Module, adapter: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """What the encoder says of no picture and of `image` (`pixels`), (2, …), for that adapter. No
    picture is its zeros: an embedding of zeros for one that reads embeddings, a gray picture for
    others, as these were trained."""
    image = image.to(encoder.device, encoder.dtype)
    if adapter.reads_embedding:
        embedding = encoder(image).image_embeds
        return torch.cat([torch.zeros_like(embedding), embedding])
    both = torch.cat([torch.zeros_like(image), image])
    return encoder(both, output_hidden_states=True).hidden_states[-2]


def tokens(adapter: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """(2, tokens, width of text), of the `features` of a picture."""
    return adapter.projection(features.to(adapter.device, adapter.dtype))


class ImageAttention:
    """The U-Net's cross attentions with image prompts, lent for one call at a time."""

    def __init__(self, unet: nn.Module) -> None:
        names = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
        self._layers = [unet.get_submodule(name.removesuffix(".processor")) for name in names]
        self._made: dict[tuple[Any, ...], list[_Processor]] = {}

    @contextmanager
    def lent(self, prompts: Sequence[ImagePrompt]) -> Iterator[None]:
        """Within it the U-Net takes (text, [tokens of each]) for its text; after it, it is as it
        was, whatever happened."""
        kind = tuple((id(prompt.adapter), prompt.scale, id(prompt.region)) for prompt in prompts)
        if kind not in self._made:
            places = range(len(self._layers))
            self._made[kind] = [_Processor(place, prompts) for place in places]
        own = [layer.processor for layer in self._layers]
        try:
            for layer, processor in zip(self._layers, self._made[kind], strict=True):
                layer.set_processor(processor)
            yield
        finally:
            for layer, processor in zip(self._layers, own, strict=True):
                layer.set_processor(processor)


class _Processor(IPAdapterAttnProcessor2_0):
    """diffusers' own, with weights that it only borrows; it finds out by itself where in the
    picture each query lies, for which diffusers' masks have but a guess."""

    def __init__(self, place: int, prompts: Sequence[ImagePrompt]) -> None:
        super().__init__(hidden_size=0, cross_attention_dim=0, num_tokens=())
        self.scale = [prompt.scale for prompt in prompts]
        self.to_k_ip = nn.ModuleList(prompt.adapter.to_k_ip[place] for prompt in prompts)
        self.to_v_ip = nn.ModuleList(prompt.adapter.to_v_ip[place] for prompt in prompts)
        self._regions = [prompt.region for prompt in prompts]

    def __call__(
        self, attn: nn.Module, hidden_states: torch.Tensor, *more: Any, **named: Any
    ) -> torch.Tensor:
        queries = hidden_states.shape[1]
        if any(region is not None for region in self._regions):
            named["ip_adapter_masks"] = [_at_level(region, queries) for region in self._regions]
        return super().__call__(attn, hidden_states, *more, **named)


def _at_level(region: torch.Tensor | None, queries: int) -> torch.Tensor | None:
    """`region` for a layer of so many queries, as one column, so that nothing remains to be
    resized."""
    if region is None:
        return None
    height, width = region.shape[2:]
    while height * width > queries:
        height, width = -(-height // 2), -(-width // 2)
    return functional.interpolate(region, (height, width), mode="area").reshape(1, 1, queries, 1)

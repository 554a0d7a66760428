"""The deep blocks of a U-Net, left out at some calls (DeepCache, Ma et al. 2023, arXiv:2312.00858).

What they say changes little from one step to the next. So that of an earlier call is taken once
more, and only the layers next to the sample are computed anew: the first ones of the way down,
whose skip connections lead to the last ones of the way up. ControlNets are left out with the deep
blocks, which take most of what they add; what they add to these skip connections is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from studio.diffusion.rows import DeepRows, one

LAYERS = 2
"""So many layers at the end of the way up are always computed, or all of the last block where that
has fewer: each has a skip connection."""


def seen(unet: nn.Module, call: Callable[[], tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    """The answer of a whole `call` of `unet`, and after it what its deep blocks said of all rows,
    (R, C, h, w). After it the U-Net is as it was, whatever happened."""
    layer = unet.up_blocks[-1].resnets[-_layers(unet)]
    channels = layer.in_channels - unet.conv_in.out_channels  # the others are the skip connection
    said: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, given: said.append(given[0][:, :channels]))
    try:
        answer = call()
    finally:
        hook.remove()
    return *answer, said[0]


def keep(
    rows: Sequence[DeepRows], features: torch.Tensor, residuals: Sequence[torch.Tensor]
) -> None:
    """Of a whole call, for `rows`, `features` as they were `seen`, and the `residuals` of all rows
    that ControlNets added on its way down."""
    for each in rows:
        own = slice(each.first, each.first + each.count)
        each.deep.features = features[own]
        each.deep.residuals = tuple(residual[own] for residual in residuals[:LAYERS])


def kept(rows: Sequence[DeepRows]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """(features, residuals) of `rows`, all those of a call."""
    residuals = zip(*(each.deep.residuals for each in rows), strict=True)
    return one([each.deep.features for each in rows]), tuple(map(one, residuals))


def shallow(
    unet: nn.Module,
    given: Mapping[str, Any],
    features: torch.Tensor,
    residuals: Sequence[torch.Tensor] = (),
) -> torch.Tensor:
    """What `unet`, a UNet2DConditionModel, predicts without its deep blocks, (R, C, h, w): what was
    `kept` stands for them. `given` is what the whole call is given: were nothing else than in the
    call that was kept, the answer would be the same to the last bit."""
    sample, text = given["sample"], given["encoder_hidden_states"]
    time = unet.time_embedding(unet.get_time_embed(sample=sample, timestep=given["timestep"]))
    told = unet.get_aug_embed(emb=time, encoder_hidden_states=text, added_cond_kwargs=given)
    if told is not None:
        time = time + told
    inner = given.get("down_intrablock_additional_residuals", ())
    skips = _way_down(unet, sample, time, text, inner)
    for number, residual in enumerate(residuals[: len(skips)]):
        skips[number] = skips[number] + residual
    block = unet.up_blocks[-1]
    for number in range(len(block.resnets) - len(skips), len(block.resnets)):
        features = torch.cat([features, skips.pop()], dim=1)
        features = _layer(block, number, features, time, text)
    if unet.conv_norm_out:
        features = unet.conv_act(unet.conv_norm_out(features))
    return unet.conv_out(features)


def _layers(unet: nn.Module) -> int:
    return min(LAYERS, len(unet.up_blocks[-1].resnets))


def _way_down(
    unet: nn.Module,
    sample: torch.Tensor,
    time: torch.Tensor,
    text: Any,
    inner: Sequence[torch.Tensor],
) -> list[torch.Tensor]:
    """The first skip connections, one for each of the last layers, without what ControlNets add."""
    block = unet.down_blocks[0]
    features = unet.conv_in(sample)
    skips = [features]
    for number in range(_layers(unet) - 1):
        features = _layer(block, number, features, time, text)
        # A block without attention is given them after it was made smaller, which is deep.
        if inner and number == len(block.resnets) - 1 and hasattr(block, "attentions"):
            features = features + inner[0]
        skips.append(features)
    return skips


def _layer(
    block: nn.Module, number: int, features: torch.Tensor, time: torch.Tensor, text: Any
) -> torch.Tensor:
    features = block.resnets[number](features, time)
    if hasattr(block, "attentions"):
        attention = block.attentions[number]
        features = attention(features, encoder_hidden_states=text, return_dict=False)[0]
    return features

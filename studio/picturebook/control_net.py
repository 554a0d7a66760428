"""picturebook's ControlNets: their shape, their beginning, and a U-Net that obeys one.

A ControlNet (Zhang et al. 2023) is a trainable copy of the U-Net's encoder half that also sees a
map and adds to the skip connections. These have a smaller middle than the U-Net, which sees 2 × 2
cells where the map has nothing left to say, and a slimmer way in for the map: 10 MB instead of 16.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import nn

HINT_CHANNELS = (16, 32, 64, 128)
MODELS = Path(__file__).resolve().parents[2] / "assets" / "models"


def folder_of(kind):
    """Where the ControlNet of a `kind` of `control_maps.KINDS` is shipped."""
    return MODELS / f"picturebook-controlnet-{kind}"


def new_controlnet(unet):
    """A ControlNetModel for `unet`, with the U-Net's weights where the two agree.

    Its output is zero until it has learnt: all convolutions into the skip connections are.
    """
    config = unet.config
    net = ControlNetModel(
        in_channels=config.in_channels,
        down_block_types=config.down_block_types,
        mid_block_type="UNetMidBlock2D",
        block_out_channels=config.block_out_channels,
        layers_per_block=config.layers_per_block,
        norm_num_groups=config.norm_num_groups,
        cross_attention_dim=config.cross_attention_dim,
        attention_head_dim=config.attention_head_dim,
        conditioning_embedding_out_channels=HINT_CHANNELS,
    )
    wanted = net.state_dict()
    shared = {name: value for name, value in unet.state_dict().items() if name in wanted}
    unknown = [name for name in wanted if name not in shared and not name.startswith("controlnet_")]
    if unknown:
        raise ValueError(f"the U-Net has no {unknown[0]}")
    net.load_state_dict(shared, strict=False)
    return net


class Controlled(nn.Module):
    """A U-Net with a ControlNet, called as the U-Net alone is.

    `hints` are maps in 0..1, float (n, 3, height, width) in pixels; the batch of a call is some
    whole number of times n (both halves of guidance see the same maps).
    """

    def __init__(self, unet, controlnet, hints, scale=1.0):
        super().__init__()
        self.unet, self.controlnet, self.scale = unet, controlnet, scale
        self.hints = hints
        self.config = unet.config

    def forward(self, noisy, timesteps, states):
        """The U-Net's output; what the ControlNet adds is multiplied by `scale`."""
        hints = self.hints.repeat(len(noisy) // len(self.hints), 1, 1, 1)
        down, middle = self.controlnet(
            noisy, timesteps, states, hints, conditioning_scale=self.scale, return_dict=False
        )
        return self.unet(
            noisy,
            timesteps,
            states,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        )


def hint_tensor(maps):
    """uint8 maps (n, height, width, 3) to what a ControlNet takes: float32 (n, 3, h, w), 0..1."""
    hints = torch.from_numpy(np.asarray(maps)).permute(0, 3, 1, 2).float() / 255
    return hints.contiguous(memory_format=torch.channels_last)

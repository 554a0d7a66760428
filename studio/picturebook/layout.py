"""Where things are, asked of the U-Net's features while it learns.

An object's place is decided at the noisiest timesteps, where the error of the predicted noise
hardly shows it: trained on that error alone the model learnt everything but places. So small heads
ask the features directly, from the middle of the U-Net to its end: is there an object at this
cell, and where in the picture is this cell? With them it began to obey places within a hundred
steps. The heads are thrown away after training.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class LayoutHeads(nn.Module):
    """1 × 1 convolutions on what `unet` computes in its middle, after its first block up and before
    its last layer."""

    def __init__(self, unet):
        super().__init__()
        widths = unet.config.block_out_channels
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(nn.GroupNorm(16, width), nn.Conv2d(width, 3, 1))
                for name, width in (("middle", widths[-1]), ("up", widths[-1]), ("end", widths[0]))
            }
        )
        self._features = {}
        unet.mid_block.register_forward_hook(lambda _, __, out: self._note("middle", out))
        unet.up_blocks[0].register_forward_hook(lambda _, __, out: self._note("up", out))
        unet.conv_out.register_forward_pre_hook(lambda _, inputs: self._note("end", inputs[0]))

    def _note(self, name, features):
        if torch.is_grad_enabled():
            self._features[name] = features

    def loss(self, present):
        """Of the U-Net's last batch: cross entropy for `present` (n, 1, height, width), 1 where an
        object is, and the squared error of each cell's position, summed over the heads."""
        total = 0.0
        for name, features in self._features.items():
            predicted = self.heads[name](features.float())
            shape = predicted.shape[2:]
            wanted = functional.interpolate(present, shape, mode="area")
            there = functional.binary_cross_entropy_with_logits(predicted[:, :1], wanted)
            where = functional.mse_loss(
                predicted[:, 1:], positions(shape, predicted).expand_as(predicted[:, 1:])
            )
            total = total + there + 0.3 * where
        return total


def positions(shape, like):
    """(1, 2, height, width): x and y of every cell, −1…1; on the device of `like`."""
    rows, columns = (torch.linspace(-1, 1, side, device=like.device) for side in shape)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None]


def presence(scene, shape):
    """float32 array (height, width), 1 where an object of `scene` is about; in latent cells."""
    height, width = shape
    present = np.zeros(shape, np.float32)
    for item in scene.items:
        left, top, right, bottom = item.extent((width, height))
        present[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1] = 1
    return present

"""What a ControlNet has understood of its map, asked of its features while it learns.

Through the frozen U-Net alone the first sign of what a map means comes late: after a hundred steps
the loss had not moved. So small heads ask along the way, from the map's own convolutions to the end
of the encoder: which classes are in this cell, and what are its clean latents? They are thrown
away after training.
"""

import torch
from torch import nn
from torch.nn import functional

from studio.picturebook.vocabulary import CLASSES

LATENTS = 4


class MapHeads(nn.Module):
    """1 × 1 convolutions on the features of `controlnet` after its way in for the map and after
    each level. `loss` speaks of the last batch that went through it."""

    def __init__(self, controlnet):
        super().__init__()
        config = controlnet.config
        widths = (config.conditioning_embedding_out_channels[-1], *config.block_out_channels)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(16, width), nn.Conv2d(width, LATENTS + len(CLASSES), 1))
            for width in widths
        )
        self._features = {}
        way_in = controlnet.controlnet_cond_embedding.blocks[-1]
        way_in.register_forward_hook(lambda _, __, out: self._note(0, out))
        for k, block in enumerate(controlnet.down_blocks):
            block.register_forward_hook(lambda _, __, out, k=k: self._note(k + 1, out[1][0]))

    def _note(self, index, features):
        if torch.is_grad_enabled():
            self._features[index] = features

    def loss(self, latents, labels):
        """Cross entropy of the classes plus the squared error of the latents, mean over the heads.

        `latents` are clean and scaled, (n, 4, h, w); `labels` int64 (n, height, width) in pixels.
        """
        shares = functional.one_hot(labels, len(CLASSES)).movedim(-1, 1).float()
        shares = functional.interpolate(shares, latents.shape[2:], mode="area")
        total = 0.0
        for index, features in self._features.items():
            predicted = self.heads[index](features.float())
            shape = predicted.shape[2:]
            wanted = functional.interpolate(shares, shape, mode="area")
            total = total + functional.cross_entropy(predicted[:, LATENTS:], wanted)
            clean = functional.interpolate(latents, shape, mode="area")
            total = total + functional.mse_loss(predicted[:, :LATENTS], clean)
        return total / len(self.heads)

"""The segmenter's network: says of every pixel of a picture of the world what it shows.

A small U-Net (Ronneberger et al. 2015); `control_segmenter` trains it. It ships with its weights.
"""

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from studio.picturebook.vocabulary import CLASSES

_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "_shipped"  # where an installation has what a checkout has at its top
SEGMENTER_PATH = (
    (_SHIPPED if _SHIPPED.exists() else _PACKAGE.parent)
    / "assets" / "models" / "picturebook-segmenter" / "model.safetensors"
)  # fmt: skip
WIDTHS = (24, 48, 80, 112)
_SIDE, _CELL = 128, 16
_LONGEST = 512


def seen_size(size):
    """The size, (width, height) in px, at which it looks at a picture of `size`: its short side is
    what the network was trained at, both sides are multiples of _CELL."""
    scale = min(_SIDE / min(size), _LONGEST / max(size))
    width, height = (max(_CELL, round(side * scale / _CELL) * _CELL) for side in size)
    return width, height


class Segmenter(nn.Module):
    """Pictures in -1..1, float (n, 3, height, width), sides multiples of 16, to logits."""

    def __init__(self):
        super().__init__()
        ins = (3, *WIDTHS)
        self.down = nn.ModuleList(
            nn.Sequential(_layer(a, b, 2), _layer(b, b, 1))
            for a, b in zip(ins, WIDTHS, strict=False)
        )
        pairs = list(zip(WIDTHS[::-1], WIDTHS[-2::-1], strict=False))
        self.up = nn.ModuleList(_layer(a + b, b, 1) for a, b in pairs)
        self.head = nn.Conv2d(WIDTHS[0], len(CLASSES), 1)

    def forward(self, pictures):
        """Logits at half the size: float (n, classes, height / 2, width / 2)."""
        return self.classes(self.levels(pictures))

    def levels(self, pictures):
        """What is found at a half, a quarter, … of the size: a list of float (n, width, …)."""
        levels = []
        for layers in self.down:
            pictures = layers(pictures)
            levels.append(pictures)
        return levels

    def classes(self, levels):
        """The logits of `forward`."""
        features = levels[-1]
        for layer, level in zip(self.up, levels[-2::-1], strict=True):
            larger = F.interpolate(features, level.shape[2:], mode="bilinear")
            features = layer(torch.cat([larger, level], 1))
        return self.head(features)

    @torch.no_grad()
    def read(self, pictures):
        """The class of every pixel: uint8 array (n, height, width) of indices into CLASSES. It
        looks at the pictures at their `seen_size`."""
        self.eval()
        height, width = pictures.shape[2:]
        seen = seen_size((width, height))[::-1]
        small = F.interpolate(pictures, seen, mode="bilinear", antialias=True)
        logits = F.interpolate(self(small), (height, width), mode="bilinear")
        return logits.argmax(1).byte().cpu().numpy()

    def save(self, path=SEGMENTER_PATH):
        """Write the weights as fp16 safetensors."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.half().contiguous() if value.is_floating_point() else value.contiguous()
            for name, value in self.state_dict().items()
        }
        temporary = path.with_suffix(".tmp")
        save_file(weights, temporary, {"format": "pt"})
        temporary.chmod(0o644)
        os.replace(temporary, path)

    @classmethod
    def load(cls, path=SEGMENTER_PATH):
        """The segmenter with the weights in `path`, float32, ready to read pictures."""
        segmenter = cls()
        segmenter.load_state_dict(load_file(path))
        return segmenter.float().eval()


def _layer(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )

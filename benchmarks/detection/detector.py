"""A small detector of our own: FCOS (arXiv:1904.01355) with one level, a point every eight pixels.

Each point says of which class the thing around it is, how far that thing's sides are, and how near
to its middle the point lies. Truth is kept as float32 (pictures, things, 5): left, top, right and
bottom in pixels, then the class; a class below 0 stands for no thing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

STRIDE = 8
_RADIUS = 1.5 * STRIDE
"""How near to a thing's middle a point must be that answers for it."""
_BATCH = 32
_LEAST_SCORE, _SAME_THING, _MOST = 0.02, 0.6, 30


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    layers = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)


class Detector(nn.Module):
    """About 300,000 weights. Takes uint8 (n, 3, height, width) of sides that 16 divides."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.fine = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 48, 2), _Block(48))
        self.coarse = nn.Sequential(_conv(48, 96, 2), _Block(96), nn.Conv2d(96, 48, 1))
        self.head = _conv(48, 48)
        self.says = nn.Conv2d(48, classes + 5, 3, padding=1)
        nn.init.normal_(self.says.weight, std=0.01)
        nn.init.zeros_(self.says.bias)
        nn.init.constant_(self.says.bias[:classes], -4.6)  # things are rare: one point in a hundred

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each of the points: logits (n, points, classes), box (n, points, 4) in pixels, and
        the logit (n, points) of being in the middle."""
        fine = self.fine(pictures.float() / 127.5 - 1)
        around = functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        said = self.says(self.head(fine + around))
        points = points_of(said.shape[-2], said.shape[-1])
        said = said.flatten(2).transpose(1, 2)
        far = said[..., self.classes : self.classes + 4].clamp(max=4).exp() * 2 * STRIDE
        boxes = torch.cat([points - far[..., :2], points + far[..., 2:]], -1)
        return said[..., : self.classes], boxes, said[..., -1]


def points_of(height: int, width: int) -> Tensor:
    """(height · width, 2): x and y in pixels, row by row."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y], -1).reshape(-1, 2).float() + 0.5) * STRIDE


def answers(points: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What each point should say: class (n, points), -1 for nothing, box (n, points, 4), and how
    near to the middle it is (n, points), 0 to 1. Of several things around it the smallest."""
    boxes = truth[:, None, :, :4]
    far = torch.cat([points[:, None] - boxes[..., :2], boxes[..., 2:] - points[:, None]], -1)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    is_near = (points[:, None] - middle).abs().amax(-1) < _RADIUS
    fits = (far.amin(-1) > 0) & is_near & (truth[:, None, :, 4] >= 0)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    area = area.expand(fits.shape).masked_fill(~fits, torch.inf)
    least, which = area.min(-1)
    chosen = truth.gather(1, which[..., None].expand(-1, -1, 5))
    kinds = chosen[..., 4].long().masked_fill(least.isinf(), -1)
    far = far.gather(2, which[..., None, None].expand(-1, -1, 1, 4))[:, :, 0].clamp(min=1e-3)
    across, down = far[..., 0::2], far[..., 1::2]
    near = across.amin(-1) / across.amax(-1) * down.amin(-1) / down.amax(-1)
    return kinds, chosen[..., :4], near.sqrt()


def loss_of(said: tuple[Tensor, Tensor, Tensor], truth: Tensor, points: Tensor) -> Tensor:
    """Focal loss of the classes, GIoU of the boxes, and cross entropy of the middles."""
    logits, boxes, middles = said
    kinds, wanted, near = answers(points, truth)
    is_thing = kinds >= 0
    count = max(1, int(is_thing.sum()))
    hot = functional.one_hot(kinds.clamp(min=0), logits.shape[-1]) * is_thing[..., None]
    loss = ops.sigmoid_focal_loss(logits, hot.float(), reduction="sum")
    loss = loss + ops.generalized_box_iou_loss(boxes[is_thing], wanted[is_thing], reduction="sum")
    loss = loss + functional.binary_cross_entropy_with_logits(
        middles[is_thing], near[is_thing], reduction="sum"
    )
    return loss / count


def flipped(pictures: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Left and right changed."""
    left, top, right, bottom, kind = truth.unbind(-1)
    width = pictures.shape[-1]
    return pictures.flip(-1), torch.stack([width - right, top, width - left, bottom, kind], -1)


def train(
    pictures: Tensor,
    truth: Tensor,
    classes: int,
    steps: int,
    told: Callable[[int, float], None] = lambda step, loss: None,
) -> Detector:
    """From scratch, on `steps` batches, half of them flipped, with light and contrast changed."""
    torch.manual_seed(0)
    model = Detector(classes).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, steps, pct_start=max(0.1, 2 / steps)
    )
    points = points_of(pictures.shape[-2] // STRIDE, pictures.shape[-1] // STRIDE)
    rows = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        while len(rows) < _BATCH:
            rows = torch.cat([rows, torch.randperm(len(pictures))])
        batch, rows = rows[:_BATCH], rows[_BATCH:]
        seen, wanted = pictures[batch], truth[batch]
        if step % 2:
            seen, wanted = flipped(seen, wanted)
        contrast = torch.empty(len(seen), 1, 1, 1).uniform_(0.8, 1.2)
        light = torch.empty(len(seen), 3, 1, 1).uniform_(-16, 16)
        seen = ((seen.float() - 128) * contrast + 128 + light).clamp(0, 255)
        loss = loss_of(model(seen.contiguous(memory_format=torch.channels_last)), wanted, points)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
        told(step + 1, float(loss.detach()))
    return model.eval()


@torch.no_grad()
def found(model: Detector, pictures: Tensor) -> list[np.ndarray]:
    """Of each picture float (things, 6): left, top, right, bottom in pixels, class, score."""
    everything = []
    for batch in pictures.split(100):
        logits, boxes, middles = model(batch)
        scores = (logits.sigmoid() * middles.sigmoid()[..., None]).sqrt()
        boxes = ops.clip_boxes_to_image(boxes, (pictures.shape[-2], pictures.shape[-1]))
        for box, score in zip(boxes, scores, strict=True):
            point, kind = (score > _LEAST_SCORE).nonzero(as_tuple=True)
            box, score = box[point], score[point, kind]
            kept = ops.batched_nms(box, score, kind, _SAME_THING)[:_MOST]
            columns = [box[kept], kind[kept, None].float(), score[kept, None]]
            everything.append(torch.cat(columns, 1).numpy())
    return everything

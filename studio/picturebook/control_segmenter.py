"""The training of the segmenter, on drawn scenes, a part of them sent through picturebook's VAE. It
measures what ControlNets do; it ships with its weights, so that no evaluation needs a training.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

from studio.picturebook.optim import Optimizer
from studio.picturebook.segmenter import Segmenter
from studio.picturebook.train_vae import reconstruct, to_tensor
from studio.picturebook.training import learning_rate
from studio.picturebook.world import CLASSES, Scene

SEED = 91
BATCH = 16


def _drawn(scenes, size):
    """Pictures, float (n, 3, h, w) in -1..1, and their classes, int64 (n, h, w)."""
    pictures = to_tensor(np.stack([np.asarray(scene.draw(size)) for scene in scenes]))
    labels = np.stack([scene.segmentation(size) for scene in scenes])
    return pictures, torch.from_numpy(labels).long()


def train_segmenter(vae, native=128, minutes=4.5, scenes=3200):
    """A trained Segmenter. `minutes` is the budget of the training, the drawing comes on top;
    every third picture has been through the `vae`."""
    torch.manual_seed(SEED)
    size = (native, native)
    pictures, labels = [], []
    for start in range(0, scenes, BATCH):
        made = [Scene.random(np.random.default_rng((SEED, start + k))) for k in range(BATCH)]
        drawn, classes = _drawn(made, size)
        if start // BATCH % 3 == 0:
            drawn = reconstruct(vae, drawn, next(vae.parameters()).device.type).clamp(-1, 1)
        pictures.append((drawn * 127.5 + 127.5).round().byte())
        labels.append(classes.byte())
    pictures, labels = torch.cat(pictures), torch.cat(labels)
    segmenter = Segmenter().to(memory_format=torch.channels_last).train()
    optimizer = Optimizer([segmenter], 2e-3, 0.02, ("head", "down.0.0"))
    # Small things count more than their few pixels.
    share = torch.bincount(labels.flatten(), minlength=len(CLASSES)) / labels.numel()
    weight = (share + 1e-3) ** -0.3
    start, step = time.monotonic(), 0
    while (spent := (time.monotonic() - start) / (60 * minutes)) < 1:
        rows = torch.randint(len(pictures), (BATCH,))
        batch = pictures[rows].float().div(127.5).sub(1)
        wanted = labels[rows][:, ::2, ::2].long()
        loss = F.cross_entropy(segmenter(_varied(batch)), wanted, weight)
        loss.backward()
        optimizer.step(learning_rate(1, step, spent, warmup=30))
        step += 1
        if step % 50 == 0:
            print(f"segmenter: step {step} loss {loss.item():.3f}, {spent:.0%}", flush=True)
    return segmenter.eval()


def _varied(batch):
    """Blur a third of the batch and vary all brightness a little: what is generated is softer."""
    third = len(batch) // 3
    side = batch.shape[-1]
    low = F.interpolate(batch[:third], (int(side * 0.6),) * 2, mode="bilinear", antialias=True)
    batch[:third] = F.interpolate(low, (side, side), mode="bilinear")
    return (batch * (1 + 0.06 * torch.randn(len(batch), 3, 1, 1))).clamp(-1, 1)


def confusion(truth, predicted):
    """int64 (classes, classes): how many pixels of each true class were found to be which."""
    count = len(CLASSES)
    pairs = truth.astype(np.int64).ravel() * count + predicted.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def mean_iou(table):
    """Mean intersection over union, 0..1, of a `confusion`, over the classes in its truth."""
    right, truth = np.diag(table), table.sum(1)
    union = truth + table.sum(0) - right
    present = truth > 0
    return float((right[present] / union[present]).mean())

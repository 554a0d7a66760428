"""Batches that a ControlNet learns from: latents, maps and captions of the drawn scenes."""

import numpy as np
import torch

from studio.picturebook import captions, control_maps, data
from studio.picturebook.control_net import hint_tensor
from studio.picturebook.tokenizer import token_ids

# How many captions are empty, and how many are the shortest of three: what they leave out, the map
# has to tell.
DROPOUT, TERSE = 0.10, 0.25
HELD = 64  # square scenes that are kept to measure by


class Lessons:
    """Draws batches with `rng`, a numpy Generator.

    `kind` is one of control_maps.KINDS; `arrays` are the pictures of `data.draw_training_set`, one
    array per bucket, `latents` those of their first scenes as `encode_training_set` gives them.
    """

    def __init__(self, kind, arrays, latents, tokenizer, rng):
        self.kind, self.arrays, self.latents = kind, arrays, latents
        self.tokenizer, self.rng = tokenizer, rng
        self.counts = [len(array) for array in latents]
        self.counts[0] -= min(HELD, self.counts[0] // 2)
        self.chances = np.array(self.counts) / sum(self.counts)

    def batch(self, size):
        """Scenes of one bucket: latents (size, 4, height / 8, width / 8), hints (size, 3, height,
        width) in 0..1, token ids (size, 77) and the class of every pixel, int64 (size, height,
        width)."""
        bucket = int(self.rng.choice(len(self.counts), p=self.chances))
        return self._of(bucket, self.rng.integers(self.counts[bucket], size=size), self.rng)

    def held(self):
        """The same of the square scenes that no batch has; every call gives the same."""
        rows = np.arange(self.counts[0], len(self.latents[0]))
        return self._of(0, rows, np.random.default_rng(8))

    def _of(self, bucket, rows, rng):
        scenes = [data.training_scene(bucket, int(k)) for k in rows]
        size = self.arrays[bucket].shape[2:0:-1]
        labels = [scene.segmentation(size) for scene in scenes]
        maps = [
            control_maps.training_map(self.kind, self.arrays[bucket][k], classes, rng)
            for k, classes in zip(rows, labels, strict=True)
        ]
        latents = torch.from_numpy(self.latents[bucket][rows]).float()
        ids = token_ids(self.tokenizer, [caption(scene, rng) for scene in scenes])
        latents = latents.contiguous(memory_format=torch.channels_last)
        return latents, hint_tensor(maps), ids, torch.from_numpy(np.stack(labels)).long()


def caption(scene, rng):
    """What is said of `scene` while a ControlNet learns: all kinds, from everything to nothing."""
    chance = rng.random()
    if chance < DROPOUT:
        return ""
    if chance < DROPOUT + TERSE:
        return min((scene.caption(rng) for _ in range(3)), key=len)
    text = scene.caption(rng)
    return captions.distracted(text, rng) if rng.random() < 0.1 else text

"""What training learns from: batches of drawn scenes, all of it on the device that learns.

Nothing of a batch is made or moved while training: rows of tensors are chosen, so that a GPU never
waits for its host. On a CPU the tensors are the files themselves, mapped into memory.
"""

import numpy as np
import torch

from studio.picturebook import data
from studio.picturebook.control_palette import PALETTE
from studio.picturebook.latents import encode_training_set
from studio.picturebook.train_vae import to_tensor

DROPOUT = 0.10  # how many captions are left out
TERSE = 0.25  # how many of those for ControlNets are the shortest of a scene's


class Examples:
    """Drawn scenes in buckets of one size, dictionaries of what `data.draw_training_set` keeps: the
    `names` of it as tensors on the device, and with a `vae` their scaled latents as "latents".

    The last `kept_back` scenes of the first bucket, the square ones, are in no batch.
    """

    def __init__(self, settings, names, vae=None, kept_back=0):
        folder, device = settings.work_dir / "data", settings.device
        arrays = data.draw_training_set(folder, settings.native, settings.scenes)
        if vae is not None:
            encode_training_set(vae, arrays, folder, settings)
            names = (*names, "latents")
        self.buckets = [{name: torch.from_numpy(bucket[name]).to(device) for name in names}
                        for bucket in arrays]  # fmt: skip
        counts = [len(bucket["latents" if vae is not None else names[0]]) for bucket in arrays]
        counts[0] -= min(kept_back, counts[0] // 2)
        self.counts, self.device = counts, device
        self.chances = np.array(counts) / sum(counts)
        self.rng = np.random.default_rng()
        self.end_id = data.tokenizer().eos_token_id

    def choose(self, size):
        """A bucket, and `size` of its rows: int64 (size,) on the device."""
        number = int(self.rng.choice(len(self.counts), p=self.chances))
        rows = torch.randint(self.counts[number], (size,), device=self.device)
        return self.buckets[number], rows

    def kept_back(self):
        """The bucket and the rows that no batch has."""
        bucket = self.buckets[0]
        return bucket, torch.arange(self.counts[0], len(bucket["latents"]), device=self.device)

    def crops(self, size, side):
        """Float (size, 3, side, side) in -1..1 of one bucket, smaller where pictures are smaller.

        Offsets are multiples of 8 px, as whole pictures are always aligned to the latent grid.
        """
        bucket, rows = self.choose(size)
        height, width = bucket["pictures"].shape[1:3]
        side = min(side, height, width)
        top = 8 * int(self.rng.integers((height - side) // 8 + 1))
        left = 8 * int(self.rng.integers((width - side) // 8 + 1))
        pictures = to_tensor(bucket["pictures"][rows, top : top + side, left : left + side])
        return pictures.flip(-1) if self.rng.random() < 0.5 else pictures

    def captions(self, bucket, rows, terse=0.0, places=77):
        """Token ids, int64 (rows, places), of one of each scene's captions, chosen anew each time;
        DROPOUT of them empty, a share `terse` the shortest of their scene."""
        ids = bucket["ids"][rows]
        count = len(rows)
        chosen = torch.randint(ids.shape[1], (count,), device=self.device)
        if terse:
            shortest = (ids != self.end_id).sum(-1).argmin(1)
            chosen = torch.where(torch.rand(count, device=self.device) < terse, shortest, chosen)
        mine = ids[torch.arange(count, device=self.device), chosen, :places].long()
        # Of an empty text nothing is left but its beginning.
        empty = torch.rand(count, 1, device=self.device) < DROPOUT
        empty = empty & (torch.arange(places, device=self.device) > 0)
        return torch.where(empty, self.end_id, mine)

    @staticmethod
    def latents(bucket, rows):
        """Scaled latents, float32 (rows, 4, height / 8, width / 8), channels last."""
        return bucket["latents"][rows].float().contiguous(memory_format=torch.channels_last)

    def hints(self, kind, bucket, rows):
        """Maps of one of control_maps.KINDS: float32 (rows, 3, height, width) in 0..1."""
        shown = bucket[kind][rows]
        if kind == "segmentation":
            palette = torch.tensor(list(PALETTE.values()), dtype=torch.uint8, device=self.device)
            hints = palette[shown.long()].permute(0, 3, 1, 2)
        else:
            hints = shown[:, None].expand(-1, 3, -1, -1)
        return (hints.float() / 255).contiguous(memory_format=torch.channels_last)

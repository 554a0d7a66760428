"""The training set: scenes drawn once, in buckets of one size each, kept as uint8 files."""

import os
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from studio.picturebook.world import TRAINED, Scene

SEED = 2024
BARE_EVERY = 8  # every such scene of a bucket has no object, so that scenery alone is learnt too
# Sizes (width, height) at a native size of 128, and how many of every 16 scenes have each.
BUCKETS = (
    ((128, 128), 7), ((160, 128), 2), ((128, 160), 2), ((160, 96), 1), ((96, 160), 1),
    ((192, 96), 2), ((96, 192), 1),
)  # fmt: skip


def bucket_sizes(native):
    """The sizes (width, height) in pixels of the buckets at a `native` size in pixels."""
    return [(w * native // 128, h * native // 128) for (w, h), _ in BUCKETS]


def bucket_counts(total):
    """How many of `total` scenes each bucket holds."""
    return [total * weight // 16 for _, weight in BUCKETS]


def training_scene(bucket, index):
    """Scene number `index` of a bucket; never one with a held-out (colour, object) pair."""
    count = 0 if index % BARE_EVERY == BARE_EVERY - 1 else None
    return Scene.random(np.random.default_rng((SEED, bucket, index)), pairs=TRAINED, count=count)


def unseen_scene(index, **choices):
    """A scene that no training used; `choices` go to Scene.random."""
    return Scene.random(np.random.default_rng((SEED + 1, index)), **choices)


def _path(folder, bucket):
    return Path(folder) / f"pictures-{bucket}.npy"


def _draw_rows(job):
    folder, bucket, size, start, stop = job
    pictures = np.load(_path(folder, bucket), mmap_mode="r+")
    for index in range(start, stop):
        pictures[index] = np.asarray(training_scene(bucket, index).draw(size))
    pictures.flush()
    return stop - start


def draw_training_set(folder, native, total, processes=None, report=print):
    """Draw `total` scenes into `folder`, unless they are there; returns one array per bucket.

    Each array is uint8 (scenes, height, width, 3), memory-mapped and read only.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"drawn-{native}-{total}-{BARE_EVERY}"
    if not done.exists():
        jobs = []
        pairs = zip(bucket_sizes(native), bucket_counts(total), strict=True)
        for bucket, (size, count) in enumerate(pairs):
            shape = (count, size[1], size[0], 3)
            np.lib.format.open_memmap(_path(folder, bucket), "w+", np.uint8, shape).flush()
            jobs += [(str(folder), bucket, size, k, min(k + 250, count))
                     for k in range(0, count, 250)]  # fmt: skip
        drawn = 0
        with get_context("spawn").Pool(processes or os.cpu_count()) as pool:
            for count in pool.imap_unordered(_draw_rows, jobs):
                drawn += count
                report(f"drawn {drawn}/{total} scenes")
        done.touch()
    return [np.load(_path(folder, bucket), mmap_mode="r") for bucket in range(len(BUCKETS))]

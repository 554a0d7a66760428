"""The training set: scenes drawn once with all that is learnt from them, in buckets of one size."""

from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from studio.picturebook import captions, control_maps
from studio.picturebook.layout import presence
from studio.picturebook.tokenizer import build_tokenizer, token_ids
from studio.picturebook.world import TRAINED, Scene

SEED = 2024
MANY = 1000  # scenes that take longer to draw than another process to begin
CAPTIONS = 6  # how many captions of a scene are kept
BARE_EVERY = 8  # every such scene of a bucket has no object, so that scenery alone is learnt too
# Sizes (width, height) at a native size of 128, and how many of every 16 scenes have each. At a
# native size from HALVED on, two in three are half as large: such a model draws small pictures too.
BUCKETS = (
    ((128, 128), 7), ((160, 128), 2), ((128, 160), 2), ((160, 96), 1), ((96, 160), 1),
    ((192, 96), 2), ((96, 192), 1),
)  # fmt: skip
HALVED = 256


def _buckets(native):
    """((width, height), share of all scenes) of the buckets at a `native` size, the square one of
    that size first."""
    scales = ((native, 1 / 3), (native // 2, 2 / 3)) if native >= HALVED else ((native, 1),)
    return [((w * side // 128, h * side // 128), share * weight / 16)
            for side, share in scales for (w, h), weight in BUCKETS]  # fmt: skip


def bucket_sizes(native):
    """The sizes (width, height) in pixels of the buckets at a `native` size in pixels."""
    return [size for size, _ in _buckets(native)]


def bucket_counts(native, total):
    """How many of `total` scenes each bucket holds."""
    return [round(total * share) for _, share in _buckets(native)]


def training_scene(bucket, index):
    """Scene number `index` of a bucket; never one with a held-out (colour, object) pair."""
    count = 0 if index % BARE_EVERY == BARE_EVERY - 1 else None
    return Scene.random(np.random.default_rng((SEED, bucket, index)), pairs=TRAINED, count=count)


def unseen_scene(index, **choices):
    """A scene that no training used; `choices` go to Scene.random."""
    return Scene.random(np.random.default_rng((SEED + 1, index)), **choices)


def _fields(size, count):
    """What is kept of each of `count` scenes of `size` (width, height): name -> (dtype, shape).

    Pictures in RGB, the class of every pixel, what the maps of each kind of ControlNet show
    (strokes, or classes), token ids of CAPTIONS captions, and 255 in latent cells with an object.
    """
    width, height = size
    return {
        "pictures": (np.uint8, (count, height, width, 3)),
        "labels": (np.uint8, (count, height, width)),
        "canny": (np.uint8, (count, height, width)),
        "scribble": (np.uint8, (count, height, width)),
        "segmentation": (np.uint8, (count, height, width)),
        "ids": (np.int16, (count, CAPTIONS, 77)),
        "present": (np.uint8, (count, height // 8, width // 8)),
    }


def _path(folder, name, bucket):
    return Path(folder) / f"{name}-{bucket}.npy"


@cache
def tokenizer():
    """The tokenizer that captions are written with."""
    return build_tokenizer()


def _draw_rows(job):
    folder, bucket, size, start, stop = job
    reader = tokenizer()
    arrays = {name: np.load(_path(folder, name, bucket), mmap_mode="r+")[start:stop]
            for name in _fields(size, 1)}  # fmt: skip
    rng = np.random.default_rng((SEED + 2, bucket, start))
    for row, index in enumerate(range(start, stop)):
        scene = training_scene(bucket, index)
        picture, labels = np.asarray(scene.draw(size)), scene.segmentation(size)
        arrays["pictures"][row], arrays["labels"][row] = picture, labels
        arrays["canny"][row] = control_maps.random_canny(picture, rng)[..., 0]
        arrays["scribble"][row] = control_maps.scribble(labels, rng)[..., 0]
        arrays["segmentation"][row] = control_maps.random_areas(labels, rng)
        texts = [captions.training_caption(scene, rng) for _ in range(CAPTIONS)]
        arrays["ids"][row] = token_ids(reader, texts).numpy()
        arrays["present"][row] = 255 * presence(scene, (size[1] // 8, size[0] // 8))
    return stop - start


def spread(work, jobs, scenes, processes=None, chunk=1):
    """Yield `work(job)` for each of `jobs` in order, which draw `scenes` in all: MANY or more in
    `processes`, None for one each core and, where it is given, however few they are.

    A process gets `chunk` jobs at once.
    """
    if scenes < MANY and processes is None:
        yield from map(work, jobs)
        return
    with get_context("spawn").Pool(processes, cv2.setNumThreads, (1,)) as pool:
        yield from pool.imap(work, jobs, chunk)


def draw_training_set(folder, native, total, processes=None, report=print):
    """Draw `total` scenes into `folder`, unless they are there.

    Returns for every bucket a dictionary of the arrays of `_fields`, memory-mapped.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"drawn-{native}-{total}-{BARE_EVERY}"
    sizes = bucket_sizes(native)
    if not done.exists():
        jobs = []
        for bucket, (size, count) in enumerate(
            zip(sizes, bucket_counts(native, total), strict=True)
        ):
            for name, (dtype, shape) in _fields(size, count).items():
                np.lib.format.open_memmap(_path(folder, name, bucket), "w+", dtype, shape).flush()
            jobs += [(str(folder), bucket, size, k, min(k + 250, count))
                     for k in range(0, count, 250)]  # fmt: skip
        drawn = 0
        for count in spread(_draw_rows, jobs, total, processes):
            drawn += count
            report(f"drawn {drawn}/{total} scenes")
        done.touch()
    return [
        {name: np.load(_path(folder, name, bucket), mmap_mode="c") for name in _fields(size, 1)}
        for bucket, size in enumerate(sizes)
    ]

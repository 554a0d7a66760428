"""Pictures of many shapes: each is brought to one of a few sizes, and batches are of one size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from studio.domain.geometry import Size
from studio.imaging.resizing import resized

_MOST = 2
"""No side of a bucket is longer, or shorter, than so many times that of the square one."""


def step_of(resolution: int) -> int:
    """What sides of buckets are multiples of, in pixels: 64, less for very small pictures."""
    return 64 if resolution >= 256 else 32


@lru_cache(maxsize=8)
def sizes(resolution: int) -> tuple[Size, ...]:
    """The sizes there are, (width, height) in pixels: none has more than `resolution` ² pixels."""
    step = step_of(resolution)
    found = {(resolution, resolution)}
    for width in range(step, _MOST * resolution + 1, step):
        height = resolution**2 // width // step * step
        found |= {(width, height), (height, width)}
    least, most = resolution // _MOST, _MOST * resolution
    return tuple(sorted(size for size in found if min(size) >= least and max(size) <= most))


def size_for(size: Size, resolution: int) -> Size:
    """The bucket whose shape is nearest to that of `size`; of two the larger one."""
    shape = math.log(size[0] / size[1])

    def distance(bucket: Size) -> tuple[float, int]:
        return abs(math.log(bucket[0] / bucket[1]) - shape), -bucket[0] * bucket[1]

    return min(sizes(resolution), key=distance)


def fitted(image: Image.Image, size: Size) -> Image.Image:
    """`image` made to cover `size`, the middle of it."""
    return resized(image, size, "crop_and_resize")


def batches(
    buckets: Sequence[Size], repeats: Sequence[int], batch_size: int, seed: int
) -> Iterator[list[int]]:
    """Places of the pictures of one batch after the other, epoch after epoch, without an end.

    `buckets` and `repeats` are those of each picture. An epoch has each picture as often as it
    repeats, in an order that `seed` gives; the last batch of a bucket may be smaller.
    """
    epoch = 0
    while True:
        rng = np.random.default_rng((seed, 1, epoch))
        found = []
        for size in sorted(set(buckets)):
            own = [k for k, each in enumerate(buckets) if each == size for _ in range(repeats[k])]
            order = [own[k] for k in rng.permutation(len(own))]
            found += [order[k : k + batch_size] for k in range(0, len(order), batch_size)]
        yield from (found[k] for k in rng.permutation(len(found)))
        epoch += 1

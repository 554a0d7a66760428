"""The three styles, applied to a whole supersampled picture and, alike, to its labels."""

import numpy as np
from PIL import Image


def _noise(rng, cells, size):
    """Smooth noise of about -1..1 at `size` (width, height), from a grid `cells` wide and high."""
    grid = rng.normal(0, 0.5, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC))


def wobble(image, seed):
    """Shift pixels by smooth noise, up to about one percent of the side: a brush's shaky edge."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    rng = np.random.default_rng((seed, 101))
    reach = 0.009 * (width * height) ** 0.5
    rows = np.arange(height)[:, None] + reach * _noise(rng, 14, (width, height))
    columns = np.arange(width)[None] + reach * _noise(rng, 14, (width, height))
    rows = rows.round().astype(np.int32).clip(0, height - 1)
    columns = columns.round().astype(np.int32).clip(0, width - 1)
    return Image.fromarray(pixels[rows, columns])


def watercolor(image, seed):
    """Paper white shining through, pigment in blotches, in the final size; RGB in and out."""
    pixels = np.asarray(image, dtype=np.float32)
    rng = np.random.default_rng((seed, 102))
    blotch = _noise(rng, 7, image.size) + 0.5 * _noise(rng, 22, image.size)
    thin = np.clip(0.15 + 0.09 * blotch, 0.02, 0.34)[..., None]
    paper = np.array([253, 249, 240], dtype=np.float32)
    washed = pixels * (1 - thin) + paper * thin
    return Image.fromarray(washed.clip(0, 255).astype(np.uint8))


def pixel_cell(size):
    """Side in pixels of a pixel-art cell: a 32nd of a square picture's side."""
    return max(1, round((size[0] * size[1]) ** 0.5 / 32))


def pixel_art(image):
    """Large cells of few colours, in the final size; RGB in and out."""
    size, cell = image.size, pixel_cell(image.size)
    small = image.resize((-(-size[0] // cell), -(-size[1] // cell)), Image.Resampling.BOX)
    levels = np.round(np.asarray(small, dtype=np.float32) / 255 * 20) / 20 * 255
    blocks = np.asarray(Image.fromarray(levels.astype(np.uint8)))
    large = blocks.repeat(cell, axis=0).repeat(cell, axis=1)[: size[1], : size[0]]
    return Image.fromarray(np.ascontiguousarray(large))


def pixel_labels(labels, size):
    """The class index of each cell's middle; uint8 (height, width) in and out."""
    cell = pixel_cell(size)
    rows = (np.arange(size[1]) // cell * cell + cell // 2).clip(0, size[1] - 1)
    columns = (np.arange(size[0]) // cell * cell + cell // 2).clip(0, size[0] - 1)
    return labels[rows[:, None], columns[None]]

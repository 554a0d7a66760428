"""Contact sheets, to look at what a model does."""

import os
from pathlib import Path

import numpy as np
from PIL import Image


def to_image(tensor):
    """float tensor (3, height, width) in -1..1 to an RGB PIL.Image."""
    pixels = ((tensor.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))


def save(path, pictures, columns):
    """Save tensors or PIL images as a grid, `columns` wide, with a margin of 4 px."""
    images = [p if isinstance(p, Image.Image) else to_image(p) for p in pictures]
    width, height = max(i.width for i in images) + 4, max(i.height for i in images) + 4
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for k, image in enumerate(images):
        sheet.paste(image, (k % columns * width + 2, k // columns * height + 2))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    sheet.save(temporary, format="PNG")
    os.replace(temporary, path)

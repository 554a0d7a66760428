"""Settings hidden in a picture's least bits, as NovelAI and extensions of Forge write them: column
by column first their name, then their length in bits, then the text, plain or packed with gzip."""

from __future__ import annotations

import zlib

import numpy as np

from studio.imaging import reading
from studio.reading import json_text
from studio.reading.metadata import MOST_TEXT_BYTES

_LENGTH_BITS = 32
_NAME_BITS = 8 * len("stealth_pnginfo")
_NAMES = {
    "RGBA": {b"stealth_pnginfo": False, b"stealth_pngcomp": True},
    "RGB": {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True},
}
"""Where it lies (in alpha, or in the three colours) -> name -> whether it is packed."""


def texts(data: bytes) -> dict[str, str]:
    """Those of a PNG or WebP, as chunks by their keywords, or one that is called "stealth". Raises
    `InvalidRequest` where the picture cannot be decoded, as `imaging.reading.picture` does."""
    if not data.startswith((b"\x89PNG", b"RIFF")):
        return {}
    image = reading.with_alpha(data)
    pixels = np.asarray(image)
    for mode, names in _NAMES.items():
        if mode == "RGBA" and image.mode != mode:
            continue
        channels = pixels[..., 3:] if mode == "RGBA" else pixels[..., :3]
        packed = names.get(_bits(channels, 0, _NAME_BITS))
        if packed is None:
            continue
        length = int.from_bytes(_bits(channels, _NAME_BITS, _LENGTH_BITS), "big")
        text = _bits(channels, _NAME_BITS + _LENGTH_BITS, min(length, 8 * MOST_TEXT_BYTES))
        return _texts(text, packed)
    return {}


def _bits(channels: np.ndarray, begin: int, count: int) -> bytes:
    """`count` of the least bits of `channels` (H, W, C), from the `begin`-th on, columns first."""
    height, width, depth = channels.shape
    column = height * depth
    first, last = begin // column, min(width, (begin + count) // column + 1)
    bits = channels[:, first:last].transpose(1, 0, 2).reshape(-1) & 1
    return np.packbits(bits[begin - first * column :][:count]).tobytes()


def _texts(data: bytes, packed: bool) -> dict[str, str]:
    if packed:
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, MOST_TEXT_BYTES)
        except zlib.error:
            return {}
    text = data.decode("utf-8", "replace")
    chunks = json_text.record(text)
    if chunks and "Comment" in chunks:
        return {name: value for name, value in chunks.items() if isinstance(value, str)}
    return {"stealth": text}

"""An invisible mark in the brightness of a picture: put in, and read again.

Spread spectrum (Cox, Kilian, Leighton and Shamoon, 1997) with a pattern that repeats, so that it is
found where the picture was cropped, and a search over scales, so that it is found where it was
resized. Not found where it was turned or mirrored, or drawn over by another model.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from studio.provenance import code, tile

SMALLEST = tile.SIDE
"""Pictures with a shorter side in pixels are left as they are: nothing could be read."""
_STRENGTH = 1.9
"""Root mean square of what is added at most, of 255: a PSNR of 42.5 dB."""
_FAINTEST, _BOLDEST, _BUSY = 0.7, 1.6, 10.0
"""Share of that in flat parts, in busy parts; how much brightness varies in those."""
_SCALES = (0.47, 2.15)
"""Between which a mark is looked for: its size now by that when it was made."""
_SEARCHED_SIDE = 640
LEAST_SCORE, _LEAST_AGREEMENT = 5.6, 0.53
"""Below which nothing counts as a mark."""
_CANDIDATES, NEAR = 6, 5
"""Scales that are listened to more closely, at so many near each."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FINER = 4
"""Times as many frequencies as a picture has lines, where one spectrum serves for many scales."""
_GRID = 64
"""Places along a side of the pattern at which it is looked for."""


@dataclass(frozen=True)
class Mark:
    """What was found in a picture.

    id         that the mark says; None: there is none, or it cannot be read
    score      how clearly its pilot stands out, in standard deviations of what chance makes
    agreement  of the symbols with the word that was read, 0 to 1; 0 where none was
    scale      the mark's size now by that when it was made
    """

    id: int | None
    score: float
    agreement: float
    scale: float


def marked(image: Image.Image, id: int) -> Image.Image:
    """`image`, RGB, with the mark that says `id` (0 to 2 ** 28 − 1): the same for the same."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    times = -(-height // tile.SIDE), -(-width // tile.SIDE)
    change = np.tile(tile.pattern(id), times)[:height, :width] * _gain(pixels @ _LUMA)
    return Image.fromarray(np.clip(np.rint(pixels + change[..., None]), 0, 255).astype(np.uint8))


def read(image: Image.Image) -> Mark:
    """The mark in `image`, RGB: in place and size as it was made, else wherever it is."""
    brightness = _brightness(image)
    there = _best(_flat(brightness), [1.0])
    if there.id is not None:
        return there
    found = [_searched(view, factor) for view, factor in _views(brightness)]
    return max(found, key=lambda mark: (mark.id is not None, mark.score))


def read_in_place(image: Image.Image) -> Mark:
    """As `read` for a picture of which nothing was cut off, and which is as large as it was."""
    return _best(_flat(_brightness(image)), [1.0])


def _views(brightness: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """What is searched of it, and how much smaller that is: a large one whole, and its middle."""
    factor = _SEARCHED_SIDE / max(brightness.shape)
    if factor >= 1:
        return [(brightness, 1.0)]
    height, width = brightness.shape
    size = max(1, round(width * factor)), max(1, round(height * factor))
    top, left = max(0, height - _SEARCHED_SIDE) // 2, max(0, width - _SEARCHED_SIDE) // 2
    middle = brightness[top : top + _SEARCHED_SIDE, left : left + _SEARCHED_SIDE]
    return [(cv2.resize(brightness, size, interpolation=cv2.INTER_AREA), factor), (middle, 1.0)]


def _searched(brightness: np.ndarray, factor: float) -> Mark:
    step = 3.0 / max(brightness.shape)  # at which the waves at both ends still agree
    count = int(np.log(_SCALES[1] / _SCALES[0]) / step) + 1
    found = _best(_flat(brightness), factor * np.geomspace(*_SCALES, count))
    return Mark(found.id, found.score, found.agreement, found.scale / factor)


def _brightness(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")) @ _LUMA


def _gain(brightness: np.ndarray) -> np.ndarray:
    """How much of the mark each pixel takes."""
    varies = cv2.absdiff(brightness, cv2.GaussianBlur(brightness, (0, 0), 3))
    varies = np.sqrt(cv2.GaussianBlur(varies * varies, (0, 0), 6))
    gain = np.clip(_FAINTEST + varies / _BUSY, _FAINTEST, _BOLDEST)
    return gain * (_STRENGTH / max(1.0, float(np.sqrt(np.mean(gain * gain)))))


def _flat(brightness: np.ndarray) -> np.ndarray:
    """Without what the picture itself shows, as far as that can be told: the mark's waves, and as
    much noise everywhere."""
    fine = brightness - cv2.GaussianBlur(brightness, (0, 0), 5)
    spread = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 6))
    return np.clip(fine / (spread + 1.5), -2, 2).astype(np.float32)


def _best(flat: np.ndarray, scales: np.ndarray | list[float]) -> Mark:
    """Of all marks of these scales the first that can be read, else the clearest pilot."""
    scales = np.asarray(scales, float)
    scores = _pilots(_overheard(flat, scales) if len(scales) > 1 else _heard(flat, scales))[0]
    likely = np.argsort(-scores)[:_CANDIDATES]
    best = Mark(None, float(scores[likely[0]]), 0.0, float(scales[likely[0]]))
    for number in likely:
        if scores[number] < LEAST_SCORE - 1:
            break
        near = scales
        if len(scales) > 1:
            near = scales[number] * (1 + np.linspace(-1, 1, NEAR) * 1.2 / max(flat.shape))
        finer = _heard(flat, near)
        finer_scores, finer_places = _pilots(finer)
        for waves, score, place, scale in zip(
            finer, finer_scores, finer_places, near, strict=False
        ):
            id, agreement = code.read(_symbols(waves, place))
            if id is not None and score >= LEAST_SCORE and agreement >= _LEAST_AGREEMENT:
                return Mark(id, float(score), agreement, float(scale))
            if score > best.score:
                best = Mark(None, float(score), 0.0, float(scale))
    return best


def _heard(flat: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(scales, waves) complex: how strongly each wave is there. Loud ones, which are the picture's
    own, count as hardly more than 1, so that none of them outweighs the others."""
    known, count = tile.waves(), tile.HIGHEST + 1
    periods = np.arange(count) / (tile.SIDE * scales[:, None])  # (scales, count)
    height, width = flat.shape
    across = _waves_along(width, periods)  # (width, scales · 2 · count)
    down = _waves_along(height, periods).reshape(height, len(scales), 2 * count)
    half = (flat @ across).reshape(height, len(scales), 2 * count)
    both = np.einsum("hsa,hsb->sab", down, half)  # so little that threads would but wait
    cc, cs = both[:, :count, :count], both[:, :count, count:]
    sc, ss = both[:, count:, :count], both[:, count:, count:]
    rows, columns = np.abs(known.rows), known.columns
    sign = np.where(known.rows < 0, -1.0, 1.0)
    real = cc[:, rows, columns] - sign * ss[:, rows, columns]
    imaginary = -(cs[:, rows, columns] + sign * sc[:, rows, columns])
    return _evened(real + 1j * imaginary)


def _overheard(flat: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """As `_heard`, for many scales at once and not quite: out of one spectrum, of each wave the
    nearest frequency in it, at most an eighth of a line away, so up to 5 % fainter. Phases are
    those in the middle of the picture, where a frequency beside the right one has the same."""
    known, (height, width) = tile.waves(), flat.shape
    size = cv2.getOptimalDFTSize(_FINER * max(height, width))
    turn = size / (tile.SIDE * scales[:, None])
    down, across = (np.rint(each * turn).astype(int) for each in (known.rows, known.columns))
    part = np.fft.rfft(flat, size, axis=1)[:, : across.max() + 1]
    spectrum = np.fft.fft(part, size, axis=0)
    turns = (down * (height - 1) + across * (width - 1)) / (2 * size)
    return _evened(spectrum[down % size, across] * np.exp(2j * np.pi * turns))


def _evened(heard: np.ndarray) -> np.ndarray:
    loud = np.abs(heard)
    return heard / (loud + _around(loud) + 1e-9)


def _waves_along(length: int, periods: np.ndarray) -> np.ndarray:
    """(length, scales · 2 · count) cosines, then sines, of each scale."""
    turns = 2 * np.pi * np.arange(length, dtype=np.float32)[:, None, None] * periods[None]
    turns = turns.astype(np.float32)
    return np.concatenate([np.cos(turns), np.sin(turns)], axis=2).reshape(length, -1)


def _around(loud: np.ndarray) -> np.ndarray:
    """The mean of those waves that are about as long."""
    order = np.argsort(tile.waves().lengths, kind="stable")
    width = 31
    padded = np.pad(loud[:, order], ((0, 0), (width // 2 + 1, width // 2)), mode="reflect")
    sums = np.cumsum(padded, axis=1)
    means = np.empty_like(loud)
    means[:, order] = (sums[:, width:] - sums[:, :-width]) / width
    return means


def _pilots(heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each scale how clearly the pilot is heard where it is heard best, and where, as (down,
    across) in shares of the pattern's side."""
    known = tile.waves()
    first = heard[:, : known.pilots] * known.phases[: known.pilots].conj()
    spectrum = np.zeros((len(heard), _GRID, _GRID), np.complex64)
    spectrum[:, known.rows[: known.pilots] % _GRID, known.columns[: known.pilots] % _GRID] = first
    heights = np.fft.ifft2(spectrum).real * _GRID**2
    chance = np.sqrt(np.sum(np.abs(first) ** 2, axis=1) / 2)
    heights = heights.reshape(len(heard), -1)
    best = heights.argmax(axis=1)
    scores = heights[np.arange(len(heard)), best] / (chance + 1e-9)
    return scores, np.stack(np.unravel_index(best, (_GRID, _GRID)), axis=1) / _GRID


def _symbols(heard: np.ndarray, place: np.ndarray) -> np.ndarray:
    """What the waves of one scale say, where the pilot is heard at about `place`."""
    known = tile.waves()
    aligned = heard * known.phases.conj()
    steps = np.linspace(-1, 1, 5) / _GRID / 2
    near = [place + (down, across) for down in steps for across in steps]
    turned = [
        aligned * np.exp(2j * np.pi * (known.rows * down + known.columns * across))
        for down, across in near
    ]
    best = max(turned, key=lambda waves: waves[: known.pilots].real.sum())
    said = best[known.pilots :].real
    return np.bincount(known.symbols, said, minlength=code.SYMBOLS)

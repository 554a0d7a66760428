"""Where each word acted: what was seen of a drawing, pass by pass, as maps over its pictures."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from studio.diffusion.attention import Attention
from studio.domain.geometry import Box, Size
from studio.domain.word_maps import LONGEST_SIDE, WordMap
from studio.imaging.passes import Pass

Span = tuple[int, int]
"""Start and end of a word."""


class WordMaps:
    """Of `count` pictures drawn from `prompt`.

    attention  of the pass under way
    """

    def __init__(self, prompt: str, count: int) -> None:
        self._prompt, self._count = prompt, count
        self._grid: Size | None = None
        self._seen: dict[Span, torch.Tensor] = {}
        self.attention: Attention | None = None

    def begin(self, cells: Size) -> None:
        """A pass over latents of `cells`, (width, height)."""
        self.attention = Attention(self._count, cells[::-1])

    def end(self, pass_: Pass, canvas: Size) -> None:
        """`pass_`, over a canvas of (width, height), is over: what was seen is put in its place.
        Where passes overlap, the stronger counts."""
        seen, self.attention = self.attention.maps(), None
        scale = LONGEST_SIDE / max(canvas)
        if seen and self._grid is None:
            cells = max(next(iter(seen.values())).shape[1:])
            if pass_.box.size == canvas:
                scale = min(scale, cells / max(canvas))
            self._grid = tuple(max(1, round(side * scale)) for side in canvas)
        for span, maps in seen.items():
            maps = _placed(maps, pass_.box, canvas, self._grid)
            before = self._seen.get(span)
            self._seen[span] = maps if before is None else torch.maximum(before, maps)

    def of(self, place: int) -> tuple[WordMap, ...]:
        """Those of the picture at a place of the batch, in the order of the prompt."""
        maps = {span: each[place].numpy() for span, each in sorted(self._seen.items())}
        total = sum(float(each.sum()) for each in maps.values())
        most = max((float(each.max()) for each in maps.values()), default=0.0)
        if not total > 0:
            return ()
        return tuple(
            WordMap(
                word=self._prompt[start:end],
                start=start,
                end=end,
                share=float(each.sum()) / total,
                peak=float(each.max()) / most,
                image=_gray(each),
            )
            for (start, end), each in maps.items()
        )


def _placed(maps: torch.Tensor, box: Box, canvas: Size, grid: Size) -> torch.Tensor:
    """`maps` (count, h, w) over `box` of the canvas, at their place in (count, h, w) of `grid`,
    which is all of it."""
    scales = [cells / side for cells, side in zip(grid, canvas, strict=True)]
    left, right = (round(edge * scales[0]) for edge in (box.left, box.right))
    top, bottom = (round(edge * scales[1]) for edge in (box.top, box.bottom))
    size = max(1, bottom - top), max(1, right - left)
    maps = functional.interpolate(maps[None], size, mode="area")[0]
    whole = maps.new_zeros(len(maps), grid[1], grid[0])
    top, left = min(top, grid[1] - 1), min(left, grid[0] - 1)
    inside = maps[:, max(0, -top) : grid[1] - top, max(0, -left) : grid[0] - left]
    top, left = max(0, top), max(0, left)
    whole[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    return whole


def _gray(values: np.ndarray) -> Image.Image:
    most = values.max()
    levels = values * (255 / most) if most > 0 else values
    return Image.fromarray(np.rint(levels).astype(np.uint8))

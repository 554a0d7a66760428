"""The noise that drawings begin with: of a seed, of one on the way to another, of another size."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from studio.diffusion.latents import generators, initial_noise

_NEARLY_PARALLEL = 0.9995
"""Above this cosine the arc between two directions is as good as straight, and the formula for it
divides by nearly nothing."""


def slerp(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """`share` of the way from `start` to `end`, (B, C, h, w) float32, along the arc between them
    (Shoemake 1985), so that what lies between is as strong as they are; between directions that
    nearly fall together along the chord. Each column of each channel has an arc of its own, as in
    AUTOMATIC1111: the same seeds give the same noise."""
    cosine = torch.cosine_similarity(start, end, dim=2)[:, :, None].clamp(-1, 1)
    angle = torch.acos(cosine)
    along = torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end
    chord = torch.lerp(start, end, share)
    return torch.where(cosine.abs() > _NEARLY_PARALLEL, chord, along / torch.sin(angle))


class Noise:
    """That of a batch; each row is that of its picture alone.

    seeds       one a picture; further noise, as of ancestral samplers, follows these alone
    variations  as many; the noise goes `strength` (0 to 1) of the way to theirs. With 0 none are
                needed; with 1 they are the seeds
    drawn_at    (height, width) in cells: the noise of this size lies in the middle of one that is
                drawn after it, or is cut to it
    generators  those of `seeds`
    """

    def __init__(
        self,
        seeds: Sequence[int],
        variations: Sequence[int] = (),
        strength: float = 0.0,
        drawn_at: tuple[int, int] | None = None,
    ) -> None:
        if strength == 1:
            seeds, variations, strength = variations, (), 0.0
        self.seeds = list(seeds)
        self.generators = generators(self.seeds)
        self._strength, self._drawn_at = strength, drawn_at
        self._variations = generators(variations) if strength else []
        self._within = generators(self.seeds) if drawn_at else []

    def draw(self, channels: int, height: int, width: int) -> torch.Tensor:
        """The next, (B, channels, height, width) float32 on the CPU; sizes in cells."""
        if self._drawn_at in (None, (height, width)):
            return self._of_size(self.generators, channels, height, width)
        inner = self._of_size(self._within, channels, *self._drawn_at)
        outer = initial_noise(self.generators, channels, height, width)
        rows, inner_rows = _in_the_middle(height, inner.shape[2])
        columns, inner_columns = _in_the_middle(width, inner.shape[3])
        outer[:, :, rows, columns] = inner[:, :, inner_rows, inner_columns]
        return outer

    def _of_size(
        self, sources: Sequence[torch.Generator], channels: int, height: int, width: int
    ) -> torch.Tensor:
        noise = initial_noise(sources, channels, height, width)
        if not self._variations:
            return noise
        other = initial_noise(self._variations, channels, height, width)
        return slerp(noise, other, self._strength)


def _in_the_middle(outer: int, inner: int) -> tuple[slice, slice]:
    """Where `inner` cells lie among `outer`, and which of them do."""
    margin = (outer - inner) // 2
    begin, left_out = max(margin, 0), max(-margin, 0)
    length = inner - 2 * left_out
    return slice(begin, begin + length), slice(left_out, left_out + length)

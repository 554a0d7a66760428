"""What came of drawing a picture again, as data and in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from studio.domain.provenance import Difference, Provenance, differences, untold
from studio.imaging.difference import Figures
from studio.reading.record import Ignored

_BY_ITSELF = 2
"""Of 255: so much the kernels of a device round otherwise where others are drawn beside it."""


@dataclass(frozen=True)
class Receipt:
    """
    then, now  what the picture was made with, as far as its file tells, and what it is made with
               again; `now` is None where that is not known yet
    original   the picture's id; None for a file that is not in the library
    picture    that of what was drawn, where it differs and so was kept
    sizes      (width, height) of both, None where it was not drawn yet
    figures    None where it was not drawn yet, or the sizes differ
    ignored    settings that were not understood
    notes      what else to know, a sentence each
    """

    then: Provenance
    now: Provenance | None = None
    original: str | None = None
    picture: str | None = None
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
    figures: Figures | None = None
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether all pixels are equal; None where it was not drawn yet."""
        if self.sizes is None:
            return None
        return self.figures is not None and self.figures.changed == 0

    @property
    def share(self) -> float | None:
        """Of the pixels, which differ: 0 to 1."""
        return self.figures and self.figures.changed / self.figures.pixels

    @property
    def differences(self) -> list[Difference]:
        return differences(self.then, self.now) if self.now else []

    @property
    def untold(self) -> list[str]:
        """What the picture's file does not tell of what it was made with."""
        return untold(self.then, self.now) if self.now else []

    @property
    def words(self) -> list[str]:
        """All of it, a sentence each, the verdict first."""
        said = [*self._verdict(), *(_of(difference) for difference in self.differences)]
        if self.untold:
            said.append(f"The file does not tell: {', '.join(self.untold)}.")
        for entry in self.ignored:
            value = f" ({entry.value})" if entry.value else ""
            said.append(f"Not taken over: {entry.name}{value}. {entry.why}")
        if self.same is False and not (self.differences or self.untold or self.ignored):
            said.append("All that the file tells is as it was then.")
            if self.figures and self.figures.largest <= _BY_ITSELF:
                said.append(
                    "So little comes of sharing the device: pictures that are drawn at the same "
                    "time are rounded otherwise."
                )
        return [*said, *self.notes]

    def json(self) -> str:
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def read(cls, text: str) -> Receipt:
        """What `json` wrote."""
        return _ADAPTER.validate_json(text)

    def _verdict(self) -> list[str]:
        if self.sizes is None:
            return []
        (width, height), (now_width, now_height) = self.sizes
        if self.figures is None:
            was, now = f"{width} × {height}", f"{now_width} × {now_height}"
            return [f"Not the same: it was {was} pixels and is {now} now."]
        if self.same:
            return [f"The same: all {self.figures.pixels:,} pixels are equal."]
        figures = f"at most {self.figures.largest} of 255 (PSNR {self.figures.psnr_db:.1f} dB)"
        return [f"Not the same: {_percent(self.share)} of the pixels differ, by {figures}."]


_ADAPTER = TypeAdapter(Receipt)


def _of(difference: Difference) -> str:
    what, then, now = difference.what, difference.then, difference.now
    name = what[:1].upper() + what[1:].replace("_", " ")
    return f"{name}: {then or 'none'} then, {now or 'none'} now."


def _percent(share: float) -> str:
    """Never 0 % where something is, never 100 % where not all is."""
    if share < 0.0001:
        return "under 0.01 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.3g} %"

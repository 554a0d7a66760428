"""Grids: one request, drawn at all values of up to three axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Annotated

from pydantic import Field

from studio.domain.axes import AXES, Axis, applied, values
from studio.domain.errors import InvalidRequest, about
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen

MOST_CELLS = 200
"""As many jobs as one account may have waiting."""


class AxisInput(Frozen):
    """`axis`: one of the titles in `AXES`; `values` as `axes.values` reads them."""

    axis: Annotated[str, Field(max_length=100)]
    values: Annotated[str, Field(max_length=20_000)]


class GridInput(Frozen):
    """What is drawn: `request` for each value of `x` along a row, of `y` from row to row, of `z`
    from sheet to sheet. `legend`: the values stand beside the pictures of a sheet."""

    request: GenerationRequest
    x: AxisInput
    y: AxisInput | None = None
    z: AxisInput | None = None
    legend: bool = True


@dataclass(frozen=True)
class Line:
    """An axis with its values, written out."""

    axis: Axis
    values: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What stands beside the pictures."""
        if not self.axis.field:
            return self.values
        return tuple(f"{self.axis.title}: {value}" for value in self.values)


@dataclass(frozen=True)
class Cell:
    """`place`: along x, y and z, 0 being the first; `request`: what is drawn there."""

    place: tuple[int, int, int]
    request: GenerationRequest


def lines(grid: GridInput) -> tuple[Line, Line, Line]:
    """Its axes; one that is not there has a single value "". Raises `InvalidRequest`."""
    found = []
    for name in ("x", "y", "z"):
        given: AxisInput | None = getattr(grid, name)
        if given is None:
            found.append(Line(_NOTHING, ("",)))
            continue
        with about(name):
            if given.axis not in AXES:
                raise InvalidRequest(
                    f"There is no axis {given.axis}. There are: {', '.join(AXES)}.", "axis"
                )
            axis = AXES[given.axis]
            found.append(Line(axis, tuple(values(axis, given.values))))
    titles = [line.axis.title for line in found if line.axis is not _NOTHING]
    if len(set(titles)) < len(titles):
        raise InvalidRequest("An axis stands there twice. Choose another, or leave it out.")
    return tuple(found)


_NOTHING = Axis("Nothing")


def cells(grid: GridInput) -> list[Cell]:
    """All of `grid` in the order in which they are best drawn: what takes long to change is changed
    least often. All have one seed, where the request leaves it open. Raises `InvalidRequest`."""
    across, down, deep = found = lines(grid)
    count = len(across.values) * len(down.values) * len(deep.values)
    if count > MOST_CELLS:
        raise InvalidRequest(
            f"{len(across.values)} × {len(down.values)} × {len(deep.values)} are {count:,} "
            f"pictures; {MOST_CELLS} are the most that may wait at once. Take fewer values."
        )
    request = grid.request.with_seed()
    # The longest change outermost; else z, y, x.
    order = sorted(range(3), key=lambda place: (not found[place].axis.costly, -place))
    return list(_cells(request, found, order))


def _cells(
    request: GenerationRequest, found: tuple[Line, Line, Line], order: list[int]
) -> Iterator[Cell]:
    for places in product(*(range(len(found[each].values)) for each in order)):
        at = dict(zip(order, places, strict=True))
        drawn = request
        for each in order:
            line = found[each]
            if line.axis is not _NOTHING:
                with about("xyz"[each]):
                    value = line.values[at[each]]
                    drawn = applied(drawn, line.axis, value, line.values)
        yield Cell((at[0], at[1], at[2]), drawn)

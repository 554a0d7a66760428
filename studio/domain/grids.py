"""Grids: one request, drawn at all values of up to three axes, or with all sets of the parts of its
prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from studio.domain import prompt_matrix
from studio.domain.axes import AXES, Axis, applied, changed, values
from studio.domain.errors import InvalidRequest, about
from studio.domain.prompt_matrix import MatrixInput
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen

_AXES = "xyz"
MOST_CELLS = 200
"""As many jobs as one account may have waiting."""


class AxisInput(Frozen):
    """`axis`: one of the titles in `AXES`; `values` as `axes.values` reads them."""

    axis: Annotated[str, Field(max_length=100)]
    values: Annotated[str, Field(max_length=20_000)]


class GridInput(Frozen):
    """What is drawn: `request` for each value of `x` along a row, of `y` from row to row, of `z`
    from sheet to sheet; or, with a `matrix`, for each set of the parts of its prompt.

    vary_seeds  along these axes the seeds count on from cell to cell; else all have one
    columns  where there is but `x`: its values go on in the next row after so many
    legend   the values stand beside the pictures of a sheet
    margin   pixels between them
    """

    request: GenerationRequest
    x: AxisInput | None = None
    y: AxisInput | None = None
    z: AxisInput | None = None
    matrix: MatrixInput | None = None
    vary_seeds: Annotated[tuple[Literal["x", "y", "z"], ...], Field(max_length=3)] = ()
    columns: Annotated[int | None, Field(ge=1, le=20)] = None
    legend: bool = True
    margin: Annotated[int, Field(ge=0, le=500)] = 8

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.x is None) == (self.matrix is None):
            raise ValueError("a grid has either an axis x or a matrix. Give one of them.")
        more = self.y or self.z
        if self.matrix and more:
            raise ValueError("a matrix has no axes. Leave y and z out.")
        if lacking := [name for name in self.vary_seeds if getattr(self, name) is None]:
            raise ValueError(f"there is no axis {lacking[0]} to vary seeds along. Leave it out.")
        if self.columns and (self.matrix or more):
            raise ValueError("columns go with an axis x alone. Leave y, z and matrix out, or them.")
        return self


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
    if grid.matrix:
        halves = prompt_matrix.variable(grid.request, grid.matrix)
        labels = (map(prompt_matrix.label, prompt_matrix.sets(half)) for half in halves)
        across, down = (Line(_MATRIX, tuple(each)) for each in labels)
        return across, down, Line(_NOTHING, ("",))
    found = []
    for name in _AXES:
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


_NOTHING, _MATRIX = Axis("Nothing"), Axis("Prompt matrix")


def cells(grid: GridInput) -> list[Cell]:
    """All of `grid` in the order in which they are best drawn: what takes long to change is changed
    least often. Where the request leaves its seed open one is drawn. Raises `InvalidRequest`."""
    if grid.matrix:
        return list(_matrix_cells(grid.request.with_seed(), grid.matrix))
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
    return [_own_seed(cell, grid, found) for cell in _cells(request, found, order)]


def _cells(
    request: GenerationRequest, found: tuple[Line, Line, Line], order: list[int]
) -> Iterator[Cell]:
    for places in product(*(range(len(found[each].values)) for each in order)):
        at = dict(zip(order, places, strict=True))
        drawn = request
        for each in order:
            line = found[each]
            if line.axis is not _NOTHING:
                with about(_AXES[each]):
                    value = line.values[at[each]]
                    drawn = applied(drawn, line.axis, value, line.values)
        yield Cell((at[0], at[1], at[2]), drawn)


def _own_seed(cell: Cell, grid: GridInput, found: tuple[Line, Line, Line]) -> Cell:
    number, span = 0, 1
    for name, at, line in zip(_AXES, cell.place, found, strict=True):
        if name in grid.vary_seeds:
            number, span = number + at * span, span * len(line.values)
    if not number:
        return cell
    request = cell.request.with_seed()
    return replace(cell, request=request.going_on(number * request.batch_size))


def _matrix_cells(request: GenerationRequest, matrix: MatrixInput) -> Iterator[Cell]:
    across, down = map(prompt_matrix.sets, prompt_matrix.variable(request, matrix))
    first = prompt_matrix.parts(getattr(request, matrix.of))[0]
    places = ((x, y) for y in range(len(down)) for x in range(len(across)))
    for number, (x, y) in enumerate(places):
        text = prompt_matrix.put_together(first, across[x] + down[y], matrix)
        drawn = changed(request, {matrix.of: text})
        if matrix.different_seeds:
            drawn = drawn.going_on(number * request.batch_size)
        yield Cell((x, y, 0), drawn)

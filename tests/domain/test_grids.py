"""What grids are that have no axes: the parts of a prompt in all ways, variations of a picture."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from studio.domain import variations
from studio.domain.errors import InvalidRequest
from studio.domain.grids import AxisInput, GridInput, cells, lines
from studio.domain.prompt_matrix import MatrixInput, parts
from studio.domain.request import GenerationRequest
from studio.domain.seeds import MAX_SEED
from studio.domain.variations import VariationsInput, grid_of

REQUEST = GenerationRequest(prompt="a cat, |in snow | at night|,red", seed=5, batch_size=2)


def matrix(request=REQUEST, **given):
    return GridInput(request=request, matrix=MatrixInput(**given))


def test_a_matrix_has_all_sets_of_the_parts_as_a_table():
    across, down, deep = lines(matrix())
    assert across.labels == ("—", "in snow", "at night", "in snow, at night")
    assert (down.labels, deep.labels) == (("—", "red"), ("",))
    found = {cell.place: cell.request for cell in cells(matrix())}
    assert len(found) == 8
    assert found[0, 0, 0].prompt == "a cat"
    assert found[3, 1, 0].prompt == "a cat, in snow, at night, red"
    assert {request.seed for request in found.values()} == {5}


def test_how_parts_are_put_together_and_seeds_counted():
    given = {"parts_first": True, "joined_by": "space", "different_seeds": True}
    found = {cell.place: cell.request for cell in cells(matrix(**given))}
    assert found[1, 1, 0].prompt == "in snow red a cat"
    seeds = [found[x, y, 0].seed for y in range(2) for x in range(4)]
    assert seeds == list(range(5, 5 + 16, 2)), "each cell is a batch of two"
    negative = REQUEST.model_copy(update={"prompt": "a|b", "negative_prompt": "dull|dark"})
    found = cells(matrix(negative, of="negative_prompt"))
    assert [cell.request.negative_prompt for cell in found] == ["dull", "dull, dark"]
    assert {cell.request.prompt for cell in found} == {"a|b"}


def test_bars_in_brackets_are_no_parts():
    assert parts("a {red|blue} [x|y] house|(at|night)|") == [
        "a {red|blue} [x|y] house",
        "(at",
        "night)",
        "",
    ]
    assert parts("a ] b|c") == ["a ] b", "c"]


@pytest.mark.parametrize(
    ("prompt", "says"),
    [("a cat", "no parts"), ("|".join("abcdefghi"), "8 parts .* 7 at most, which are 128")],
)
def test_what_no_matrix_is(prompt, says):
    with pytest.raises(InvalidRequest, match=says):
        cells(matrix(GenerationRequest(prompt=prompt)))


def test_a_grid_is_one_thing():
    axis = AxisInput(axis="Steps", values="1")
    for given in (
        {},
        {"x": axis, "matrix": MatrixInput()},
        {"matrix": MatrixInput(), "y": axis},
        {"x": axis, "y": axis, "columns": 2},
    ):
        with pytest.raises(ValueError, match="Give one|Leave"):
            GridInput(request=REQUEST, **given)


def test_variations_of_the_noise_are_sisters_by_its_own_settings():
    made_by = GenerationRequest(prompt="a cat", seed=5, batch_size=3, batch_place=2, steps=7)
    grid = grid_of(VariationsInput(count=6, strength=0.3), "some", made_by)
    found = [cell.request for cell in cells(grid)]
    assert grid.columns == 3
    assert {(one.seed, one.batch_size, one.steps) for one in found} == {(7, 1, 7)}
    assert {one.variation_strength for one in found} == {0.3}
    seeds = [one.variation_seed for one in found]
    assert seeds == list(range(seeds[0], seeds[0] + 6))


def test_variations_by_denoising_begin_with_the_picture():
    made_by = GenerationRequest(
        prompt="a cat", seed=5, width=512, height=512, hires={"factor": 2}, variation_strength=0.5
    )
    wanted = VariationsInput(by="denoising", count=4, strength=0.6)
    for known in (made_by, None):
        found = [cell.request for cell in cells(grid_of(wanted, "some", known))]
        assert {one.task.image for one in found} == {"picture:some"}
        assert {one.task.strength for one in found} == {0.6}
        assert {one.prompt for one in found} == {known.prompt if known else ""}
        assert {(one.width, one.hires, one.variation_strength) for one in found} == {
            (None,) * 2 + (0,)
        }
        assert len({one.seed for one in found}) == 4


def test_the_noise_of_what_was_not_drawn_is_not_known():
    enlarged = GenerationRequest(task={"kind": "upscale", "image": "picture:a"})
    for made_by in (None, enlarged):
        with pytest.raises(InvalidRequest, match="denoising"):
            grid_of(VariationsInput(), "some", made_by)
    assert variations.grid_of(VariationsInput(by="denoising"), "some", enlarged)


def test_seeds_count_on_along_axes():
    x, y = {"axis": "Steps", "values": "1,2"}, {"axis": "CFG Scale", "values": "3,4,5"}

    def seeds(*along, seed=5):
        request = REQUEST.model_copy(update={"seed": seed, "batch_size": 1})
        found = cells(GridInput(request=request, x=x, y=y, vary_seeds=along))
        return {cell.place[:2]: cell.request.seed for cell in found}

    assert seeds("x", "y") == {(x, y): 5 + x + 2 * y for x in range(2) for y in range(3)}
    assert seeds("y") == {(x, y): 5 + y for x in range(2) for y in range(3)}
    assert set(seeds().values()) == {5}
    with pytest.raises(InvalidRequest, match="beyond"):
        seeds("x", seed=MAX_SEED)
    with pytest.raises(ValidationError, match="no axis z"):
        GridInput(request=REQUEST, x=x, vary_seeds=("z",))

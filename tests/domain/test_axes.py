"""What differs along a grid's axes: values as they are written, and what they make of a request."""

from __future__ import annotations

import pytest

from studio.domain.axes import AXES, applied, values
from studio.domain.errors import InvalidRequest
from studio.domain.grids import AxisInput, GridInput, cells
from studio.domain.request import GenerationRequest

REQUEST = GenerationRequest(prompt="a red house, moon, stars", negative_prompt="red", seed=7)


@pytest.mark.parametrize(
    ("axis", "text", "expected"),
    [
        ("Steps", "1-5", "1 2 3 4 5"),
        ("Steps", "1-5 (+2), 9", "1 3 5 9"),
        ("Steps", "10-4 (-3)", "10 7 4"),
        ("Steps", "1-10 [4]", "1 4 7 10"),
        ("Steps", "5-5", "5"),
        ("CFG Scale", "1-2 (+0.5)", "1 1.5 2"),
        ("CFG Scale", "1 - 2 [3],7.5", "1 1.5 2 7.5"),
        ("Var. strength", "0-0.3 (+0.1)", "0 0.1 0.2 0.3"),
        ("Sigma Churn", "0-1 [3]", "0 0.5 1"),
        ("Seed", "-1, 3", "-1 3"),
        ("Sampler", " Euler a ,\nDPM++ 2M", "Euler a|DPM++ 2M"),
        ("Prompt S/R", 'red,"a, b",', "red|a, b|"),
        ("VAE", "Automatic, x", "Automatic|x"),
    ],
)
def test_values(axis, text, expected):
    separator = "|" if "|" in expected else " "
    assert values(AXES[axis], text) == expected.split(separator)


@pytest.mark.parametrize(
    ("axis", "text", "says"),
    [
        ("Steps", "", "no values"),
        ("Steps", "many", "ranges as in"),
        ("Steps", "1-10 (-1)", "not reached"),
        ("Steps", "1-10 (+0)", "not reached"),
        ("Steps", "1-10000", "10,000 values"),
        ("Steps", "1-10 [10000]", "200 are the most"),
        ("Seed", ",".join(map(str, range(201))), "201 values"),
        ("Prompt order", "a,b,c,d,e,f", "too many orders"),
    ],
)
def test_what_no_axis_has(axis, text, says):
    with pytest.raises(InvalidRequest, match=says):
        values(AXES[axis], text)


@pytest.mark.parametrize(
    ("axis", "text", "fields"),
    [
        ("Steps", "5", {"steps": 5}),
        ("Hires steps", "3", {"hires": {"steps": 3}}),
        (
            "Prompt S/R",
            "red, blue",
            {"prompt": "a blue house, moon, stars", "negative_prompt": "blue"},
        ),
        ("Prompt order", "red, moon", {"prompt": "a moon house, red, stars"}),
        ("Sampler", "euler a", {"scheduler": "Euler a"}),
        ("Schedule type", "Karras", {"noise_schedule": "karras"}),
        ("Size", "512x768", {"width": 512, "height": 768}),
        ("Styles", "Night + Ink", {"styles": ("Night", "Ink")}),
        ("VAE", "Automatic", {}),
        ("Tiling", "both ways", {"tiling": "both"}),
    ],
)
def test_a_request_at_a_value(axis, text, fields):
    all_values = values(AXES[axis], text)
    changed = applied(REQUEST, AXES[axis], all_values[-1], all_values)
    told = changed.model_dump(exclude_defaults=True)
    expected = REQUEST.model_dump(exclude_defaults=True) | fields
    assert {k: v for k, v in told.items() if v} == {k: v for k, v in expected.items() if v}


def test_cells_change_what_is_costly_least_often_and_share_a_seed():
    grid = GridInput(
        request=GenerationRequest(prompt="x"),
        x=AxisInput(axis="Checkpoint name", values="a, b"),
        y=AxisInput(axis="Steps", values="1-2"),
        z=AxisInput(axis="Prompt S/R", values="x, y"),
    )
    drawn = cells(grid)
    assert [cell.place[0] for cell in drawn] == [0] * 4 + [1] * 4
    assert sorted(cell.place for cell in drawn) == [
        (x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)
    ]
    assert len({cell.request.seed for cell in drawn}) == 1
    for cell in drawn:
        x, y, z = cell.place
        said = cell.request.checkpoint, cell.request.steps, cell.request.prompt
        assert said == ("ab"[x], 1 + y, "xy"[z])


@pytest.mark.parametrize(
    ("axes", "says", "field"),
    [
        ({"x": ("Steps", "1-150"), "y": ("Seed", "1-150")}, "22,500 pictures", None),
        ({"x": ("Steps", "1"), "y": ("Steps", "2")}, "twice", None),
        ({"x": ("Colour", "red")}, "There are: Seed", "x.axis"),
        ({"x": ("Steps", "0")}, "steps", "x.steps"),
        ({"x": ("Prompt S/R", "green, blue")}, "neither prompt", "x"),
        ({"x": ("Prompt order", "green, blue")}, "does not stand", "x"),
        ({"x": ("Denoising", "0.5")}, "strength", None),
    ],
)
def test_grids_that_cannot_be(axes, says, field):
    given = {name: AxisInput(axis=axis, values=text) for name, (axis, text) in axes.items()}
    with pytest.raises(InvalidRequest, match=says) as raised:
        cells(GridInput(request=REQUEST, **given))
    assert field is None or raised.value.field == field

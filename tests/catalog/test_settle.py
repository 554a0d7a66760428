"""Checkpoints that go on with what another has drawn: by the catalog's names, if they can."""

from __future__ import annotations

import pytest

from studio.catalog.catalog import Catalog
from studio.catalog.settle import settle
from studio.domain.errors import InvalidRequest, UnknownCheckpoint
from studio.domain.request import GenerationRequest
from tests.catalog import files


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    folder = tmp_path_factory.mktemp("models")
    widths = {"one": 768, "paint": 768, "two": 1024, "xl": 2048, "refiner": 1280, "book": 192}
    for name, width in widths.items():
        channels = 9 if name == "paint" else 4
        files.write(folder / f"{name}.safetensors", files.checkpoint(width, channels))
    return Catalog([folder])


def settled(catalog: Catalog, checkpoint: str, **fields) -> GenerationRequest:
    return settle(catalog, GenerationRequest(checkpoint=checkpoint, **fields))


def test_every_name_becomes_the_catalogs(catalog):
    found = settled(
        catalog,
        "xl.safetensors",
        hires={"checkpoint": "xl.safetensors"},
        refiner={"checkpoint": "refiner.safetensors"},
    )
    assert (found.checkpoint, found.hires.checkpoint) == ("xl", "xl")
    assert found.refiner.checkpoint == "refiner"


@pytest.mark.parametrize("first, second", [("xl", "refiner"), ("one", "two"), ("two", "one")])
def test_those_of_the_same_latents_go_on(catalog, first, second):
    assert settled(catalog, first, hires={"checkpoint": second}).hires.checkpoint == second
    assert settled(catalog, first, refiner={"checkpoint": second}).refiner.checkpoint == second


@pytest.mark.parametrize("part", ["hires", "refiner"])
@pytest.mark.parametrize("first, second", [("xl", "one"), ("one", "xl"), ("book", "one")])
def test_others_are_refused_with_those_that_fit(catalog, part, first, second):
    with pytest.raises(InvalidRequest, match=f"latents of {first}.*Choose one of: .*{first}") as no:
        settled(catalog, first, **{part: {"checkpoint": second}})
    assert no.value.field == f"{part}.checkpoint"


@pytest.mark.parametrize("part", ["hires", "refiner"])
def test_an_unknown_one_is_named(catalog, part):
    with pytest.raises(UnknownCheckpoint) as unknown:
        settled(catalog, "one", **{part: {"checkpoint": "nothing"}})
    assert unknown.value.field == f"{part}.checkpoint"


def test_a_refiner_is_held_against_the_one_that_it_follows(catalog):
    """Against that of the second drawing, where there is one."""
    with pytest.raises(InvalidRequest, match="inpaint") as refused:
        settled(catalog, "one", refiner={"checkpoint": "paint"})
    assert refused.value.field == "refiner.checkpoint"
    assert settled(catalog, "one", hires={"checkpoint": "paint"}).hires
    both = {"hires": {"checkpoint": "paint"}, "refiner": {"checkpoint": "paint"}}
    assert settled(catalog, "one", **both).refiner.checkpoint == "paint"


def test_a_refiner_that_predicts_something_else_is_refused(catalog):
    catalog.set_notes(catalog.find("two"), prediction_type="v_prediction")
    with pytest.raises(InvalidRequest, match="predicts something else") as refused:
        settled(catalog, "one", refiner={"checkpoint": "two"})
    assert refused.value.field == "refiner.checkpoint"
    assert settled(catalog, "one", hires={"checkpoint": "two"}).hires.checkpoint == "two"

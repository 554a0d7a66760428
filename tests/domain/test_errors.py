"""Errors cross threads and machines by name, and say which field they are about."""

from __future__ import annotations

import pytest

from studio.domain import errors
from studio.domain.errors import CheckpointError, EngineError, InvalidRequest, StudioError, about
from studio.domain.events import Failed
from studio.domain.request import GenerationRequest


def tree(root: type[StudioError] = StudioError) -> set[type[StudioError]]:
    """Those of the tree in `errors`; a package may have kinds of its own."""
    below = {each for child in root.__subclasses__() for each in tree(child)}
    return {each for each in below | {root} if each.__module__ == errors.__name__}


@pytest.mark.parametrize("kind", sorted(tree(), key=lambda kind: kind.__name__))
def test_every_error_arrives_as_it_was_sent(kind):
    sent = kind("Copy it again.", "checkpoint")
    arrived = Failed.of(sent).cause
    assert type(arrived) is kind
    assert (str(arrived), arrived.field) == ("checkpoint: Copy it again.", "checkpoint")


@pytest.mark.parametrize("name", ["Exception", "StudioErro", "named", "shorten", "_TREE"])
def test_a_name_that_is_no_error_of_ours_is_an_engine_error(name):
    assert type(Failed(name, "What now?").cause) is EngineError


def test_a_place_is_put_before_the_field():
    with pytest.raises(CheckpointError) as caught, about("controls.2"), about("image"):
        raise CheckpointError("it is damaged.")
    assert caught.value.field == "controls.2.image"
    assert str(caught.value) == "controls.2.image: it is damaged."


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"steps": 0}, "steps", "0 is not allowed, it must be a whole number from 1 to 150."),
        ({"task": {"kind": "inpaint", "image": "a", "mask": "b", "mask_blur": 99}},
         "task.mask_blur", "99 is not allowed, it must be a whole number from 0 to 64."),
        ({"controls": [{"controlnet": "c", "image": "a", "scale": 0}]},
         "controls.0.scale", "0 is not allowed, it must be a number above 0, up to 2."),
        ({"steps": 0, "seed": -5}, "", "steps: 0 is not allowed"),
    ],
)  # fmt: skip
def test_a_request_says_which_field_is_wrong(fields, field, says):
    with pytest.raises(InvalidRequest) as caught:
        GenerationRequest.parse(fields)
    assert caught.value.field == field
    assert caught.value.message.startswith(says)


def test_running_out_of_memory_is_known_by_its_words_too():
    words = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you"
    for error in (MemoryError(), RuntimeError(words), RuntimeError("MPS backend out of memory")):
        assert errors.is_out_of_memory(error)
    for error in (RuntimeError("mat1 and mat2 shapes"), ValueError("out of memory"), KeyError("a")):
        assert not errors.is_out_of_memory(error)

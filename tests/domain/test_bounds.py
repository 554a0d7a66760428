"""Nothing that a request holds costs more than it is worth: texts are measured and lists counted
before anything looks into them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest

UNIT = {"controlnet": "canny", "image": "input:a"}
HOSTILE = {
    "LoRA, colons": lambda n: {"loras": ["x" + ":" * n]},
    "LoRA, digits": lambda n: {"loras": ["x:" + "1" * n + "x"]},
    "LoRA, name": lambda n: {"loras": [{"name": "x" * n}]},
    "unit, pairs": lambda n: {"controls": [",a=1" * n]},
    "unit, spaces": lambda n: {"controls": ["," + " " * n]},
    "unit, preprocessor": lambda n: {"controls": [UNIT | {"preprocessor": "_" * n}]},
    "unit, type": lambda n: {"controls": [UNIT | {"union_type": "x" * n}]},
    "unit, setting": lambda n: {"controls": [UNIT | {"settings": {"x" * n: 1}}]},
    "unit, settings": lambda n: {"controls": [UNIT | {"settings": dict.fromkeys(_keys(n), 1)}]},
    "unit, unknown fields": lambda n: {"controls": [UNIT | dict.fromkeys(_keys(n), 1)]},
    "units": lambda n: {"controls": [{}] * n},
    "LoRAs": lambda n: {"loras": [{}] * n},
    "unknown fields": lambda n: dict.fromkeys(_keys(n), 1),
    "task": lambda n: {"task": {"kind": "x" * n}},
    "task, unknown fields": lambda n: {"task": dict.fromkeys(_keys(n), 1)},
    "aspect ratio": lambda n: {"task": {"kind": "outpaint", "image": "a", "aspect_ratio": "1" * n}},
    "sampler": lambda n: {"scheduler": "karras" * n},
    "schedule": lambda n: {"noise_schedule": "a" * n},
    "prompt": lambda n: {"prompt": "(" * 3 * n},
    "checkpoint": lambda n: {"checkpoint": " [" * n},
    "number": lambda n: {"seed": "1" * n + "x"},
}


def _keys(n: int) -> list[str]:
    return [f"k{i}" for i in range(n)]


def _lines_run(body: bytes) -> int:
    """Lines of Python that refusing `body` takes, which is the same on every machine."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(InvalidRequest):
            GenerationRequest.parse(body)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_ten_times_the_size_costs_no_more_to_refuse(name):
    small, large = (json.dumps(HOSTILE[name](n)).encode() for n in (10_000, 100_000))
    _lines_run(small)  # what is cached is made
    assert _lines_run(large) <= _lines_run(small) + 20


@pytest.mark.parametrize("name", HOSTILE)
def test_the_refusal_of_a_large_text_is_short(name):
    with pytest.raises(InvalidRequest) as refused:
        GenerationRequest.parse(HOSTILE[name](300_000))
    assert len(str(refused.value)) < 2000


def _unbounded(schema: Any, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for place, each in enumerate(schema):
            yield from _unbounded(each, f"{path}.{place}")
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "string" and not schema.keys() & {"maxLength", "enum", "const"}:
        yield path
    if kind == "array" and "maxItems" not in schema:
        yield path
    if kind == "object" and "maxProperties" not in schema and schema.get("additionalProperties"):
        yield path
    for name, value in schema.items():
        if name not in ("propertyNames", "default", "enum"):
            yield from _unbounded(value, f"{path}.{name}")


def test_every_text_list_and_table_of_a_request_has_a_largest_size():
    assert list(_unbounded(GenerationRequest.model_json_schema(), "request")) == []

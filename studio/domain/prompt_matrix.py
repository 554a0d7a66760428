"""A prompt whose parts, written with bars between them, are put together in all ways: of "a cat|in
snow|at night" the first is in each picture, of the others each set, the empty one too."""

from __future__ import annotations

from typing import Literal

from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen

MOST_PARTS = 7
"""Of which each may be there or not: 128 pictures."""
NONE = "—"
"""The label of a picture, or a row of them, with none of its parts."""


class MatrixInput(Frozen):
    """`of`: the prompt that has the parts. `parts_first`: they come before what is in each picture.
    `different_seeds`: these count up from picture to picture; else all have one."""

    of: Literal["prompt", "negative_prompt"] = "prompt"
    parts_first: bool = False
    joined_by: Literal["comma", "space"] = "comma"
    different_seeds: bool = False


def parts(text: str) -> list[str]:
    """What stands between the bars of `text`, the first being what is in each picture. Bars within
    brackets mean something else: [a|b] takes turns, {a|b} chooses."""
    found, depth, begin = [], 0, 0
    for place, letter in enumerate(text):
        depth = max(0, depth + (letter in "[{") - (letter in "]}"))
        if letter == "|" and depth == 0:
            found.append(text[begin:place])
            begin = place + 1
    return [part.strip().strip(",").strip() for part in (*found, text[begin:])]


def variable(request: GenerationRequest, matrix: MatrixInput) -> tuple[list[str], list[str]]:
    """The parts that differ along a row, and from row to row. Raises `InvalidRequest` where there
    are none, or too many."""
    rest = parts(getattr(request, matrix.of))[1:]
    if not rest:
        raise InvalidRequest(
            "there are no parts with bars between them. Write them as in: a cat|in snow|at night.",
            matrix.of,
        )
    if len(rest) > MOST_PARTS:
        raise InvalidRequest(
            f"{len(rest)} parts can be put together in more ways than jobs may wait at once. Take "
            f"{MOST_PARTS} at most, which are {2**MOST_PARTS} pictures.",
            matrix.of,
        )
    across = (len(rest) + 1) // 2
    return rest[:across], rest[across:]


def sets(among: list[str]) -> list[tuple[str, ...]]:
    """All sets of them, the empty one first."""
    return [
        tuple(part for bit, part in enumerate(among) if number >> bit & 1)
        for number in range(2 ** len(among))
    ]


def label(chosen: tuple[str, ...]) -> str:
    return ", ".join(chosen) or NONE


def put_together(first: str, chosen: tuple[str, ...], matrix: MatrixInput) -> str:
    """The prompt of a picture."""
    said = (*chosen, first) if matrix.parts_first else (first, *chosen)
    return (", " if matrix.joined_by == "comma" else " ").join(part for part in said if part)

"""Probes: a prompt with one open slot, drawn so many times for each of its words."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from studio.domain.errors import InvalidRequest
from studio.domain.grids import MOST_CELLS, AxisInput, GridInput
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen

MOST_OF_A_WORD = 100
AXES = "Seed", "Prompt S/R"
"""Of the grid that a probe is, along x and y."""


class ProbeInput(Frozen):
    """`request`: what is drawn, its prompt with one slot as in "a {nurse|pilot}"; `count`: how
    often for each word, with as many seeds, the same for all of them."""

    request: GenerationRequest
    count: Annotated[int, Field(ge=2, le=MOST_OF_A_WORD)] = 24


@dataclass(frozen=True)
class Slot:
    """A prompt with something open: `words` between what is `before` and `after`."""

    before: str
    words: tuple[str, ...]
    after: str

    @property
    def template(self) -> str:
        """The prompt as it is asked for, with the slot in it."""
        return f"{self.before}{{{'|'.join(self.words)}}}{self.after}"

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of each word."""
        return tuple(f"{self.before}{word}{self.after}" for word in self.words)


def slot_of(prompt: str) -> Slot:
    """The first pair of braces in `prompt`; braces within its words stay dynamic prompts, and so do
    those after it. Raises `InvalidRequest` where there is none, or nothing to compare."""
    start = prompt.find("{")
    depth, words, last = 0, [], start + 1
    for at in range(max(start, 0), len(prompt)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(prompt[at], 0)
        if (prompt[at] == "|" and depth == 1) or depth == 0:
            words.append(prompt[last:at].strip())
            last = at + 1
        if depth == 0:
            break
    if len(words) < 2 or depth or not all(words):
        raise InvalidRequest(
            "the prompt has no slot with words to compare. Write it as a {nurse|pilot|teacher}.",
            "prompt",
        )
    if len(set(words)) < len(words):
        raise InvalidRequest("a word stands twice in the slot. Take one of them out.", "prompt")
    return Slot(prompt[:start], tuple(words), prompt[last:])


def grid_of(probe: ProbeInput) -> GridInput:
    """As a grid: a row for each word, a column for each seed. Raises `InvalidRequest`."""
    slot = slot_of(probe.request.prompt)
    if len(slot.words) * probe.count > MOST_CELLS:
        raise InvalidRequest(
            f"{len(slot.words)} words drawn {probe.count} times are more than {MOST_CELLS} "
            "pictures. Take fewer of either.",
            "count",
        )
    request = probe.request.with_seed().model_copy(
        update={"prompt": slot.prompts[0], "batch_size": 1}
    )
    listed = io.StringIO()
    csv.writer(listed).writerow(slot.prompts)
    seeds = f"{request.seed}-{request.seed + probe.count - 1}"
    return GridInput(
        request=request,
        x=AxisInput(axis=AXES[0], values=seeds),
        y=AxisInput(axis=AXES[1], values=listed.getvalue().strip()),
        margin=2,
    )


def slot_in(grid: GridInput) -> Slot:
    """What the rows of a probe's grid are: `words`, the prompts without what all have in common.
    Raises `InvalidRequest` for a grid that is no probe."""
    if grid.x is None or grid.y is None or (grid.x.axis, grid.y.axis) != AXES:
        raise InvalidRequest("This grid is no probe: its rows are no prompts, drawn by seeds.")
    [prompts] = csv.reader([grid.y.values])
    before, after = _common(prompts), _common([text[::-1] for text in prompts])
    end = min(after, min(map(len, prompts)) - before)
    words = tuple(text[before : len(text) - end] or text for text in prompts)
    return Slot(prompts[0][:before], words, prompts[0][len(prompts[0]) - end :])


def _common(texts: list[str]) -> int:
    """How many characters they begin with together, up to the end of a word."""
    count = 0
    for letters in zip(*texts, strict=False):
        if len(set(letters)) > 1:
            break
        count += 1
    return max((at + 1 for at in range(count) if texts[0][at] == " "), default=0)

"""What is left out of which call, and what stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from studio.diffusion.approximation import Approximation
from studio.diffusion.conditioning import Conditioning, Prompt, Text
from studio.diffusion.denoise import Ask, Guided
from studio.families.stable_diffusion.family import PICTUREBOOK
from tests.engine.running import settled


def prompt(value: float, until: float = 1.0, then: float | None = None) -> Prompt:
    """A text whose prediction is `value`; from the share `until` of the run on it is `then`."""
    texts = [(until, value)] + ([] if then is None else [(1.0, then)])
    return Prompt(tuple((end, Text(torch.full((1, 2, 3), each))) for end, each in texts))


GUIDED = Conditioning((prompt(3.0),), prompt(1.0), 7.0)


@dataclass(eq=False)
class Unit:
    is_steady: bool
    kind: str = ""
    acting: None = None


def calls(
    approximation: Approximation,
    times: Sequence[float | None],
    conditioning: Conditioning = GUIDED,
    units: Sequence[Sequence[Unit]] = ((),),
    wants_negative: bool = False,
) -> tuple[str, list]:
    """Of each call its rows, two pictures being drawn, as "w4" for a whole one of four and "s2" for
    a shallow one of two; and the answers where each row's prediction is what its text says."""
    told, answers = [], []
    for number, time in enumerate(times):
        begun, ended = number / len(times), (number + 1) / len(times)
        sample = torch.zeros(2, 4, 1, 1)
        ask = Ask(sample, torch.zeros(2), conditioning, wants_negative, begun, ended, time)
        rows = approximation.rows(ask, units[min(number, len(units) - 1)])
        told.append(f"{'s' if rows.is_shallow else 'w'}{len(rows)}")
        assert not rows.is_shallow or all(unit.is_steady for unit in rows.units)
        predicted = rows.prompt_embeds[:, 0, 0].reshape(-1, 1, 1, 1).expand(-1, 4, 1, 1)
        answers.append(approximation.mix(ask, predicted, PICTUREBOOK.guided))
    return " ".join(told), answers


DOWN = [1000.0 - 40 * number for number in range(20)]
THIRDS = "w4 w4 w4 w4 w4 w4 s4 s4 w4 s4 s4 w4 s4 s4 w2 s2 s2 w2 s2 s2"


def test_deep_blocks_at_every_third_call_and_no_negative_prompt_in_the_last_third():
    approximation = Approximation(has_deep_blocks=True)
    told, answers = calls(approximation, DOWN)
    assert told == THIRDS and not approximation.is_exact
    guided = torch.full((2, 4, 1, 1), 1.0 + 7 * (3 - 1))
    assert all(torch.equal(answer, guided) for answer in answers)


@pytest.mark.parametrize(
    ("times", "conditioning", "expected"),
    [
        (DOWN[:6], GUIDED, "w4 w4 w4 w4 w4 w2"),
        (DOWN[:10], Conditioning((prompt(3.0),)), "w2 w2 w2 s2 w2 s2 w2 s2 w2 s2"),
        # Restart: back to where there is more noise, in the tail too
        ([*DOWN[:10], *DOWN[4:10], *DOWN[4:8]], GUIDED,
         "w4 w4 w4 w4 w4 w4 s4 s4 w4 s4 w4 s4 s4 w4 w2 s2 w4 w2 s2 s2"),
        ([None] * 12, GUIDED, " ".join(["w4"] * 12)),  # each row has its own pace
        # texts that change: within three calls, and in the tail
        (DOWN, Conditioning((prompt(3.0, 0.45, 2.0),), prompt(1.0), 7.0),
         "w4 w4 w4 w4 w4 w4 s4 s4 w4 w4 s4 s4 w4 s4 w2 s2 s2 w2 s2 s2"),
        (DOWN, Conditioning((prompt(3.0, 0.8, 2.0),), prompt(1.0), 7.0),
         "w4 w4 w4 w4 w4 w4 s4 s4 w4 s4 s4 w4 s4 s4 w2 s2 w4 w2 s2 s2"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_taken_again_all_is_computed(times, conditioning, expected):
    approximation = Approximation(has_deep_blocks=True)
    told, answers = calls(approximation, times, conditioning)
    assert told == expected
    value = conditioning.prompts[0].at(0.99).embeds[0, 0, 0]
    last = value if conditioning.negative is None else 1 + 7 * (value - 1)
    assert torch.equal(answers[-1], last.expand(2, 4, 1, 1))
    assert approximation.is_exact == (len(set(expected.split())) == 1)


def test_units_that_begin_or_end_are_heard_at_once():
    net, adapter = Unit(is_steady=False), Unit(is_steady=True)
    units = [(adapter,)] * 7 + [(net, adapter)] * 5 + [()]
    told, _ = calls(Approximation(has_deep_blocks=True), DOWN, units=units)
    assert told == "w4 w4 w4 w4 w4 w4 s4 w4 s4 s4 w4 s4 w4 s4 w2 s2 s2 w2 s2 s2"


def test_several_prompts_and_samplers_that_want_the_negative_prediction():
    mixed = Conditioning((prompt(3.0), prompt(5.0)), prompt(1.0), 2.0)
    told, answers = calls(Approximation(has_deep_blocks=False), DOWN[:4], mixed, ((),), True)
    assert told == "w6 w6 w6 w4"
    for answer in answers:
        assert isinstance(answer, Guided)
        assert torch.equal(answer.noise_pred, torch.full((2, 4, 1, 1), 1.0 + 2 * 2 + 2 * 4))
        assert torch.equal(answer.negative_pred, torch.ones(2, 4, 1, 1))


def test_the_switch_is_off_unless_it_is_said():
    assert not settled().approximate
    assert settled(approximate=True, hires={"approximate": False}).second().approximate is False

"""Which samplers meet which noise schedules in a test.

All pairs are a table that was measured; every run tries each sampler with the schedule it takes by
itself and each schedule with two samplers. The rest are marked slow.
"""

from collections.abc import Iterable

import pytest

from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.schedulers import SCHEDULERS

ALL = [(name, s) for name, spec in SCHEDULERS.items() for s in spec.noise_schedules]

DEAR = {"DPM++ SDE"}
"""Ten times as long in its Brownian tree as others: in every run with its own schedule alone."""


def _in_every_run() -> set[tuple[str, str]]:
    chosen = {(name, spec.automatic) for name, spec in SCHEDULERS.items()}
    for schedule in NOISE_SCHEDULES:
        following = [pair for pair in ALL if pair[1] == schedule and pair[0] not in DEAR]
        lacking = max(0, 2 - len(chosen & set(following)))
        chosen |= set([pair for pair in following if pair not in chosen][:lacking])
    return chosen


IN_EVERY_RUN = _in_every_run()


def params(pairs: Iterable[tuple[str, str]] = ALL) -> list:
    """For `parametrize`: (sampler, schedule) pairs, most of them slow."""
    return [
        pytest.param(*pair, marks=() if pair in IN_EVERY_RUN else pytest.mark.slow)
        for pair in pairs
    ]

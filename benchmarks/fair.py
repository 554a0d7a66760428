"""How long eight users wait on a day: fair turns beside first come, first served.

    python benchmarks/fair.py [--days 5] [--patience 30] [--swap 8]

A day is simulated, on the very module that decides (`studio/jobs/turns.py`): two users send bursts
of 50 jobs, two some jobs at a time, four single ones; there are two checkpoints, and to change them
takes --swap seconds. Each table is over all days: seconds from a job's submission until it begins.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Any

from studio.jobs.turns import Turn, Turns

HOURS = 9
USERS = {  # how many jobs at a time, how often a day, how often with the checkpoint of others
    "Ann, bursts": (50, 4, 0.05),
    "Bo, bursts": (50, 3, 0.05),
    "Cy, some": (8, 10, 0.2),
    "Di, some": (6, 12, 0.2),
    "Ed, single": (1, 40, 0.1),
    "Flo, single": (1, 30, 0.1),
    "Gus, single": (1, 20, 0.1),
    "Hal, single": (1, 10, 0.1),
}
Coming = list[tuple[float, Turn]]


class FirstCome:
    """The baseline."""

    def __init__(self) -> None:
        self._waiting: deque[Turn] = deque()

    def add(self, turn: Turn) -> None:
        self._waiting.append(turn)

    def next(self, now_s: float, models: str | None) -> Turn | None:
        return self._waiting[0] if self._waiting else None

    def begin(self, turn: Turn, now_s: float) -> None:
        self._waiting.popleft()

    def settle(self, owner: str, seconds: float) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--patience", type=float, default=30.0, help="as --swap-patience")
    parser.add_argument("--swap", type=float, default=8.0, help="seconds")
    parser.add_argument("--error", type=float, default=0.25, help="of what is foretold of a job")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    policies: dict[str, Callable[[], Any]] = {
        "first come": FirstCome,
        "turns, no grouping": lambda: Turns(0.0),
        f"turns, {flags.patience:g} s": lambda: Turns(flags.patience),
    }
    report = {"days": flags.days, "swap_s": flags.swap, "policies": {}}
    for name, policy in policies.items():
        days = [_day(policy(), flags, random.Random(day)) for day in range(flags.days)]
        report["policies"][name] = _summary(days)
    print(json.dumps(report) if flags.json else _table(report))


def coming(chance: random.Random) -> Coming:
    """A day's jobs in the order in which they are sent: (second, job with its true seconds)."""
    jobs: Coming = []
    for number, (user, (count, times, strays)) in enumerate(USERS.items()):
        for _ in range(times):
            at_s = chance.uniform(0, HOURS * 3600)
            own = "AB"[number % 2]
            models = chance.choice("AB") if chance.random() < 2 * strays else own
            size_s = min(120.0, chance.lognormvariate(2.7, 0.6))
            for _ in range(count):
                seconds = size_s * chance.uniform(0.9, 1.1)
                jobs.append((at_s, Turn(len(jobs), user, models, seconds)))
    return sorted(jobs, key=lambda each: each[0])


def _day(line: Any, flags: argparse.Namespace, chance: random.Random) -> dict[str, Any]:
    """Waiting seconds by user, how often the checkpoint was changed, how long the device worked."""
    waits: dict[str, list[float]] = {user: [] for user in USERS}
    now_s, models, swaps, work_s = 0.0, None, 0, 0.0
    to_come = deque(coming(chance))
    real = {turn.id: (at_s, turn.seconds) for at_s, turn in to_come}
    while True:
        while to_come and to_come[0][0] <= now_s:
            turn = to_come.popleft()[1]
            foretold = turn.seconds * chance.uniform(1 - flags.error, 1 + flags.error)
            line.add(Turn(turn.id, turn.owner, turn.models, foretold))
        turn = line.next(now_s, models)
        if turn is None:
            if not to_come:
                return {"waits": waits, "swaps": swaps, "work_s": work_s}
            now_s = to_come[0][0]
            continue
        at_s, seconds = real[turn.id]
        line.begin(turn, now_s)
        waits[turn.owner].append(now_s - at_s)
        if turn.models != models:
            swaps, seconds, models = swaps + 1, seconds + flags.swap, turn.models
        now_s, work_s = now_s + seconds, work_s + seconds
        line.settle(turn.owner, seconds - turn.seconds)


def _summary(days: list[dict[str, Any]]) -> dict[str, Any]:
    users = {}
    for user in USERS:
        waits = sorted(wait for day in days for wait in day["waits"][user])
        users[user] = {
            "jobs": len(waits) // len(days),
            "median_s": median(waits),
            "p95_s": waits[int(0.95 * (len(waits) - 1))],
            "max_s": waits[-1],
        }
    return {
        "users": users,
        "swaps": sum(day["swaps"] for day in days) / len(days),
        "busy": sum(day["work_s"] for day in days) / len(days) / (HOURS * 3600),
    }


def _table(report: dict[str, Any]) -> str:
    policies = report["policies"]
    lines = [
        f"{report['days']} days of {HOURS} hours, a swap takes {report['swap_s']:g} s.",
        "Seconds of waiting: median, 95 of 100, longest.",
        "",
        f"{'':14}{'jobs':>6}" + "".join(f"{name:>27}" for name in policies),
    ]
    for user in USERS:
        rows = [policy["users"][user] for policy in policies.values()]
        cells = "".join(
            f"{row['median_s']:>11.0f}{row['p95_s']:>8.0f}{row['max_s']:>8.0f}" for row in rows
        )
        lines.append(f"{user:14}{rows[0]['jobs']:>6}{cells}")
    for name, key, form in (("swaps a day", "swaps", ".0f"), ("device busy", "busy", ".0%")):
        cells = "".join(f"{format(policy[key], form):>27}" for policy in policies.values())
        lines.append(f"{name:14}{'':>6}{cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

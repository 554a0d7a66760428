"""Fair turns, as properties of whole days: who waits for whom, and how long at most."""

from __future__ import annotations

import random
from itertools import groupby, pairwise

import pytest

from studio.jobs.turns import Turn, Turns


def run(turns: Turns, coming=(), swap_s: float = 0.0) -> list[tuple[float, Turn]]:
    """All of `coming`, (when, turn), and what waits already, one after the other: (begun, turn)."""
    now_s, models, begun, coming = 0.0, None, [], sorted(coming, key=lambda each: each[0])
    while True:
        while coming and coming[0][0] <= now_s:
            turns.add(coming.pop(0)[1])
        turn = turns.next(now_s, models)
        if turn is None:
            if not coming:
                return begun
            now_s = coming[0][0]
            continue
        turns.begin(turn, now_s)
        begun.append((now_s, turn))
        now_s += turn.seconds + swap_s * (turn.models != models)
        models = turn.models


def jobs(owner: str, count: int, seconds: float = 10.0, models: str = "M") -> list[Turn]:
    return [Turn(f"{owner}{n}", owner, models, seconds) for n in range(count)]


def names(begun) -> list[str]:
    return [turn.id for _, turn in begun]


def test_one_job_goes_before_the_fifty_of_another():
    turns = Turns(30)
    for turn in jobs("many", 50):
        turns.add(turn)
    begun = run(turns, [(25.0, Turn("one", "single", "M", 10))])
    assert names(begun)[:4] == ["many0", "many1", "many2", "one"]


def test_it_is_work_that_is_shared_not_the_number_of_jobs():
    turns = Turns(30)
    for turn in jobs("large", 10, seconds=60) + jobs("small", 60, seconds=10):
        turns.add(turn)
    begun = run(turns)
    had = {"large": 0.0, "small": 0.0}
    for _, turn in begun[:-1]:
        had[turn.owner] += turn.seconds
        if max(had.values()) < 600:
            assert abs(had["large"] - had["small"]) <= 60


def test_whoever_slept_is_not_owed_for_it():
    turns = Turns(30)
    for turn in jobs("awake", 40):
        turns.add(turn)
    late = [(300.0, turn) for turn in jobs("late", 20)]
    after = names(run(turns, late))[30:]
    assert all(a[0] != b[0] for a, b in pairwise(after[:16])), "they take turns from then on"


def test_what_a_job_took_counts_not_what_was_foretold():
    turns = Turns(30)
    for turn in jobs("a", 9, seconds=1) + jobs("b", 9, seconds=1):
        turns.add(turn)
    order = []
    while turn := turns.next(0, "M"):
        turns.begin(turn, 0)
        turns.settle(turn.owner, 2.0 if turn.owner == "a" else 0.0)  # a's take three times as long
        order.append(turn.owner)
    assert order[:12].count("a") == 3


def test_the_order_within_an_account_is_its_own():
    turns = Turns(30)
    own = jobs("a", 5)
    for turn in own + jobs("b", 5):
        turns.add(turn)
    turns.move(own[3], 0)
    turns.move(own[0], 99)
    turns.remove(own[1])
    assert [name for name in names(run(turns)) if name[0] == "a"] == ["a3", "a2", "a4", "a0"]
    with pytest.raises(ValueError):
        turns.remove(own[1])


def test_swaps_are_grouped_as_long_as_nobody_waits_too_long_for_it():
    def swaps(patience_s: float) -> int:
        turns = Turns(patience_s)
        for turn in jobs("a", 30, models="A") + jobs("b", 30, models="B"):
            turns.add(turn)
        return len(list(groupby(turn.models for _, turn in run(turns, swap_s=5))))

    assert swaps(0) >= 50
    assert swaps(60) <= swaps(0) / 3


def a_day(chance: random.Random) -> list[tuple[float, Turn]]:
    """Bursts and single jobs of up to eight accounts with up to three checkpoints."""
    coming, count = [], 0
    for user in range(chance.randint(1, 8)):
        for _ in range(chance.randint(1, 6)):
            at_s, models = chance.uniform(0, 2000), chance.choice("ABC")
            for _ in range(chance.choice((1, 1, 2, 25))):
                count += 1
                turn = Turn(count, f"user{user}", models, chance.uniform(1, 60))
                coming.append((at_s, turn))
    return coming


@pytest.mark.parametrize("seed", range(40))
def test_whatever_comes_all_are_begun_in_order_and_nobody_starves(seed):
    chance = random.Random(seed)
    coming, patience_s = a_day(chance), chance.choice((0, 30, 300))
    begun = run(Turns(patience_s), coming)
    assert sorted(turn.id for _, turn in begun) == sorted(turn.id for _, turn in coming)
    for owner in {turn.owner for _, turn in coming}:
        came = [t.id for _, t in sorted(coming, key=lambda each: each[0]) if t.owner == owner]
        assert [turn.id for _, turn in begun if turn.owner == owner] == came
    # Who is alone in asking for one job waits at most for what each other may have once: a job, one
    # that runs, and the time for which it may be passed over.
    longest_s = max(turn.seconds for _, turn in coming)
    owners = len({turn.owner for _, turn in coming})
    bound_s = (owners + 1) * longest_s + patience_s + longest_s
    at_s = {turn.id: at for at, turn in coming}
    ends_s: dict[str, float] = {}
    for start_s, turn in begun:
        ready_s = max(at_s[turn.id], ends_s.get(turn.owner, 0.0))
        if at_s[turn.id] >= ends_s.get(turn.owner, 0.0):  # its owner had nothing else
            assert start_s - ready_s <= bound_s, (turn, start_s - ready_s, bound_s)
        ends_s[turn.owner] = start_s + turn.seconds


@pytest.mark.parametrize("seed", range(10))
def test_the_order_that_is_foretold_is_what_happens(seed):
    turns = Turns(30)
    for _, turn in a_day(random.Random(seed)):
        turns.add(turn)
    foretold = [turn.id for turn in turns.order(0.0, None)]
    assert foretold == names(run(turns))

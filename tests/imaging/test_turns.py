"""The queue for decoding: within its budget, first come first served, nobody starved or let in
twice."""

from __future__ import annotations

import threading

import pytest

from studio.domain.errors import InvalidRequest, QueueFull
from studio.imaging import reading
from studio.imaging.turns import Turns
from tests.imaging.pictures import encoded, noise


class Caller(threading.Thread):
    """Takes a turn, and holds it until it is told to go."""

    def __init__(self, turns: Turns, pixels: int, **options: bool) -> None:
        super().__init__(daemon=True)
        self.inside, self.go = threading.Event(), threading.Event()
        self._turn = turns.turn(pixels, **options)
        self.start()

    def run(self) -> None:
        with self._turn:
            self.inside.set()
            self.go.wait(30)

    def leave(self) -> None:
        self.go.set()
        self.join(30)


def waits(turns: Turns, count: int) -> None:
    """Until so many wait."""
    for _ in range(3000):
        if len(turns._waiting) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(turns._waiting)} wait")


def test_many_small_ones_or_one_large_one():
    turns = Turns(100, most_waiting=9)
    small = [Caller(turns, 30) for _ in range(3)]
    assert all(each.inside.wait(30) for each in small)
    large = Caller(turns, 1000)  # more than all there is: it gets all
    waits(turns, 1)
    late = Caller(turns, 10)  # there is room, but another came first
    waits(turns, 2)
    assert not large.inside.is_set() and not late.inside.is_set()
    for each in small:
        each.leave()
    assert large.inside.wait(30) and not late.inside.is_set()
    large.leave()
    assert late.inside.wait(30)
    late.leave()


def test_one_who_would_rather_be_refused_is():
    turns = Turns(100, most_waiting=2)
    first = Caller(turns, 100)
    assert first.inside.wait(30)
    waiting = [Caller(turns, 10, patient=False) for _ in range(2)]
    waits(turns, 2)
    with pytest.raises(QueueFull, match="Try again"), turns.turn(10, patient=False):
        pass
    patient = Caller(turns, 10)
    waits(turns, 3)
    first.leave()
    assert all(each.inside.wait(30) for each in (*waiting, patient))
    for each in (*waiting, patient):
        each.leave()


def test_what_fails_gives_its_turn_back():
    turns = Turns(10, most_waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn(10):
            raise ZeroDivisionError
    with turns.turn(10):
        pass


def test_every_reader_waits_for_its_turn(monkeypatch):
    data = encoded(noise((20, 10)))
    turns = Turns(200, most_waiting=9)
    monkeypatch.setattr(reading, "decoding", turns)
    readers = (
        reading.picture,
        reading.with_profile,
        reading.values,
        reading.with_alpha,
        reading.mask,
        reading.check,
    )
    with turns.turn(1):
        done = threading.Semaphore(0)
        for reader in readers:
            work = lambda reader=reader: (reader(data), done.release())  # noqa: E731
            threading.Thread(target=work, daemon=True).start()
        waits(turns, len(readers))
    for _ in readers:
        assert done.acquire(timeout=30)
    with pytest.raises(InvalidRequest):
        reading.check(data[:-40])
    assert turns._left == 200

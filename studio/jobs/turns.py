"""Who is next: fair turns between accounts by the work that is done for each, not by the number of
their jobs. No threads and no clock: whoever asks says what time it is.

Each account has had so many seconds of the device; who has had the least is next (start-time fair
queuing). An account that comes, or comes back, begins where the others are: it is not owed for the
time in which it asked for nothing. Within an account the order is its own.

Changing a checkpoint takes a while. So a job whose models are those of the job before may go first,
as long as nobody is passed over for more than `patience_s`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A job that waits. `models`: equal for jobs between which nothing has to be loaded, None for
    what loads nothing that others draw with; `seconds`: of work, as far as is known."""

    id: Hashable
    owner: str
    models: Hashable
    seconds: float


class Turns:
    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lines: dict[str, list[Turn]] = {}
        self._had_s: dict[str, float] = {}
        self._came: dict[str, int] = {}
        self._passed_since_s: dict[str, float] = {}
        self._level_s = 0.0  # what those have had at least who asked for something
        self._count = 0

    def add(self, turn: Turn) -> None:
        """The last in its owner's line."""
        owner = turn.owner
        if owner not in self._lines:
            self._count += 1
            self._lines[owner], self._came[owner] = [], self._count
            self._had_s[owner] = max(self._had_s.get(owner, 0.0), self._level_s)
        self._lines[owner].append(turn)

    def remove(self, turn: Turn) -> None:
        """It waits no longer. Raises ValueError where it did not."""
        line = self._lines.get(turn.owner, [])
        line.remove(turn)
        if not line:
            del self._lines[turn.owner]
            self._passed_since_s.pop(turn.owner, None)

    def move(self, turn: Turn, position: int) -> None:
        """To `position` in its owner's line, 0 being the first; one beyond the end is the last."""
        line = self._lines[turn.owner]
        line.remove(turn)
        line.insert(position, turn)

    def of(self, owner: str) -> list[Turn]:
        """The line of one account."""
        return list(self._lines.get(owner, ()))

    def next(self, now_s: float, models: Hashable) -> Turn | None:
        """Whose turn it is where `models` were used last; None: nobody waits."""
        if not self._lines:
            return None
        first = self._lines[min(self._lines, key=self._rank)][0]
        if first.models in (models, None) or all(
            line[0].models != models for line in self._lines.values()
        ):
            return first
        earliest_s = now_s
        for owner in sorted(self._lines, key=self._rank):
            head = self._lines[owner][0]
            if head.models == models and now_s + head.seconds - earliest_s <= self._patience_s:
                return head
            earliest_s = min(earliest_s, self._passed_since_s.get(owner, now_s))
        return first

    def begin(self, turn: Turn, now_s: float) -> None:
        """`turn`, the first of its owner's line or not, waits no longer, and its seconds are its
        owner's."""
        owner = turn.owner
        rank = self._rank(owner)
        self._level_s = max(self._level_s, min(self._had_s[each] for each in self._lines))
        for other in self._lines:
            if self._rank(other) < rank:
                self._passed_since_s.setdefault(other, now_s)
        self._passed_since_s.pop(owner, None)
        self.remove(turn)
        self.settle(owner, turn.seconds)
        gone = [each for each in self._had_s if each not in self._lines]
        for each in gone:
            if self._had_s[each] <= self._level_s:
                del self._had_s[each]
                self._came.pop(each, None)  # of one that only had more since, there is none

    def settle(self, owner: str, seconds: float) -> None:
        """`owner` had so many seconds more, or fewer where it is negative, than was counted."""
        self._had_s[owner] = self._had_s.get(owner, self._level_s) + seconds

    def order(self, now_s: float, models: Hashable, coming: Turn | None = None) -> Iterator[Turn]:
        """All that wait, and `coming` as if it came now, as they will be begun if nothing happens
        meanwhile and each takes what is known of it."""
        ahead = Turns(self._patience_s)
        ahead._lines = {owner: list(line) for owner, line in self._lines.items()}
        ahead._had_s, ahead._came = dict(self._had_s), dict(self._came)
        ahead._passed_since_s = dict(self._passed_since_s)
        ahead._level_s, ahead._count = self._level_s, self._count
        if coming is not None:
            ahead.add(coming)
        while turn := ahead.next(now_s, models):
            ahead.begin(turn, now_s)
            now_s = now_s + turn.seconds
            models = models if turn.models is None else turn.models
            yield turn

    def _rank(self, owner: str) -> tuple[float, int]:
        return self._had_s[owner], self._came[owner]

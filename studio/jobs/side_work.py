"""Work of the device that is no drawing and goes on for long: done a step at a time, in turn with
the jobs of all accounts."""

from __future__ import annotations

from typing import Protocol


class SideWork(Protocol):
    """That of an account; `id` is of no job."""

    id: str
    owner: str

    def step(self) -> bool:
        """The next step, in the thread that owns the device. False: there is nothing to do now;
        whoever has more for it offers it again. Never raises."""
        ...

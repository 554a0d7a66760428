"""Waiting for what comes by itself, in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str = "what was waited for") -> T:
    """What `condition()` gives once it is true. Raises `AssertionError` after 20 seconds."""
    until_s = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < until_s, f"{what} did not come"
        time.sleep(0.005)
    return found

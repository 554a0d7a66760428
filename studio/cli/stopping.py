"""Ctrl-C for what can be gone on with: the first ends it in order, the second at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping(what: str) -> Iterator[threading.Event]:
    """Set by the first Ctrl-C within, which says that it stops after `what`; the second interrupts
    at once, as ever."""
    stop = threading.Event()

    def first(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)
        print(f"\nStopping after {what}. Ctrl-C again stops at once.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)

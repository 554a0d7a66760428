"""How this process takes memory of the system and gives it back, where the C library is glibc.

A picture of 512 × 512 takes and frees tensors of many megabytes hundreds of times a step. glibc
maps each of them anew and unmaps it, and the system fills every page with zeros again: a hundred
thousand page faults a step. Kept, they are used again as they are.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
"""Of malloc.h."""

_MOST = 2**31 - 1
_PAD_BYTES = 64 * 2**20


def keep() -> bool:
    """From now on what is freed is kept for what comes next, until `give_back`. To be called before
    there are threads. False: this C library is another, and nothing was changed."""
    libc = _glibc()
    if libc is None:
        return False
    # One heap for all threads: those of others than the first are too small for large tensors.
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: _PAD_BYTES, _ARENA_MAX: 1}
    taken = [libc.mallopt(option, value) for option, value in options.items()]
    return all(taken)


def give_back() -> None:
    """What is kept and not used, to the system: takes some tenths of a second for gigabytes."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None

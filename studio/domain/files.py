"""Files and paths of unknown origin: opened without waiting, read within bounds, named in text.

A folder of models is filled by others. A name in it may belong to a pipe that nobody writes to, a
device without an end, a socket; and a name is bytes, which need not be text.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a pipe opens at once, and is then seen to be one
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_file(path: Path | str, buffering: int = -1) -> BinaryIO:
    """A regular file, open to be read; links are followed. Raises OSError, also for all that is
    no regular file, and never waits for one."""
    handle = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return open(handle, "rb", buffering)
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path | str, limit_bytes: int) -> bytes:
    """All of a regular file. Raises OSError as `open_file` does, and for one of more bytes."""
    with open_file(path) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes:,} bytes", str(path))
    return data


def read_text(path: Path | str, limit_bytes: int) -> str:
    """The same as UTF-8 text. Raises OSError, or UnicodeDecodeError for other bytes."""
    return read_file(path, limit_bytes).decode("utf-8")


def is_full(error: OSError) -> bool:
    """Whether it says that there is no room left where something was to be written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def as_text(path: object) -> str:
    """A path, or a text with paths in it, as text that every encoding takes: what of a name is no
    UTF-8 becomes "?"."""
    return str(path).encode("utf-8", "replace").decode("utf-8")

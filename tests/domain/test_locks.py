"""Locks between processes: one holder, freed by the holder's end."""

from __future__ import annotations

import os
import subprocess
import sys

from studio.domain.locks import FileLock

HOLD = """
import sys
from pathlib import Path
from studio.domain.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.try_take()
lock.write("here")
print("taken", flush=True)
sys.stdin.read()
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": os.getcwd()}


def test_one_holds_it_until_it_ends_however_it_ends(tmp_path):
    path = tmp_path / "new" / "lock"
    arguments = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(arguments, env=ENVIRONMENT, **pipes) as holder:
        assert holder.stdout.readline() == b"taken\n"
        lock = FileLock(path)
        assert not lock.try_take() and lock.read() == "here"
        holder.kill()
        holder.wait()
        assert lock.try_take()
    other = FileLock(path)
    assert not other.try_take(), "of one holder alone, in one process too"
    lock.release()
    assert other.try_take()
    other.release()

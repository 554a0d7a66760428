"""Locks between processes: one holder, freed by the holder's end, no change lost."""

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
COUNT = """
import sys
from pathlib import Path
from studio.domain.locks import alone_with
file = Path(sys.argv[1])
for _ in range(200):
    with alone_with(file):
        file.write_text(str(int(file.read_text()) + 1))
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


def test_nothing_is_lost_between_processes(tmp_path):
    file = tmp_path / "count"
    file.write_text("0")
    arguments = [sys.executable, "-c", COUNT, str(file)]
    for each in [subprocess.Popen(arguments, env=ENVIRONMENT) for _ in range(3)]:
        assert each.wait(60) == 0
    assert file.read_text() == "600"

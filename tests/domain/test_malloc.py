"""Memory that is freed stays with the process until it is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.domain import malloc

_TELLS = """
import resource, threading
import studio.cli
from studio.domain import malloc
print(malloc.keep())
import numpy, psutil

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for _ in range(10):
        numpy.ones(2**22)
    before = faults()
    for _ in range(10):
        numpy.ones(2**22)
    print(faults() - before)

thread = threading.Thread(target=work)
thread.start()
thread.join()
kept = psutil.Process().memory_info().rss
malloc.give_back()
print(kept - psutil.Process().memory_info().rss)
"""


@pytest.mark.slow
@pytest.mark.skipif(malloc._glibc() is None, reason="another C library")
def test_freed_memory_is_used_again_without_page_faults_and_can_be_given_back():
    run = subprocess.run([sys.executable, "-c", _TELLS], capture_output=True, text=True, check=True)
    kept, faults, given_back = run.stdout.split()
    assert kept == "True"
    assert int(faults) < 1000  # 81,920 pages were written
    assert int(given_back) > 30 * 2**20

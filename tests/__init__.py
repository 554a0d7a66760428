"""The tests. Where several processes share them, each computes with one thread."""

import gc
import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Those that take more threads by themselves let others compute while they wait.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Until all tests are collected (see conftest) next to all that is made stays.
gc.disable()

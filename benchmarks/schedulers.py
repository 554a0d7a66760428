"""How long a sampler takes to be made, once for every pass: each of ours beside the bare
DPMSolverMultistepScheduler() of diffusers, in seconds of the processor.

    python benchmarks/schedulers.py [--repeats 21]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from common import pairs
from diffusers import DPMSolverMultistepScheduler

from studio.diffusion import schedulers
from studio.domain.schedulers import SCHEDULERS

MADE = 20
"""So many at a time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    rows = []
    for name in SCHEDULERS:
        times = pairs.compare(lambda name=name: _ours(name), _diffusers, flags.repeats)
        rows.append({"name": name, **times})
    rows.sort(key=lambda row: -row["ratio"])
    if flags.json:
        print(json.dumps({"torch": torch.__version__, "repeats": flags.repeats, "rows": rows}))
        return
    print(f"torch {torch.__version__} · {flags.repeats} repeats\n")
    print(f"{'':20}{'ratio':>8}{'min':>8}{'max':>8}{'ours':>10}{'diffusers':>12}")
    for row in rows:
        ratios = "".join(f"{row[key]:8.2f}" for key in ("ratio", "ratio_min", "ratio_max"))
        ours, baseline = (row[key] / MADE * 1e3 for key in ("ours_s", "baseline_s"))
        print(f"{row['name']:20}{ratios}{ours:>7.2f} ms{baseline:>9.2f} ms")


def _ours(name: str) -> float:
    return _all(lambda: schedulers.build(name, "automatic", "epsilon", [0]))


def _diffusers() -> float:
    return _all(DPMSolverMultistepScheduler)


def _all(make: Callable[[], object]) -> float:
    """Seconds of the processor for all of them."""
    start_s = time.process_time()
    for _ in range(MADE):
        make()
    return time.process_time() - start_s


if __name__ == "__main__":
    main()

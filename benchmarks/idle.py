"""What a studio takes of the machine while nobody uses it.

    python benchmarks/idle.py [--seconds 30] [--repeats 3] [--json]

Starts the studio as a user does, with its model loaded, and looks at its processor time, that of
all its threads, over so many seconds (goal: 0.3 % of a core), and at its resident memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from common import served

_SETTLE_S = 5.0
"""What loading leaves behind is over by then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served.studio(Path(folder)) as studio:
        process = psutil.Process(studio.pid)
        time.sleep(_SETTLE_S)
        shares = [percent(process, options.seconds) for _ in range(options.repeats)]
        resident_mb = process.memory_info().rss / 1e6
    report = {
        "core_percent": round(statistics.median(shares), 3),
        "core_percent_least": round(min(shares), 3),
        "core_percent_most": round(max(shares), 3),
        "resident_mb": round(resident_mb),
    }
    print(
        json.dumps(report) if options.json else "\n".join(f"{k:20} {v}" for k, v in report.items())
    )


def percent(process: psutil.Process, seconds: float) -> float:
    """Of one core, over so long."""
    before_s, started_s = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before_s) / (time.monotonic() - started_s)


if __name__ == "__main__":
    main()

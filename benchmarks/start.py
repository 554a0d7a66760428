"""From `studio` to the first picture: how long, and how much of it is the processor's time.

    python benchmarks/start.py [--repeats 3] [--steps 1] [--json]

Each time a new process, whose first picture is asked for as soon as the page answers. Told are the
seconds from its start to the page's answer and to the picture, those of a second picture, which
finds all in memory, and the processor time until the first, which other work on the machine
disturbs less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from common import served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    starts = [_start(options.steps) for _ in range(options.repeats)]
    report = {
        name: [round(choose(start[name] for start in starts), 2) for choose in _CHOICES]
        for name in starts[0]
    }
    if options.json:
        print(json.dumps(report))
        return
    print(f"{'':22} {'median':>8} {'least':>8} {'most':>8}")
    for name, values in report.items():
        print(f"{name:22} " + " ".join(f"{value:8.2f}" for value in values))


_CHOICES = (statistics.median, min, max)


def _start(steps: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        started_s = time.monotonic()
        with served.studio(Path(folder), waits=False) as studio:
            process = psutil.Process(studio.pid)
            _draw(studio, steps, seed=1)
            first_s = time.monotonic() - started_s
            processor_s = sum(process.cpu_times()[:2])
            since_s = time.monotonic()
            _draw(studio, steps, seed=2)
            second_s = time.monotonic() - since_s
    return {
        "page_answers_s": studio.ready_s,
        "first_picture_s": first_s,
        "second_picture_s": second_s,
        "processor_to_first_s": processor_s,
    }


def _draw(studio: served.Served, steps: int, seed: int) -> None:
    """One picture, looked for twenty times a second."""
    body = json.dumps({"prompt": "a red house", "steps": steps, "seed": seed}).encode()
    asked = urllib.request.Request(
        f"{studio.address}/studio/v1/jobs", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        job = json.load(answer)["id"]
    while (state := studio.fetch(f"studio/v1/jobs/{job}")["state"]) != "finished":
        if state in ("failed", "cancelled"):
            raise SystemExit(f"The picture was {state}.")
        time.sleep(0.05)


if __name__ == "__main__":
    main()

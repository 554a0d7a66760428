"""How well a job's seconds are foretold, after so many jobs of mixed sizes and steps.

    python benchmarks/forecast.py [--jobs 30] [--learn 10] [--seed 1] [--device auto]

Jobs of picturebook are drawn one after the other by a studio with an empty data folder. Before
each, its seconds are foretold. The error is |foretold / taken - 1|; taken is from its beginning to
its end. A second column is the time that a forecast itself takes, all of it but HTTP.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from studio.app import Studio
from studio.domain.accounts import LOCAL
from studio.domain.request import GenerationRequest
from studio.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--learn", type=int, default=10, help="so many first are not judged")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    chance = random.Random(flags.seed)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), device=flags.device)
        with Studio(settings, outputs=Path(folder) / "pictures") as studio:
            rows = []
            for number in range(flags.jobs):
                rows.append(_row(studio, _mixed(chance)))
                print(f"\r{number + 1}", end="", file=sys.stderr, flush=True)
            machine = f"{studio.status()['device']}, {studio.status()['dtype']}"
    judged = [row["error"] for row in rows[flags.learn :]]
    report = {
        "machine": machine,
        "learned_from": flags.learn,
        "judged": len(judged),
        "median_error": median(judged),
        "p90_error": sorted(judged)[int(0.9 * (len(judged) - 1))],
        "forecast_ms": 1e3 * median(row["forecast_s"] for row in rows),
        "most_forecast_ms": 1e3 * max(row["forecast_s"] for row in rows),
        "rows": rows,
    }
    print(json.dumps(report) if flags.json else _table(report))


def _mixed(chance: random.Random) -> GenerationRequest:
    fields: dict[str, Any] = {
        "prompt": "a red house on a meadow",
        "width": chance.choice((64, 128, 128, 192)),
        "height": chance.choice((64, 128, 128, 192)),
        "steps": chance.randint(4, 20),
        "batch_size": chance.choice((1, 1, 1, 1, 2)),
        "guidance_scale": chance.choice((1, 4, 4, 7)),
        "scheduler": chance.choice(("Euler", "Euler a", "DPM++ 2M", "Heun")),
        "seed": 1,
    }
    if chance.random() < 0.15:
        fields["hires"] = {"factor": 1.5, "steps": chance.randint(4, 7), "strength": 0.6}
    return GenerationRequest(**fields)


def _row(studio: Studio, request: GenerationRequest) -> dict[str, Any]:
    since_s = time.perf_counter()
    foretold, _ = studio.outlook.of_request(request, LOCAL)
    forecast_s = time.perf_counter() - since_s
    job = studio.submit(request)
    for _ in job.events.follow():
        pass
    return {
        "what": f"{request.batch_size} × {request.width}×{request.height}, {request.steps} "
        f"{request.scheduler}, CFG {request.guidance_scale:g}{', hires' * bool(request.hires)}",
        "foretold_s": foretold.seconds,
        "took_s": job.used_s,
        "error": None if foretold.seconds is None else abs(foretold.seconds / job.used_s - 1),
        "forecast_s": forecast_s,
    }


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['machine']}", "", f"{'':64}{'foretold':>10}{'took':>9}{'error':>8}"]
    for row in report["rows"]:
        foretold, error = f"{'–':>10}", ""
        if row["foretold_s"] is not None:
            foretold, error = f"{row['foretold_s']:>8.2f} s", f"{row['error']:>8.0%}"
        lines.append(f"{row['what']:64}{foretold}{row['took_s']:>7.2f} s{error}")
    error, p90 = (f"{report[key]:.0%}" for key in ("median_error", "p90_error"))
    usual, most = (f"{report[key]:.1f} ms" for key in ("forecast_ms", "most_forecast_ms"))
    lines += [
        "",
        f"After {report['learned_from']} jobs, of the {report['judged']} that follow:",
        f"median error {error}, 90 of 100 below {p90}. A forecast takes {usual}, at most {most}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

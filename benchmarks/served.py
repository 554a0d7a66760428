"""A step through the studio's server beside one of an engine with no server around it.

    python benchmarks/served.py [--model picturebook|sd15] [--side PX] [--steps N] [--repeats N]

The same picture is drawn in turn by an engine in a process of its own and by a studio that is
served: with nobody who looks, with one who follows its events as a page does, without and with the
previews, and with clients that ask for `/sdapi/v1/progress` and for the job (--asked times a second
each). Told is what a step of it takes beside one of the engine alone: by the clock; by the clock
without what other programs took of the processors, in which the wait for Python's lock is; of the
processor by the thread that draws; and by the whole process. Times are of steps alone: neither
texts nor the VAE are in them.

What comes by the clock, as questions do, counts more in a step that other programs make longer. So
it is told of the clock as well: "waits" is the share of it in which the drawing thread would have
worked, but waited for another one of its process.

"alone, once more" is a second such process, and says how far two that do the same differ here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common import drawing, served
from common.stepping import CLOCKS

_COMMON = Path(__file__).parent / "common"
_PROMPT = "a red house on a meadow"
_LOOKED_AT = {
    "nobody looks": (),
    "followed, without previews": ("events?previews=false",),
    "followed, with previews": ("events",),
    "asked": ("progress", "job"),
}
"""What of a job is asked for meanwhile; events are read on."""

Draw = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("picturebook", "sd15"), default="picturebook")
    parser.add_argument("--side", type=int, default=256, help="of a picture, px")
    parser.add_argument("--steps", type=int, default=20, help="of each picture")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--asked", type=int, default=10, help="times a second, each of the two")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measured(Path(folder), flags)
    print(json.dumps(report) if flags.json else table(report))


def _measured(folder: Path, flags: argparse.Namespace) -> dict[str, Any]:
    models = folder / "models"
    models.mkdir()
    ref = drawing.checkpoint(flags.model, models)
    body = {"prompt": _PROMPT, "steps": flags.steps, "seed": 7, "checkpoint": ref.name}
    body |= {"width": flags.side, "height": flags.side}
    steps_files = [folder / name for name in ("alone", "again", "served")]
    alone_flags = ("--checkpoint", ref.name, "--models-dir", str(models))
    with (
        served.talking("stepping.py", str(steps_files[0]), "alone", *alone_flags) as alone,
        served.talking("stepping.py", str(steps_files[1]), "alone", *alone_flags) as again,
        served.studio(
            folder / "data",
            models,
            flags=("--checkpoint", ref.name),
            program=(sys.executable, str(_COMMON / "stepping.py"), str(steps_files[2])),
        ) as studio,
        served.talking("polling_clients.py") as one,
        served.talking("polling_clients.py") as other,
    ):
        draw_served = partial(_served, studio, (one, other), body, flags.asked)
        ways: dict[str, tuple[Path, Draw]] = {
            "alone": (steps_files[0], partial(_alone, alone, body)),
            "alone, once more": (steps_files[1], partial(_alone, again, body)),
        }
        for way, paths in _LOOKED_AT.items():
            ways[way] = steps_files[2], partial(draw_served, paths)
        rounds = _rounds(ways, flags.repeats)
    told = {name: value for name, value in vars(flags).items() if name != "json"}
    return told | {"rows": ratios(rounds)}


def _rounds(ways: dict[str, tuple[Path, Draw]], repeats: int) -> list[dict[str, dict[str, float]]]:
    """Seconds of a step by way and clock, in turn, each round beginning with another way."""
    rounds = []
    names = list(ways)
    for number in range(repeats + 1):  # the first warms up
        first = number % len(names)
        took = {}
        for name in names[first:] + names[:first]:
            path, draw = ways[name]
            draw()
            took[name] = json.loads(path.read_text().splitlines()[-1])
        rounds.append(took)
    return rounds[1:]


def ratios(rounds: list[dict[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """Of each way: seconds of a step and its ratio to one alone in the same round, and the share of
    the clock for which the drawing thread waits for others of its process."""
    rows = []
    for way in rounds[0]:
        waits = [
            (took[way]["undisturbed"] - took[way]["thread"]) / took[way]["clock"] for took in rounds
        ]
        row: dict[str, Any] = {"name": way, "waits": statistics.median(waits)}
        for clock in CLOCKS:
            ratios = [took[way][clock] / took["alone"][clock] for took in rounds]
            row[clock] = {
                "seconds": statistics.median(took[way][clock] for took in rounds),
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "most": max(ratios),
            }
        rows.append(row)
    return rows


def _said(process: subprocess.Popen, what: Any) -> str:
    process.stdin.write(json.dumps(what) + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def _alone(process: subprocess.Popen, body: dict[str, Any]) -> None:
    said = _said(process, body).strip()
    assert said == "done", said


def _served(
    studio: served.Served,
    clients: tuple[subprocess.Popen, ...],
    body: dict[str, Any],
    asked: int,
    paths: tuple[str, ...],
) -> None:
    """One picture, with `clients` that ask for the `paths` of it while it is drawn."""
    request = urllib.request.Request(
        f"{studio.address}/studio/v1/jobs",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        job = f"studio/v1/jobs/{json.load(answer)['id']}"
    for client, path in zip(clients, paths, strict=False):
        is_followed = path.startswith("events")
        whole = {"progress": "/sdapi/v1/progress", "job": f"/{job}"}.get(path)
        _said(
            client,
            {
                "address": studio.address,
                "path": whole or f"/{job}/{path}",
                "clients": 0 if is_followed else asked,
                "events": f"/{job}/{path}",
                "streams": int(is_followed),
            },
        )
    while (state := _state(studio, job, bool(paths))) != "finished":
        assert state not in ("failed", "cancelled"), state
    for client in clients[: len(paths)]:
        told = json.loads(_said(client, None))
        assert told["answers"] and not told["wrong"], told


def _state(studio: served.Served, job: str, soon: bool) -> str:
    """After a second's silence, so that who measures is nobody that looks; soon enough where
    others look anyway."""
    time.sleep(0.5 if soon else 1)
    return studio.fetch(job)["state"]


def table(report: dict[str, Any]) -> str:
    wide = max(len(row["name"]) for row in report["rows"])
    lines = [
        "{model} · {side} × {side} · {steps} steps · {repeats} repeats · asked {asked} times a "
        "second".format_map(report),
        "",
        f"{'a step':{wide}} "
        + " ".join(f"{clock + ' s':>13} {'ratio':>6} {'least':>6} {'most':>6}" for clock in CLOCKS)
        + "   waits",
    ]
    for row in report["rows"]:
        cells = " ".join(
            f"{row[clock]['seconds']:13.4f} {row[clock]['ratio']:6.3f} {row[clock]['least']:6.3f} "
            f"{row[clock]['most']:6.3f}"
            for clock in CLOCKS
        )
        lines.append(f"{row['name']:{wide}} {cells} {row['waits']:7.2%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

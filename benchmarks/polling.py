"""What those who ask how far a job is take from it.

    python benchmarks/polling.py [--clients 200] [--repeats N] [--path job|progress|healthz]

A studio draws with picturebook in a process of its own, while so many clients ask once a second
each, on connections that they keep. Jobs are drawn in turn with nobody asking, with all asking
the studio, and with the same clients asking the same of a bare server, which sends as many bytes
and does nothing else. Where studio and clients share a few cores, the last says what clients and
system take by themselves; what is left is the studio's part.

A ratio is that of the seconds of two jobs drawn in turn. The columns "drawing" and "answering" are
seconds of the processor that a job took of the studio's threads, which other work on the machine
disturbs less; then milliseconds of it for one answer, of the studio and of the clients.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from common import served

_ORDER = ("none", "studio", "bare")
_PROMPT = "a red house on a meadow"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--streams", type=int, default=0, help="of them, that read events instead")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=100, help="of each job")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--path", choices=("job", "progress", "healthz"), default="job")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        # Clients of one address may hold 128 connections; those of a proxy are not counted.
        served.studio(Path(folder), flags=("--trusted-proxy", "127.0.0.1")) as studio,
        served.talking("polling_clients.py") as clients,
        served.talking("polling_clients.py", "--serve") as bare,
    ):
        report = _measure(studio, clients, bare, flags)
    print(json.dumps(report) if flags.json else _table(report))


def _measure(
    studio: served.Served,
    clients: subprocess.Popen,
    bare: subprocess.Popen,
    flags: argparse.Namespace,
) -> dict:
    server = json.loads(bare.stdout.readline())["address"]
    rounds = []
    for number in range(flags.repeats + 1):  # the first warms up
        order = _ORDER[number % 3 :] + _ORDER[: number % 3]
        rounds.append({mode: _job(studio, clients, server, mode, flags) for mode in order})
    rounds = rounds[1:]
    report: dict = {"clients": flags.clients, "streams": flags.streams, "repeats": flags.repeats}
    report |= {"path": flags.path, "steps": flags.steps, "side": flags.side, "rows": {}}
    for row, ours, other in (
        ("asked / not asked", "studio", "none"),
        ("a bare server asked / nobody", "bare", "none"),
        ("asked / a bare server asked", "studio", "bare"),
    ):
        ratios = [one[ours]["seconds"] / one[other]["seconds"] for one in rounds]
        report["rows"][row] = [min(ratios), statistics.median(ratios), max(ratios)]
    for mode in _ORDER:
        of_mode = [one[mode] for one in rounds]
        report[mode] = {
            name: statistics.median(one[name] for one in of_mode) for name in of_mode[0]
        }
    answers = report["studio"]["answers"]
    more_s = report["studio"]["answering_s"] - report["none"]["answering_s"]
    report["studio_ms"] = 1000 * more_s / answers
    report["clients_ms"] = 1000 * report["studio"]["clients_s"] / answers
    return report


def _job(
    studio: served.Served,
    clients: subprocess.Popen,
    bare: str,
    mode: str,
    flags: argparse.Namespace,
) -> dict[str, float]:
    """One job drawn, and what it and its clients cost."""
    body = {"prompt": _PROMPT, "steps": flags.steps, "seed": 7}
    body |= {"width": flags.side, "height": flags.side}
    id = _post(studio, "studio/v1/jobs", body)["id"]
    while studio.fetch(f"studio/v1/jobs/{id}")["state"] in ("queued", "loading"):
        time.sleep(0.01)
    paths = {"job": f"/studio/v1/jobs/{id}", "progress": "/sdapi/v1/progress"}
    asked = {
        "address": studio.address if mode == "studio" else bare,
        "path": paths.get(flags.path, "/healthz"),
        "clients": flags.clients - flags.streams,
        "events": f"/studio/v1/jobs/{id}/events",
        "streams": flags.streams,
    }
    told = {"answers": 0, "wrong": 0, "cpu_s": 0.0}
    before = _spent_s(studio.pid)
    if mode != "none":
        _say(clients, asked)
    while (now := studio.fetch(f"studio/v1/jobs/{id}"))["state"] == "running":
        time.sleep(0.2)
    answering_s, drawing_s = (
        after_s - before_s for after_s, before_s in zip(_spent_s(studio.pid), before, strict=True)
    )
    if mode != "none":
        told = _say(clients, None)
    assert now["state"] == "finished", now
    assert not told["wrong"], f"{told['wrong']} of {told['answers']} answers were none"
    return {
        "seconds": now["elapsed_s"],
        "answers": told["answers"],
        "drawing_s": drawing_s,
        "answering_s": answering_s,
        "clients_s": told["cpu_s"],
    }


def _spent_s(pid: int) -> tuple[float, float]:
    """Of the processor, by the studio's first thread, in which the server is, and by all others."""
    spent = {each.id: each.user_time + each.system_time for each in psutil.Process(pid).threads()}
    answering_s = spent.pop(pid)
    return answering_s, sum(spent.values())


def _say(clients: subprocess.Popen, what: dict | None) -> dict:
    clients.stdin.write(json.dumps(what) + "\n")
    clients.stdin.flush()
    return json.loads(clients.stdout.readline())


def _post(studio: served.Served, path: str, body: dict) -> dict:
    request = urllib.request.Request(
        f"{studio.address}/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _table(report: dict) -> str:
    lines = [
        "{clients} clients ({streams} read streams), {path}, {steps} steps at {side} x {side}, "
        "{repeats} times".format_map(report),
        "",
        f"{'':30} {'ratio':>6} {'min':>6} {'max':>6}",
    ]
    for row, (least, middle, most) in report["rows"].items():
        lines.append(f"{row:30} {middle:6.3f} {least:6.3f} {most:6.3f}")
    lines += ["", f"{'':30} {'job s':>7} {'answers':>8} {'drawing s':>10} {'answering s':>12}"]
    for mode, name in zip(_ORDER, ("nobody asks", "asked", "a bare server asked"), strict=True):
        one = report[mode]
        lines.append(
            f"{name:30} {one['seconds']:7.3f} {one['answers']:8.0f} {one['drawing_s']:10.3f} "
            f"{one['answering_s']:12.3f}"
        )
    each = "For one answer: {studio_ms:.3f} ms of the studio, {clients_ms:.3f} ms of the clients"
    return "\n".join((*lines, "", each.format_map(report)))


if __name__ == "__main__":
    main()

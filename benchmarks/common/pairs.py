"""Two ways to do the same, timed in turn, and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Timed = Callable[[], float]
"""Does some work and returns the seconds that count."""


_COLUMNS = ("name", "ratio", "ratio_min", "ratio_max", "ours_s", "baseline_s")


def seconds(work: Callable[[], Any]) -> float:
    """How long `work` takes."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def compare(ours: Timed, baseline: Timed, repeats: int, warmup: int = 1) -> dict[str, float]:
    """Ratio and medians. In turn, the first place changing hands, so that whatever else the machine
    does falls on both alike."""
    pair = (ours, baseline)
    for work in pair * warmup:
        work()
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for which in (0, 1) if repeat % 2 else (1, 0):
            times[which].append(pair[which]())
    ratios = [one / other for one, other in zip(*times, strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "ours_s": round(statistics.median(times[0]), 4),
        "baseline_s": round(statistics.median(times[1]), 4),
    }


def medians(works: Mapping[str, Timed], repeats: int, warmup: int = 1) -> dict[str, float]:
    """Median seconds of several, in turn, each repeat beginning with another one."""
    names = list(works)
    for name in names * warmup:
        works[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(works[name]())
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def columns(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with a "name" each and figures by their units."""
    wide = max(len(row["name"]) for row in rows)
    keys = dict.fromkeys(key for row in rows for key in row if key != "name")
    lines = [f"{'':{wide}} " + " ".join(f"{key:>18}" for key in keys)]
    for row in rows:
        figures = " ".join(f"{row.get(key, ''):>18}" for key in keys)
        lines.append(f"{row['name']:{wide}} {figures}")
    return "\n".join(lines)


def table(head: str, rows: Sequence[dict[str, Any]]) -> str:
    """Rows of `compare` with a "name" each, below a line that says where they come from; what else
    a row tells stands at its end."""
    wide = max(len(row["name"]) for row in rows)
    lines = [head, ""]
    lines.append(f"{'':{wide}} {'ratio':>6} {'min':>6} {'max':>6} {'ours s':>8} {'baseline s':>11}")
    for row in rows:
        more = "".join(f"  {name} {row[name]:g}" for name in row if name not in _COLUMNS)
        lines.append(
            f"{row['name']:{wide}} {row['ratio']:6.3f} {row['ratio_min']:6.3f} "
            f"{row['ratio_max']:6.3f} {row['ours_s']:8.3f} {row['baseline_s']:11.3f}{more}"
        )
    return "\n".join(lines)

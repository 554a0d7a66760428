"""A process whose steps are timed, from within and without asking it for anything.

    python stepping.py FILE serve …      the studio's own command, as a user starts it
    python stepping.py FILE alone …      an engine with nothing around it, --checkpoint and
                                         --models-dir as of the studio

Each picture adds a line to FILE: seconds of one step, from the first step's end to the last one's,
by each of `CLOCKS`. Alone, each line of standard input is a request as JSON, and "done" is said
once it is drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_WAITED = Path("/proc/thread-self/schedstat")


def _undisturbed_s() -> float:
    """The clock, less what this thread has waited for a processor that others had: what is left
    are its own work, and what it waits for in this process. Only Linux tells."""
    waited_ns = int(_WAITED.read_text().split()[1]) if _WAITED.exists() else 0
    return time.perf_counter() - waited_ns / 1e9


CLOCKS: dict[str, Callable[[], float]] = {
    "clock": time.perf_counter,
    "undisturbed": _undisturbed_s,
    "thread": time.thread_time,
    "process": time.process_time,
}
"""Seconds: by the clock; the same without what other programs took; of the processor by the thread
that draws; of the processor by the whole process."""


class _Steps:
    """Told all that happens, writes what a step of each picture took to `path`."""

    def __init__(self, path: Path) -> None:
        from studio.domain.events import Finished, Progress

        self._path, self._step, self._end = path, Progress, Finished
        self._times: list[dict[str, float]] = []

    def see(self, events: Sequence[Any]) -> None:
        if any(isinstance(event, self._step) for event in events):
            self._times.append({name: now() for name, now in CLOCKS.items()})
        if any(isinstance(event, self._end) for event in events):
            first, last, count = self._times[0], self._times[-1], len(self._times) - 1
            each = {name: (last[name] - first[name]) / count for name in CLOCKS}
            with self._path.open("a") as file:
                file.write(json.dumps(each) + "\n")
            self._times = []


def time_steps(path: Path) -> None:
    """Of all engines of this process, one picture at a time."""
    from studio.engine.stable_diffusion import StableDiffusionEngine

    steps, advance = _Steps(path), StableDiffusionEngine.advance

    def timed(engine: StableDiffusionEngine, runs: Sequence[Any]) -> list[Any]:
        happened = advance(engine, runs)
        steps.see([event for _, event in happened])
        return happened

    StableDiffusionEngine.advance = timed


def _alone(arguments: Sequence[str]) -> None:
    from functools import partial

    from studio.catalog.catalog import Catalog
    from studio.catalog.select import select
    from studio.domain.request import GenerationRequest
    from studio.engine.protocol import ended
    from studio.engine.stable_diffusion import StableDiffusionEngine
    from studio.residence.manager import ModelManager
    from studio.settings import assets_dir

    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", default="picturebook")
    parser.add_argument("--models-dir", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    catalog = Catalog([assets_dir() / "models", *options.models_dir])
    ref = catalog.find(options.checkpoint)
    engine = StableDiffusionEngine(ModelManager("auto", "auto"), partial(select, catalog))
    for line in sys.stdin:
        request = GenerationRequest.model_validate_json(line).settled(ref.name, ref.family)
        last = ended(engine, request)
        print("done" if type(last).__name__ == "Finished" else last, flush=True)


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from studio.domain import malloc

    path, what, *rest = sys.argv[1:]
    malloc.keep()  # before there are threads, as the studio's command does
    time_steps(Path(path))
    if what == "alone":
        _alone(rest)
        return 0
    from studio.cli.commands import main as studio

    return studio([what, *rest])


if __name__ == "__main__":
    sys.exit(main())

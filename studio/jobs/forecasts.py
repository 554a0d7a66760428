"""How long jobs will take, learned from those that were drawn on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable
from statistics import median

from studio.domain.errors import StudioError
from studio.domain.events import Finished, Loading
from studio.domain.request import GenerationRequest
from studio.jobs import timing
from studio.jobs.job import Job
from studio.jobs.workload import UPSCALER, Part, Workload, learned_by, workload
from studio.store.ledger import Ledger
from studio.store.timings import TimingLedger

_LOADS = 5
"""So many of the newest loads of a checkpoint count."""


class Forecasts:
    """
    ledger    what was learned; by default as long as the process lasts
    measure   the workload of a settled request
    family    of a checkpoint's name; raises `InvalidRequest`. What `learned_by` gives for no
              checkpoint is a family of its own.
    machine   its name, with all on which the speed depends; None: not known yet, that which drew
              last is meant
    warm      the names of the checkpoints in memory
    """

    def __init__(
        self,
        ledger: TimingLedger | None = None,
        measure: Callable[[GenerationRequest], Workload] = workload,
        family: Callable[[str], str] = str,
        machine: Callable[[], str | None] = lambda: "this",
        warm: Callable[[], Container[str]] = tuple,
    ) -> None:
        self._ledger = ledger or TimingLedger(Ledger(None))
        self._measure, self._machine, self._warm = measure, machine, warm
        self._family = lambda name: name if name.startswith(UPSCALER) else family(name)
        self._fits: dict[tuple[str, str], timing.Fit | None] = {}
        self._loads: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def workload(self, request: GenerationRequest) -> Workload:
        """Of `request`, which is settled; nothing where a picture of it is gone."""
        try:
            return self._measure(request)
        except StudioError:
            return ()

    def seconds(self, checkpoint: str, parts: Workload) -> float | None:
        """Of drawing `parts`, and of loading `checkpoint` where that is not in memory; None where
        nothing like it was drawn yet. Networks beside it count once they are known."""
        try:
            machine = self._machine() or self._ledger.newest_machine()
            own, networks = _apart(parts)
            fitted = self._fit(machine, self._family(checkpoint)) if machine and own else None
            if fitted is None:
                return None
            load_s = 0.0 if checkpoint in self._warm() else self._load_s(machine, checkpoint)
            return fitted.seconds(own) + (self._networks_s(machine, networks) or 0.0) + load_s
        except StudioError:  # the checkpoint was deleted, or the ledger cannot be read
            return None

    def turn_s(self, checkpoint: str, parts: Workload) -> float:
        """As `seconds`; before anything is known a number that tells large jobs from small."""
        known = self.seconds(checkpoint, parts)
        if known is not None:
            return known
        return 1.0 + sum(part.calls * part.rows * part.megapixels for part in parts)

    def learn(self, job: Job) -> None:
        """From `job`, which has ended: if it was drawn to its end, and alone."""
        machine, finished = self._machine(), job.events.newest(Finished)
        run_s = job.used_s - (job.loaded_s or 0.0)
        if machine is None or finished is None or job.loaded_s is None or job.shared:
            return
        if not job.parts or run_s <= 0:
            return
        was_loaded = job.events.newest(Loading) is not None
        checkpoint = learned_by(job.request)
        try:
            family = self._family(checkpoint)
        except StudioError:  # it was deleted meanwhile
            return
        load_s = job.loaded_s if was_loaded else None
        own, networks = _apart(job.parts)
        beside_s = self._networks_s(machine, networks)
        fitted, names = self._fit(machine, family), {part.network for part in networks}
        if beside_s is None and fitted is not None:
            rest_s = run_s - fitted.seconds(own)
            if rest_s > 0 and len(names) == 1:
                name = f"{UPSCALER}{names.pop()}"
                self._add(machine, name, name, _alone(networks), run_s=rest_s)
        elif run_s > (beside_s or 0.0):  # where nothing is known yet, all of it
            own_s = run_s - (beside_s or 0.0)
            self._add(machine, family, checkpoint, own, run_s=own_s, load_s=load_s)

    def _add(
        self,
        machine: str,
        family: str,
        checkpoint: str,
        parts: Workload,
        *,
        run_s: float,
        load_s: float | None = None,
    ) -> None:
        self._ledger.add(machine, family, checkpoint, parts, run_s=run_s, load_s=load_s)
        with self._lock:
            self._fits.pop((machine, family), None)
            self._loads.pop((machine, checkpoint), None)

    def _networks_s(self, machine: str, parts: Workload) -> float | None:
        """Of the upscalers of `parts`; None where one of them is not known."""
        total_s = 0.0
        for name in {part.network for part in parts}:
            fitted = self._fit(machine, f"{UPSCALER}{name}")
            if fitted is None:
                return None
            total_s += fitted.seconds(_alone(part for part in parts if part.network == name))
        return total_s

    def _fit(self, machine: str, family: str) -> timing.Fit | None:
        with self._lock:
            key = machine, family
            if key not in self._fits:
                runs = self._ledger.runs(*key)
                samples = [(tuple(Part(*part) for part in parts), took) for parts, took in runs]
                self._fits[key] = timing.fit(samples)
            return self._fits[key]

    def _load_s(self, machine: str, checkpoint: str) -> float:
        with self._lock:
            key = machine, checkpoint
            if key not in self._loads:
                loads = self._ledger.loads(*key)[-_LOADS:]
                self._loads[key] = median(loads) if loads else 0.0
            return self._loads[key]


def _apart(parts: Workload) -> tuple[Workload, Workload]:
    """What the checkpoint draws, and what upscalers do beside it."""
    drawn = tuple(part for part in parts if not part.network)
    return drawn, tuple(part for part in parts if part.network)


def _alone(parts: Iterable[Part]) -> Workload:
    """As in a job of the upscaler's own."""
    return tuple(part._replace(network="") for part in parts)

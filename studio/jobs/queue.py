"""What anybody does with jobs: submit, find, move, stop, forget them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any

from studio.domain.accounts import LOCAL
from studio.domain.events import Cancelled
from studio.domain.request import GenerationRequest
from studio.engine.protocol import Engine
from studio.jobs.errands import Pieces
from studio.jobs.forecasts import Forecasts
from studio.jobs.job import Job
from studio.jobs.keeping import Keeping
from studio.jobs.line import Line
from studio.jobs.worker import Worker
from studio.jobs.workload import learned_by

MAX_REMEMBERED = 500
MAX_REMEMBERED_PIXELS = 64_000_000
"""Pillow takes 4 bytes for an RGB pixel, so 256 MB."""
ALWAYS_REMEMBERED = 4
"""The newest ended jobs stay, however large: their readers may not have come yet."""
MAX_UNKEPT = 32
"""Jobs that are not kept and have ended: the newest, whose readers may not have come yet."""
PATIENCE_S = 30.0


class JobQueue:
    """Submits, orders, runs and remembers jobs.

    build_engine  called once, in the worker thread: importing and loading may take seconds, and
            jobs may be submitted meanwhile
    settle      completes a request of an account (checkpoint, size, seed), or raises
                `InvalidRequest`
    keeping     what outlasts the process
    forecasts   says how long jobs take, and learns from them; by default for itself
    patience_s  a job may be put off for so long, so that others go first whose models are loaded

    `line` is where they wait.
    """

    def __init__(
        self,
        build_engine: Callable[[], Engine],
        settle: Callable[[GenerationRequest, str], GenerationRequest],
        keeping: Keeping,
        *,
        forecasts: Forecasts | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._settle = settle
        self._keeping = keeping
        self._forecasts = forecasts or Forecasts()
        self._submitting = threading.Lock()
        self._remembering = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self.line = Line(patience_s, keeping.paused)
        jobs = keeping.take_up()
        self._jobs.update((job.id, job) for job in jobs)
        self.line.add({job: self._measured(job) for job in jobs})
        worker = Worker(build_engine, self.line, keeping, self._forecasts.learn)
        self._thread = threading.Thread(target=worker.work, name="device", daemon=True)
        self._thread.start()

    def submit(self, request: GenerationRequest, key: str | None = None, owner: str = LOCAL) -> Job:
        """Queue `request` for the account `owner`; with the `key` of an earlier one of it that job
        comes back. Its prompts join the history of `owner`. Raises `InvalidRequest`, or `QueueFull`
        with too many jobs before it."""
        return self._submit(request, key, owner, request.typed_prompts)

    def show(self, request: GenerationRequest, owner: str = LOCAL) -> Job:
        """As `submit`, to be looked at alone: it takes its turn like any other, but leaves nothing
        behind. It is forgotten soon after its end, and its pictures are held for a while."""
        settled = self._settle(request, owner)
        with self._submitting:
            self.line.check(owner)
            return self._entered(settled, None, owner, None)

    def _submit(
        self, request: GenerationRequest, key: str | None, owner: str, words: tuple[str, str]
    ) -> Job:
        settled = self._settle(request, owner)
        with self._submitting:
            known = key and self._keeping.id_with(owner, key)
            if known:
                return self.get(known)
            self.line.check(owner)
            return self._entered(settled, key, owner, words)

    def submit_all(
        self, requests: Sequence[GenerationRequest], key: str | None = None, owner: str = LOCAL
    ) -> list[Job]:
        """Queue all of `requests`, or none: as `submit`, which each of them may be refused by. With
        the `key` of an earlier call for `owner` its jobs come back, as far as they are there."""
        settled = [self._settle(request, owner) for request in requests]
        with self._submitting:
            keys = [key and f"{key}/{place}" for place in range(len(settled))]
            known = [each and self._keeping.id_with(owner, each) for each in keys]
            if any(known):
                return [self.get(id) for id in known if id]
            self.line.check(owner, len(settled))
            jobs = []
            for one, each in zip(settled, keys, strict=True):
                words = ("", "") if jobs else requests[0].typed_prompts
                jobs.append(self._entered(one, each, owner, words))
            return jobs

    def _entered(
        self, settled: GenerationRequest, key: str | None, owner: str, words: tuple[str, str] | None
    ) -> Job:
        """`words` are those that were typed; None: it is not kept."""
        job = Job(secrets.token_urlsafe(16), settled, owner, is_kept=words is not None)
        self._keeping.add(job, key, words or ("", ""))
        with self._remembering:
            self._jobs[job.id] = job
            self._forget_oldest()
        self.line.add({job: self._measured(job)})
        return job

    def get(self, id: str) -> Job:
        """Raises `NotFound`."""
        return self.remembered(id) or self._keeping.find(id)

    def remembered(self, id: str) -> Job | None:
        """At once: None where it must be looked for on the disk."""
        with self._remembering:
            return self._jobs.get(id)

    def jobs(self) -> list[Job]:
        """All remembered jobs, oldest first; those that wait in their order, after all others."""
        waiting = self.line.order()
        ids = {job.id for job in waiting}
        with self._remembering:
            return [job for job in self._jobs.values() if job.id not in ids] + waiting

    def to_do(self) -> list[Job]:
        """Those under way, then those that wait, as they will be begun."""
        return self.line.running + self.line.order()

    def move(self, id: str, position: int) -> Job:
        """Let a job wait at `position` among those that wait, 0 being the next; as near to it as it
        can come by changing places with others of its owner. Raises `NotFound`, and
        `InvalidRequest` where it does not wait."""
        job = self.get(id)
        self._keeping.reorder(self.line.move(job, position))
        return job

    def again(self, id: str, owner: str = LOCAL) -> Job:
        """One more job, of `owner`, with the very settings of that one, seed included: nothing was
        typed for it. Raises `NotFound`, and as `submit` does."""
        return self.repeat(self.get(id).request, None, owner)

    def repeat(self, request: GenerationRequest, key: str | None = None, owner: str = LOCAL) -> Job:
        """As `submit`, for settings that nobody has typed now: they join no history."""
        return self._submit(request, key, owner, ("", ""))

    @property
    def paused(self) -> bool:
        return self.line.paused

    def pause(self) -> None:
        """Begin no more jobs until `resume`, through any end of the process; what is under way goes
        on."""
        self._keeping.pause(True)
        self.line.pause(True)

    def resume(self) -> None:
        self._keeping.pause(False)
        self.line.pause(False)

    def load(self, checkpoint: str, vae: str | None = None) -> None:
        """Bring these into memory while nobody waits for anything else: who draws with them next
        waits for less. The newest such wish counts."""
        self.line.load(GenerationRequest(checkpoint=checkpoint, vae=vae))

    @property
    def loading(self) -> str | None:
        """The checkpoint that is brought into memory, or is about to be, though nothing is drawn
        with it yet."""
        wish = self.line.to_load
        return wish and wish.checkpoint

    def errand(self, begin: Pieces) -> Future[Any]:
        """Have something asked of the models by the device's thread, in pieces between what is
        drawn. Raises `QueueFull`."""
        return self.line.errands.add(begin)

    @property
    def trouble(self) -> str | None:
        """Why the disk takes no pictures, for which jobs may wait; None: it does."""
        return self._keeping.trouble

    @property
    def waiting(self) -> int:
        """How many jobs wait or run."""
        return len(self.line)

    def cancel(self, id: str) -> Job:
        """Stop a job: at once while it waits, within a step while it runs."""
        job = self.get(id)
        job.cancel()
        if self.line.remove(job):
            self._keeping.tell(job, Cancelled(()))
        return job

    def withdraw(self, id: str) -> bool:
        """Forget a job that waits. False: it does not wait, and goes on as it was."""
        job = self.get(id)
        if not self.line.remove(job):
            return False
        job.cancel()
        self._keeping.tell(job, Cancelled(()))
        self.forget([id])
        return True

    def delete(self, id: str) -> None:
        """Cancel and forget a job; its saved pictures stay."""
        self.cancel(id)
        self.forget([id])

    def forget(self, ids: Collection[str]) -> None:
        """Jobs that have ended or are about to; their saved pictures stay."""
        with self._remembering:
            for id in ids:
                self._jobs.pop(id, None)
        self._keeping.forget(ids)

    def close(self, timeout_s: float = 10) -> bool:
        """Stop everything and end the worker; what the ledger keeps waits for the next start. False
        if it has not ended after `timeout_s`.

        A load that has begun cannot be stopped; the worker is a daemon and ends with the process.
        """
        waiting = self.line.close()
        running = self.line.running
        self._keeping.interrupt(running)
        for job in running:
            job.cancel()
        for job in waiting:
            job.cancel()
            job.publish(Cancelled(()))
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _measured(self, job: Job) -> float:
        """About how many seconds of work it is."""
        job.parts = self._forecasts.workload(job.request)
        return self._forecasts.turn_s(learned_by(job.request), job.parts)

    def _forget_oldest(self) -> None:
        """Ended jobs go, oldest first, when there are too many or their pictures fill the memory.

        The pictures' files stay, and whoever holds the job itself still reads it to its end.
        """
        ended = [job for job in self._jobs.values() if job.events.closed]
        for job in [job for job in ended if not job.is_kept][:-MAX_UNKEPT]:
            ended.remove(job)
            del self._jobs[job.id]
        pixels = sum(_pixels(job) for job in ended)
        excess = len(self._jobs) - MAX_REMEMBERED
        for place, job in enumerate(ended[:-ALWAYS_REMEMBERED]):
            if place >= excess and pixels <= MAX_REMEMBERED_PIXELS:
                return
            pixels -= _pixels(job)
            del self._jobs[job.id]


def _pixels(job: Job) -> int:
    return sum(picture.image.width * picture.image.height for picture in job.pictures)

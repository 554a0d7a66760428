"""`Client`: a studio elsewhere, for threads and scripts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from studio.client import connection, operations
from studio.client.messages import ServerSent
from studio.client.operations import Operation, Result
from studio.domain.events import FINAL, Event, Picture, Preview
from studio.domain.request import GenerationRequest
from studio.reading.record import Reading
from studio.store.finding import Filters, Page
from studio.store.pictures import PictureRow

if TYPE_CHECKING:
    from studio.provenance.verdict import Verdict


class Client:
    """A studio that is served at `url`, with the methods that `Studio` has in process.

    url     as the studio prints it, "http://127.0.0.1:7860"
    token   of an account (`POST /studio/v1/tokens`),
    login   or its (user, password); neither where the studio asks for none

    All methods raise `Unreachable` where no studio answers, `LoginNeeded` where it does not let
    them in, and the `StudioError` that the studio answers. A client may be used from many threads.
    """

    def __init__(
        self, url: str, token: str | None = None, *, login: tuple[str, str] | None = None
    ) -> None:
        self.url = url
        self._http = httpx.Client(**connection.options(url, token, login))
        self.library = RemoteLibrary(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; jobs go on."""
        self._http.close()

    def submit(self, request: GenerationRequest) -> RemoteJob:
        """Queue `request`, whose pictures may be files of this machine, up to 64 MB each: they are
        uploaded. Raises `InvalidRequest` (also its kinds), `OutOfMemory`, or `QueueFull`."""
        return RemoteJob(self, self.perform(operations.submit(request)))

    def run(self, request: GenerationRequest) -> Iterator[Event]:
        """Submit `request` and yield its events until it ends: `Queued`, `Loading`, `Started`,
        `Progress` and `Preview` (JPEG bytes, a few a second at most), then one of `Finished`,
        `Failed`, `Cancelled`. Leaving the loop early cancels it. Raises as `submit` does.
        """
        job = self.submit(request)
        ended = False
        try:
            for _, event in job.follow():
                ended = isinstance(event, FINAL)
                yield event
        finally:
            if not ended:
                job.cancel()

    def generate(self, request: GenerationRequest) -> list[Picture]:
        """The pictures of `request`, `batch_size` of them: `image` is RGB, height × width as
        settled. Raises as `submit` does, and if the run fails the `StudioError` that fits."""
        job, last = self.submit(request), None
        try:
            for _, event in job.follow(previews=False):
                last = event
        finally:
            if not isinstance(last, FINAL):
                job.cancel()
        return operations.pictures_of(last)

    def job(self, id: str) -> RemoteJob:
        """One that was submitted before, by whomever. It is not asked whether it is there."""
        return RemoteJob(self, id)

    def read(self, source: bytes | str | Path) -> Reading:
        """The settings in a picture file (its bytes, or its path on this machine) of any studio,
        or in a text: an infotext, or a graph of ComfyUI. `Reading.request` holds fields of a
        `GenerationRequest`; `awaits` is not told over HTTP. Raises `InvalidRequest`."""
        return self.perform(operations.read(source))

    def verify(self, source: bytes | str | Path) -> Verdict:
        """Where a picture file (its bytes, or its path on this machine) comes from, as far as that
        studio knows: from its pixels, its text, and its library. Raises `InvalidRequest`."""
        return self.perform(operations.verify(source))

    def status(self) -> dict[str, Any]:
        """As `Studio.status`, and `account`, who asks."""
        return self.perform(operations.status())

    def perform(self, operation: Operation[Result]) -> Result:
        """For this package: make the calls that `operation` asks for."""
        try:
            call = next(operation)
            while True:
                call = operation.send(
                    connection.checked(self._http.request(**connection.asked(call)))
                )
        except StopIteration as end:
            return end.value
        except httpx.TransportError as error:
            raise connection.unreachable(self.url, error) from None

    def lines(self, id: str, after: int, previews: bool) -> Iterator[str]:
        """For this package: of the stream of a job's events, as far as it holds."""
        with self._http.stream(**connection.events_call(id, after, previews)) as answer:
            if answer.status_code >= 400:
                answer.read()
            yield from connection.checked(answer).iter_lines()


class RemoteJob:
    """A job of the studio elsewhere. `id` is all that is kept of it here."""

    def __init__(self, client: Client, id: str) -> None:
        self._client = client
        self.id = id

    @property
    def state(self) -> str:
        """queued, loading, running, finished, failed or cancelled. Raises `NotFound` where it was
        deleted."""
        return self._client.perform(operations.job(self.id))["state"]

    @property
    def request(self) -> GenerationRequest:
        """The settled one: checkpoint, size and seed are fixed."""
        return self._client.perform(operations.request_of(self.id))

    def cancel(self) -> None:
        """Ask for the end; takes effect within a step. Harmless when the job has ended. Raises
        `NotYours` for one of another account."""
        self._client.perform(operations.cancel(self.id))

    def follow(self, after: int = 0, previews: bool = True) -> Iterator[tuple[int, Event]]:
        """(Number, event) of what is newer than number `after`, until the job ends: of each kind
        the newest, as `EventStream` keeps it. A lost connection is taken up again. Without
        `previews` the studio need draw none."""
        failures = 0
        while True:
            parser = ServerSent()
            try:
                for line in self._client.lines(self.id, after, previews):
                    if (sent := parser.line(line)) is None:
                        continue
                    number, data = sent
                    asked = operations.event(self.id, connection.body_of(data))
                    event = self._client.perform(asked)
                    failures, after = 0, number
                    if previews or not isinstance(event, Preview):
                        yield after, event
                return
            except httpx.TransportError as error:
                failures += 1
                if failures > connection.RETRIES:
                    raise connection.unreachable(self._client.url, error) from None
                time.sleep(connection.RETRY_S)


class RemoteLibrary:
    """The pictures of the studio elsewhere, as `Studio.library` has them. Rows have no `path`,
    `hash` and `loras`; `created_us` is to the second."""

    def __init__(self, client: Client) -> None:
        self._perform = client.perform

    def page(
        self, filters: Filters = Filters(), limit: int = 60, before: int | None = None
    ) -> Page:
        """At most `limit` (1 to 500) pictures that meet `filters`, newest first; `before` is the
        `next` of the page that came before. Raises `InvalidRequest`."""
        return self._perform(operations.page(filters, limit, before))

    def entry(self, id: str) -> PictureRow:
        """What is remembered of one. Raises `NotFound`."""
        return self._perform(operations.entry(id))

    def picture(self, id: str) -> Picture:
        """One with its pixels and what made it. Raises `NotFound`."""
        return self._perform(operations.picture(id))

    def boards(self) -> list[tuple[str, int]]:
        """(name, number of pictures on it), by name."""
        return self._perform(operations.boards())

    def change(
        self,
        id: str,
        starred: bool | None = None,
        boards: Iterable[str] | None = None,
        note: str | None = None,
    ) -> PictureRow:
        """What is not None is so from now on. Raises `NotFound`, `NotYours` and `SaveError`."""
        return self._perform(operations.change(id, starred, boards, note))

    def trash(self, id: str) -> PictureRow:
        """Move it to the trash. Raises as `change`."""
        return self._perform(operations.trash(id))

    def restore(self, id: str) -> PictureRow:
        """Move it back. Raises as `change`."""
        return self._perform(operations.restore(id))

    def erase(self, id: str) -> None:
        """For good. Raises as `change`."""
        self._perform(operations.erase(id))

"""`AsyncClient`: a studio elsewhere, for event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
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


class AsyncClient:
    """As `Client`, method by method, to be awaited. It belongs to one event loop."""

    def __init__(
        self, url: str, token: str | None = None, *, login: tuple[str, str] | None = None
    ) -> None:
        self.url = url
        self._http = httpx.AsyncClient(**connection.options(url, token, login))
        self.library = AsyncRemoteLibrary(self)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """As `Client.close`."""
        await self._http.aclose()

    async def submit(self, request: GenerationRequest) -> AsyncRemoteJob:
        """As `Client.submit`."""
        return AsyncRemoteJob(self, await self.perform(operations.submit(request)))

    async def run(self, request: GenerationRequest) -> AsyncIterator[Event]:
        """As `Client.run`. Python ends a generator that was left at its leisure: with
        `contextlib.aclosing` around it the job is cancelled at once."""
        job = await self.submit(request)
        ended = False
        try:
            async with aclosing(job.follow()) as following:
                async for _, event in following:
                    ended = isinstance(event, FINAL)
                    yield event
        finally:
            if not ended:
                await job.cancel()

    async def generate(self, request: GenerationRequest) -> list[Picture]:
        """As `Client.generate`; a task that is cancelled cancels the job."""
        job, last = await self.submit(request), None
        try:
            async with aclosing(job.follow(previews=False)) as following:
                async for _, event in following:
                    last = event
        finally:
            if not isinstance(last, FINAL):
                await job.cancel()
        return operations.pictures_of(last)

    def job(self, id: str) -> AsyncRemoteJob:
        """As `Client.job`."""
        return AsyncRemoteJob(self, id)

    async def read(self, source: bytes | str | Path) -> Reading:
        """As `Client.read`."""
        return await self.perform(operations.read(source))

    async def verify(self, source: bytes | str | Path) -> Verdict:
        """As `Client.verify`."""
        return await self.perform(operations.verify(source))

    async def status(self) -> dict[str, Any]:
        """As `Client.status`."""
        return await self.perform(operations.status())

    async def perform(self, operation: Operation[Result]) -> Result:
        """For this package: make the calls that `operation` asks for."""
        try:
            call = next(operation)
            while True:
                answer = await self._http.request(**connection.asked(call))
                call = operation.send(connection.checked(answer))
        except StopIteration as end:
            return end.value
        except httpx.TransportError as error:
            raise connection.unreachable(self.url, error) from None

    async def lines(self, id: str, after: int, previews: bool) -> AsyncIterator[str]:
        """For this package: of the stream of a job's events, as far as it holds."""
        async with self._http.stream(**connection.events_call(id, after, previews)) as answer:
            if answer.status_code >= 400:
                await answer.aread()
            async for line in connection.checked(answer).aiter_lines():
                yield line


class AsyncRemoteJob:
    """As `RemoteJob`; its state and request are methods, as they are asked for."""

    def __init__(self, client: AsyncClient, id: str) -> None:
        self._client = client
        self.id = id

    async def state(self) -> str:
        """As `RemoteJob.state`."""
        return (await self._client.perform(operations.job(self.id)))["state"]

    async def request(self) -> GenerationRequest:
        """As `RemoteJob.request`."""
        return await self._client.perform(operations.request_of(self.id))

    async def cancel(self) -> None:
        """As `RemoteJob.cancel`."""
        await self._client.perform(operations.cancel(self.id))

    async def follow(
        self, after: int = 0, previews: bool = True
    ) -> AsyncIterator[tuple[int, Event]]:
        """As `RemoteJob.follow`."""
        failures = 0
        while True:
            parser = ServerSent()
            try:
                async with aclosing(self._client.lines(self.id, after, previews)) as lines:
                    async for line in lines:
                        if (sent := parser.line(line)) is None:
                            continue
                        number, data = sent
                        asked = operations.event(self.id, connection.body_of(data))
                        event = await self._client.perform(asked)
                        failures, after = 0, number
                        if previews or not isinstance(event, Preview):
                            yield after, event
                return
            except httpx.TransportError as error:
                failures += 1
                if failures > connection.RETRIES:
                    raise connection.unreachable(self._client.url, error) from None
                await asyncio.sleep(connection.RETRY_S)


class AsyncRemoteLibrary:
    """As `RemoteLibrary`."""

    def __init__(self, client: AsyncClient) -> None:
        self._perform = client.perform

    async def page(
        self, filters: Filters = Filters(), limit: int = 60, before: int | None = None
    ) -> Page:
        """As `RemoteLibrary.page`."""
        return await self._perform(operations.page(filters, limit, before))

    async def entry(self, id: str) -> PictureRow:
        """As `RemoteLibrary.entry`."""
        return await self._perform(operations.entry(id))

    async def picture(self, id: str) -> Picture:
        """As `RemoteLibrary.picture`."""
        return await self._perform(operations.picture(id))

    async def boards(self) -> list[tuple[str, int]]:
        """As `RemoteLibrary.boards`."""
        return await self._perform(operations.boards())

    async def change(
        self,
        id: str,
        starred: bool | None = None,
        boards: Iterable[str] | None = None,
        note: str | None = None,
    ) -> PictureRow:
        """As `RemoteLibrary.change`."""
        return await self._perform(operations.change(id, starred, boards, note))

    async def trash(self, id: str) -> PictureRow:
        """As `RemoteLibrary.trash`."""
        return await self._perform(operations.trash(id))

    async def restore(self, id: str) -> PictureRow:
        """As `RemoteLibrary.restore`."""
        return await self._perform(operations.restore(id))

    async def erase(self, id: str) -> None:
        """As `RemoteLibrary.erase`."""
        await self._perform(operations.erase(id))

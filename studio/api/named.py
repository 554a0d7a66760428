"""What Gradio's named endpoints do: the studio's own routes under other names."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from studio.api.models import ModelListing
from studio.api.readings import ReadingBody
from studio.api.wire import event_body
from studio.domain.endpoints import Endpoint
from studio.domain.errors import StudioError
from studio.domain.events import Failed, Preview
from studio.gallery.library import Library
from studio.gallery.sources import Sources
from studio.jobs.job import Job
from studio.jobs.queue import JobQueue
from studio.reading.reader import Reader

_SILENCE_S = 5.0


class Named:
    """Answers calls of accounts. `base` is the address under which the caller reached the studio.
    All methods raise `StudioError`, whose message is for people and made public."""

    def __init__(
        self,
        queue: JobQueue,
        library: Library,
        listing: ModelListing,
        reader: Reader,
        sources: Sources,
    ) -> None:
        self._queue, self._library, self._listing = queue, library, listing
        self._reader, self._sources = reader, sources

    async def draw(
        self, endpoint: Endpoint, values: dict[str, Any], account: str, base: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Queue the request and tell what happens, as the events of a job do; a preview has its
        `jpeg` as a data-URI, and the last one `images` with the addresses of their files. A caller
        that leaves cancels the job."""
        job = await run_in_threadpool(self._submitted, endpoint, values, account)
        after = 0
        try:
            while not (job.events.closed and not job.events.since(after)):
                job.watched()
                for number, event in await job.events.wait(after, _SILENCE_S):
                    after = number
                    if isinstance(event, Failed):
                        raise self._public(event.cause)
                    yield self._told(job, event, base)
        finally:
            if not job.events.closed:
                self._queue.cancel(job.id)

    def models(self) -> list[dict[str, Any]]:
        """Every model, as `GET /studio/v1/models` describes it."""
        return [body.model_dump(mode="json") for body in self._listing.all().models]

    def read(self, picture: str) -> dict[str, Any]:
        """The settings in a picture (`picture:ID`, `input:ID`, a data-URI) or in a text, as
        `POST /studio/v1/read` tells them."""
        try:
            is_name = picture.startswith(("data:", "input:", "picture:"))
            source = self._sources.read_any(picture) if is_name else picture
            return ReadingBody.model_validate(self._reader.read(source)).model_dump(mode="json")
        except StudioError as error:
            raise self._public(error) from None

    def copy(self, id: str) -> bytes:
        """A small copy of a picture of the library, WebP."""
        try:
            return self._library.thumbnail(id, 512)
        except StudioError as error:
            raise self._public(error) from None

    def _submitted(self, endpoint: Endpoint, values: dict[str, Any], account: str) -> Job:
        try:
            job = self._queue.submit(endpoint.request(values), None, account)
        except StudioError as error:
            raise self._public(error) from None
        job.watched()
        return job

    def _told(self, job: Job, event: Any, base: str) -> dict[str, Any]:
        body = event_body(job, event, self._listing.public)
        if isinstance(event, Preview):
            body["jpeg"] = f"data:image/jpeg;base64,{base64.b64encode(event.jpeg).decode()}"
        for image in body.get("images", ()):
            image["url"] = base + image["url"]
        if "url" in body:
            body["url"] = base + body["url"]
        return body

    def _public(self, error: StudioError) -> StudioError:
        return type(error)(self._listing.public(error.message), error.field)

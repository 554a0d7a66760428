"""txt2img and img2img: a body -> what the call draws -> the answer."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from studio.api.sdapi import always_on, edits, results, scripts
from studio.api.sdapi.acts import Act, Acts, Drawn, Plan
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.options import AllOptions, Options
from studio.api.sdapi.payloads import Drawing, ImageToImageBody, TextToImageBody, parsed
from studio.api.sdapi.requests import common, iterations, text_to_image, with_infotext
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest


class Drawings:
    """The two routes, for all callers."""

    def __init__(self, desk: Desk, acts: Acts, options: AllOptions) -> None:
        self._desk, self._acts, self._options = desk, acts, options

    async def answered(self, http: Request, account: str, kind: type[Drawing]) -> dict[str, Any]:
        """Waits until all is drawn."""
        data = await http.body()
        body, options, taken = await run_in_threadpool(self._understood, kind, data, account)
        asked: list[GenerationRequest] = []

        def work(act: Act) -> Plan:
            requests = self._requests(body, options, taken)
            asked.extend(requests)
            again = partial(self._again, body, account, taken)
            call = scripts.Call(body.script_args, requests, again, act, self._desk)
            return scripts.planned(body.script_name, call)

        _, drawn = await self._acts.run(http, account, body.force_task_id, work)
        return await run_in_threadpool(self._answer, body, options, taken, asked[0], drawn)

    def _answer(
        self,
        body: Drawing,
        options: Options,
        taken: always_on.Taken,
        asked: GenerationRequest,
        drawn: Drawn,
    ) -> dict[str, Any]:
        with_map = [] if options.control_net_no_detectmap else taken.with_map
        if drawn.pictures:
            request = drawn.pictures[0].request
            drawn.maps = [results.map_of(request, number, self._desk) for number in with_map]
        return results.answer(body, options, asked, drawn, self._desk)

    def _understood(
        self, kind: type[Drawing], data: bytes, account: str
    ) -> tuple[Drawing, Options, always_on.Taken]:
        body, taken = always_on.taken(parsed(kind, data), scripts.SELECTABLE, self._desk)
        options = self._overridden(body, account)
        if body.override_settings and not body.override_settings_restore_afterwards:
            self._options.put(account, options)
        return body, options, taken

    def _overridden(self, body: Drawing, account: str) -> Options:
        return self._options.changed(self._options.get(account), body.override_settings)

    def _again(
        self, body: Drawing, account: str, taken: always_on.Taken, changes: dict[str, Any]
    ) -> tuple[GenerationRequest, ...]:
        """What `body` draws with some fields otherwise."""
        said = body.override_settings | changes.get("override_settings", {})
        changed = body.model_copy(update=changes | {"override_settings": said})
        return self._requests(changed, self._overridden(changed, account), taken)

    def _requests(
        self, body: Drawing, options: Options, taken: always_on.Taken
    ) -> tuple[GenerationRequest, ...]:
        if isinstance(body, TextToImageBody):
            fields = text_to_image(body, options, self._desk) | {"controls": taken.controls}
            return iterations(fields, body.n_iter)
        if not isinstance(body, ImageToImageBody):
            raise InvalidRequest("This is no drawing.")
        fields = common(body, options, self._desk) | {"controls": taken.controls}
        fields = with_infotext(body, fields, self._desk)
        images = edits.pictures(body, self._desk)
        tasks = [edits.task(body, each, taken.soft, options, self._desk) for each in images]
        if len(tasks) == 1:
            return iterations(fields | {"task": tasks[0]}, body.n_iter)
        # A picture each: one after the other, as their seeds count on.
        singles = iterations(fields | {"task": tasks[0], "batch_size": 1}, len(tasks) * body.n_iter)
        parsed_tasks = [
            GenerationRequest.parse(fields | {"task": each, "batch_size": 1}).task for each in tasks
        ]
        return tuple(
            single.model_copy(update={"task": parsed_tasks[place % len(tasks)]})
            for place, single in enumerate(singles)
        )

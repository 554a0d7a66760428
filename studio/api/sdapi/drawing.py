"""txt2img and img2img: a body -> what the call draws -> the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from studio.api.sdapi import results, scripts
from studio.api.sdapi.acts import Act, Acts, Drawn, Plan
from studio.api.sdapi.always_on import taken
from studio.api.sdapi.call import Call
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.edits import image_to_image
from studio.api.sdapi.options import AllOptions, passed_over
from studio.api.sdapi.payloads import Drawing, ImageToImageBody, TextToImageBody, parsed
from studio.api.sdapi.requests import text_to_image
from studio.api.sdapi.results import Said
from studio.domain.request import GenerationRequest

_REQUESTS = {TextToImageBody: text_to_image, ImageToImageBody: image_to_image}


class Drawings:
    """The two routes, for all callers."""

    def __init__(self, desk: Desk, acts: Acts, options: AllOptions) -> None:
        self._desk, self._acts, self._options = desk, acts, options

    async def answered(
        self, http: Request, account: str, kind: type[Drawing], understood: Callable = parsed
    ) -> dict[str, Any]:
        """Waits until all is drawn. `understood`: (kind, bytes of the body) -> the body."""
        body = await run_in_threadpool(understood, kind, await http.body())
        said = await run_in_threadpool(self._said, body, account)
        asked: list[GenerationRequest] = []

        def work(act: Act) -> Plan:
            requests = _REQUESTS[kind](said.body, said.options, said.taken, self._desk)
            asked.extend(requests)
            call = Call(said.body.script_args, requests, act, self._desk, said.taken.notes)
            return scripts.planned(said.body.script_name, call)

        drawn = await self._acts.run(http, account, said.body.force_task_id, work)
        return await run_in_threadpool(self._answer, said, asked[0], drawn)

    def _said(self, body: Drawing, account: str) -> Said:
        body, always = taken(body, scripts.SELECTABLE, self._desk)
        options = self._options.changed(self._options.get(account), body.override_settings)
        for text in passed_over(body.override_settings):
            always.notes.say(f"override_settings.{text}")
        if body.override_settings and not body.override_settings_restore_afterwards:
            self._options.put(account, options)
        return Said(body, options, always)

    def _answer(self, said: Said, asked: GenerationRequest, drawn: Drawn) -> dict[str, Any]:
        with_map = [] if said.options.control_net_no_detectmap else said.taken.with_map
        if drawn.pictures:
            request = drawn.pictures[0].request
            drawn.maps = [results.map_of(request, number, self._desk) for number in with_map]
        return results.answer(said, asked, drawn, self._desk)

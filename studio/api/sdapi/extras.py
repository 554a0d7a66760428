"""extra-single-image, extra-batch-images: pictures made larger."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from studio.api.sdapi import given, names
from studio.api.sdapi.acts import Act, Acts, Plan, at_once
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.options import AllOptions
from studio.api.sdapi.payloads import Extras, ExtrasBatchBody, ExtrasBody, parsed
from studio.api.sdapi.results import encoded
from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Size
from studio.domain.request import GenerationRequest


class Upscales:
    """The two routes, for all callers."""

    def __init__(self, desk: Desk, acts: Acts, options: AllOptions) -> None:
        self._desk, self._acts, self._options = desk, acts, options

    async def single(self, http: Request, account: str) -> dict[str, Any]:
        body = await run_in_threadpool(parsed, ExtrasBody, await http.body())
        images, html = await self._made(http, account, body, [body.image])
        return {"html_info": html, "image": images[0] if images else ""}

    async def batch(self, http: Request, account: str) -> dict[str, Any]:
        body = await run_in_threadpool(parsed, ExtrasBatchBody, await http.body())
        if not body.imageList:
            raise InvalidRequest("is empty. Send at least one picture.", "imageList")
        images, html = await self._made(http, account, body, [each.data for each in body.imageList])
        return {"html_info": html, "images": images}

    async def _made(
        self, http: Request, account: str, body: Extras, texts: Sequence[str]
    ) -> tuple[list[str], str]:
        """(Pictures in base64, what is told of them)."""
        _check(body)
        upscaler = names.upscaler(body.upscaler_1, self._desk.catalog)
        options = self._options.get(account)
        if upscaler is None:  # as there: nothing is done to them
            files = [await run_in_threadpool(given.decoded, text, "image") for text in texts]
            refs = [await run_in_threadpool(self._desk.inputs.keep, data) for data in files]
            return [given.text(data) for data in files if refs], ""

        def work(_: Act) -> Plan:
            return at_once([self._request(body, upscaler, text) for text in texts])

        drawn = await self._acts.run(http, account, "", work)
        gallery = self._desk.gallery

        def pictures() -> list[str]:
            files = [gallery.bytes(picture.id) for picture in drawn.pictures]
            again = gallery.again
            return [given.text(encoded(data, ".png", options, again)) for data in files]

        infotexts = [each.infotext for each in drawn.pictures]
        warnings = [text for each in drawn.pictures for text in each.warnings]
        notes = (self._desk.public(text) for text in warnings)
        told = "".join(f"<p>{escape(text)}</p>" for text in (*infotexts, *notes))
        return await run_in_threadpool(pictures), told

    def _request(self, body: Extras, upscaler: str, text: str) -> GenerationRequest:
        image = given.kept(text, "image", self._desk.inputs)
        task: dict[str, Any] = {"kind": "upscale", "image": image, "upscaler": upscaler}
        second = names.upscaler(body.upscaler_2, self._desk.catalog)
        if second and body.extras_upscaler_2_visibility > 0:
            task["upscaler_2"] = second
            task["upscaler_2_visibility"] = body.extras_upscaler_2_visibility
        size = self._desk.inputs.size(image.partition(":")[2])
        return GenerationRequest.parse({"task": task | _size(body, size)})


def _check(body: Extras) -> None:
    for name in ("gfpgan_visibility", "codeformer_visibility"):
        if getattr(body, name) > 0:
            raise InvalidRequest("faces are not restored here. Leave it at 0.", name)


def _size(body: Extras, source: Size) -> dict[str, Any]:
    if body.resize_mode == 0:
        return {"factor": body.upscaling_resize}
    asked = body.upscaling_resize_w, body.upscaling_resize_h
    if body.upscaling_crop:
        return {"resize_width": asked[0], "resize_height": asked[1]}
    # The picture covers what is asked for, and nothing of it is cut off.
    if asked[0] * source[1] >= asked[1] * source[0]:
        return {"resize_width": asked[0]}
    return {"resize_height": asked[1]}

"""Pictures and events as OpenAI's clients expect them."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any, Literal

from PIL import Image

from studio.api.openai.asked import Asked
from studio.api.openai.errors import error_body
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.domain.events import Cancelled, Failed, Picture
from studio.gallery import exports
from studio.gallery.exports import Export
from studio.gallery.files import Gallery

CANCELLED = "The job was cancelled. Send the request again."
Kind = Literal["image_generation", "image_edit"]

_NO_USAGE = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


class Answers:
    """Of one request: `asked` for, as a request with the fields `ignored`. `base` is the address
    under which the caller reached the studio; texts are made `public`."""

    def __init__(
        self, asked: Asked, ignored: list[str], gallery: Gallery, base: str, public: PublicText
    ) -> None:
        self._asked, self._ignored = asked, ignored
        self._gallery, self._base, self._public = gallery, base, public
        self._created_s = int(time.time())

    def all(self, pictures: tuple[Picture, ...]) -> dict[str, Any]:
        """The answer to a request that is not streamed."""
        besides = {"ignored": self._ignored} if self._ignored else {}
        return {
            "created": self._created_s,
            "data": [self._datum(picture) for picture in pictures],
            **self._said(pictures[0].image.size),
            "usage": _NO_USAGE,
            **besides,
        }

    def partial(self, kind: Kind, place: int, jpeg: bytes) -> str:
        """The event of the preview that is number `place` of those that are told."""
        with Image.open(io.BytesIO(jpeg)) as preview:
            preview.load()
        buffer = io.BytesIO()
        preview.save(buffer, self._asked.output_format.upper(), **self._quality())
        size = preview.size
        body = {"b64_json": _base64(buffer.getvalue()), "partial_image_index": place}
        return _event(f"{kind}.partial_image", self._timed(size) | body)

    def completed(self, kind: Kind, picture: Picture) -> str:
        """The event of a picture that is done."""
        body = self._timed(picture.image.size) | self._datum(picture) | {"usage": _NO_USAGE}
        if self._ignored:
            body["ignored"] = self._ignored
        return _event(f"{kind}.completed", body)

    def failed(self, event: Failed | Cancelled) -> str:
        """The event of a run that failed or was cancelled, which ends the stream."""
        if isinstance(event, Cancelled):
            return _event("error", error_body(400, "Cancelled", CANCELLED))
        cause = event.cause
        message = self._public(str(cause))
        body = error_body(cause.status, event.error, message, event.field or None)
        return _event("error", body)

    def _datum(self, picture: Picture) -> dict[str, Any]:
        request = picture.request
        besides = {"warnings": [self._public(text) for text in picture.warnings]}
        return {
            **self._file(picture),
            "revised_prompt": request.prompt,
            "seed": picture.seed,
            **(besides if picture.warnings else {}),
        }

    def _file(self, picture: Picture) -> dict[str, str]:
        asked = self._asked
        if asked.wants_url:
            query = "" if asked.output_format == "png" else f"?format={asked.output_format}"
            if query and asked.output_compression < 100:
                query += f"&quality={max(1, asked.output_compression)}"
            return {"url": f"{self._base}{PREFIX}/images/{picture.id}{query}"}
        path = self._gallery.path(picture.id)
        export = Export(format=asked.output_format, **self._quality())
        own = path.suffix if path else ".png"
        return {
            "b64_json": _base64(
                exports.exported(self._gallery.bytes(picture.id), own, export, self._gallery.again)
            )
        }

    def _quality(self) -> dict[str, int]:
        """Of a lossy format."""
        lossy = self._asked.output_format != "png"
        return {"quality": max(1, self._asked.output_compression)} if lossy else {}

    def _timed(self, size: tuple[int, int]) -> dict[str, Any]:
        return {"created_at": self._created_s} | self._said(size)

    def _said(self, size: tuple[int, int]) -> dict[str, str]:
        quality = self._asked.quality
        return {
            "size": f"{size[0]}x{size[1]}",
            "quality": "medium" if quality == "auto" else quality,
            "background": "opaque",
            "output_format": self._asked.output_format,
        }


def _event(type: str, body: dict[str, Any]) -> str:
    data = json.dumps({"type": type} | body)
    return f"event: {type}\ndata: {data}\n\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

"""png-info: what stands in a picture, as AUTOMATIC1111 takes it apart."""

from __future__ import annotations

import re
from typing import Any

from studio.api.sdapi import given
from studio.api.sdapi.payloads import PngInfoBody
from studio.domain import infotext_reader
from studio.domain.errors import InvalidRequest
from studio.imaging import reading
from studio.reading.automatic1111 import NAMES
from studio.reading.metadata import metadata

_DEFAULTS = {
    "Clip skip": "1",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "RNG": "GPU",
    "Schedule type": "Automatic",
}
"""What an infotext leaves out."""
_SIZE = re.compile(r"(\d+)x(\d+)")


def png_info(body: PngInfoBody) -> dict[str, Any]:
    """Raises `InvalidRequest` for what is no picture."""
    data = given.decoded(body.image, "image")
    try:
        reading.size_of(data)
    except InvalidRequest as error:
        raise InvalidRequest(f"Invalid encoded image: {error.message}", "image") from None
    texts = metadata(data).texts
    infotext = next((texts[name] for name in NAMES if texts.get(name, "").strip()), "")
    return {"info": infotext, "items": dict(texts), "parameters": _parameters(infotext)}


def _parameters(infotext: str) -> dict[str, Any]:
    if not infotext:
        return dict(_DEFAULTS)
    read = infotext_reader.read(infotext)
    told: dict[str, Any] = dict(_DEFAULTS)
    told |= {"Prompt": read.prompt, "Negative prompt": read.negative_prompt}
    for name, value in read.settings.items():
        size = _SIZE.fullmatch(value)
        if size:
            told |= {f"{name}-1": int(size[1]), f"{name}-2": int(size[2])}
        else:
            told[name] = value
    return told

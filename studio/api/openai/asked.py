"""What a caller asked for, in OpenAI's words."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from studio.domain.errors import InvalidRequest, refused, shorten

Quality = Literal["auto", "low", "standard", "medium", "high", "hd", "xhigh", "max"]
OutputFormat = Literal["png", "jpeg", "webp"]

STEPS_OF: dict[Quality, float] = {
    "auto": 1.0,
    "low": 0.5,
    "standard": 1.0,
    "medium": 1.0,
    "high": 1.5,
    "hd": 1.5,
    "xhigh": 2.0,
    "max": 2.0,
}
"""Quality -> parts of the steps that suit the checkpoint."""

_FOREIGN = re.compile(r"(chatgpt-image|dall-e|gpt-image)[\w.-]*", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", re.ASCII)


def _unset(default: Any) -> BeforeValidator:
    """null, and in a form "", are what was left out."""
    return BeforeValidator(lambda value: default if value is None or value == "" else value)


class Asked(BaseModel):
    """The fields that have a meaning here; all others are extra: ours, or nobody's."""

    model_config = ConfigDict(extra="allow", frozen=True)

    prompt: str
    model: Annotated[str, _unset(""), Field(max_length=1000)] = ""
    n: Annotated[int, _unset(1), Field(ge=1, le=10)] = 1
    size: Annotated[str, _unset("auto"), Field(max_length=20)] = "auto"
    quality: Annotated[Quality, _unset("auto")] = "auto"
    background: Annotated[Literal["auto", "opaque", "transparent"], _unset("auto")] = "auto"
    output_format: Annotated[OutputFormat, _unset("png")] = "png"
    output_compression: Annotated[int, _unset(100), Field(ge=0, le=100)] = 100
    response_format: Annotated[Literal["url", "b64_json"] | None, _unset(None)] = None
    stream: Annotated[bool, _unset(False)] = False
    partial_images: Annotated[int, _unset(0), Field(ge=0, le=3)] = 0

    @classmethod
    def parse(cls, data: bytes | dict[str, Any]) -> Asked:
        """From JSON, or from the fields of a form. Raises `InvalidRequest`, also for what no
        checkpoint can."""
        try:
            asked = cls.model_validate(data) if isinstance(data, dict) else _from_json(data)
        except ValidationError as error:
            raise refused(error) from None
        if asked.background == "transparent":
            raise InvalidRequest(
                "no checkpoint draws a transparent background. Ask for opaque or auto.",
                "background",
            )
        return asked

    @property
    def is_of_openai(self) -> bool:
        """Whether `model` is one of theirs, as programs send it that know no others."""
        return _FOREIGN.fullmatch(self.model) is not None

    @property
    def wants_url(self) -> bool:
        """DALL·E's answer was an address unless it was asked otherwise."""
        if self.response_format is None:
            return self.model.startswith("dall-e") and not self.stream
        return self.response_format == "url"

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(width, height); None: whatever suits. Raises `InvalidRequest`."""
        if self.size == "auto":
            return None
        match = _SIZE.fullmatch(self.size)
        if match is None:
            raise InvalidRequest(
                f"{shorten(self.size)} is no size. Write pixels as in 1024x768, or auto.", "size"
            )
        return int(match[1]), int(match[2])


def _from_json(body: bytes) -> Asked:
    if not body:
        raise InvalidRequest("The body is missing. Send JSON with prompt.")
    return Asked.model_validate_json(body)

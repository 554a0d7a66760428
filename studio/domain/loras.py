"""LoRAs as a request names them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, model_validator

from studio.domain import lora_text
from studio.domain.errors import shorten
from studio.domain.tasks import Frozen

_MOST_TEXT = 2200
"""A LoRA's longest name with all its characters escaped, and two weights."""


class LoraInput(Frozen):
    """A LoRA by its name in the catalog; may be written as text, "name:0.8" or "name:0.8:0.5", with
    a backslash before each colon of the name that a weight could follow.

    `weight` scales what it adds to the U-Net, `text_encoder_weight` to the text encoders (None:
    the same).
    """

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    weight: float = Field(1.0, ge=-10, le=10, allow_inf_nan=False)
    text_encoder_weight: float | None = Field(None, ge=-10, le=10, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if len(value) > _MOST_TEXT:
            return {"name": value}  # which is refused for its length
        pieces = lora_text.split(value)
        count = min(len(pieces) - 1, 1 + (len(pieces) > 2 and _is_number(pieces[-2])))
        name = ":".join(pieces[: len(pieces) - count])  # a file's name may have colons in it
        weights = pieces[len(pieces) - count :]
        if not name.strip():
            raise ValueError("a LoRA needs a name, as in name:0.8.")
        if wrong := next((weight for weight in weights if not _is_number(weight)), None):
            raise ValueError(f"{shorten(wrong)} is not a weight. Write a number, as in name:0.8.")
        if "" in weights:
            raise ValueError(f"after {shorten(name + ':')} a weight is missing, as in name:0.8.")
        return dict(zip(("name", "weight", "text_encoder_weight"), (name, *weights), strict=False))


def _is_number(text: str) -> bool:
    return (
        re.fullmatch(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?\s*", text, re.IGNORECASE) is not None
    )

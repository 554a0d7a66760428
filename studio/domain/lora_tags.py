"""LoRAs as other studios write them into prompts: <lora:name:0.8>."""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.domain import lora_text

_TAG = re.compile(r"<(\w{1,20}):((?:\\[\\:<>]|[^<>\n\\]|\\(?![\\:<>])){1,2200}+)>")
LORA_KINDS = ("lora", "lyco")
"""Two names of one thing."""
_KINDS = (*LORA_KINDS, "hypernet")
_NAMES = {"te": 0, "unet": 1, "dyn": 2}
"""Of weights that are written with their names, and where they stand without."""


@dataclass(frozen=True)
class Tag:
    """`weights`: for the text encoders and for the U-Net, each None where it is not said; `rest`
    is what of the tag is not understood, `text` the tag itself, which begins at `start`."""

    kind: str
    name: str
    weights: tuple[float | None, float | None]
    rest: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def text_encoder_weight(self) -> float:
        """1 where nothing is said."""
        weight, _ = self.weights
        return 1.0 if weight is None else weight

    @property
    def unet_weight(self) -> float:
        """That of the text encoders where nothing is said."""
        _, weight = self.weights
        return self.text_encoder_weight if weight is None else weight


def find(prompt: str) -> list[Tag]:
    """Those in `prompt`, in their order."""
    return [_tag(match) for match in _TAG.finditer(prompt) if match[1] in _KINDS]


def cut(prompt: str) -> tuple[str, list[Tag]]:
    """(`prompt` without its tags, and without blanks at its ends if it had any; the tags)."""
    tags = find(prompt)
    if not tags:
        return prompt, tags
    edges = [0, *(edge for tag in tags for edge in (tag.start, tag.end)), len(prompt)]
    kept = zip(edges[::2], edges[1::2], strict=True)
    return "".join(prompt[begin:end] for begin, end in kept).strip(), tags


def _tag(match: re.Match[str]) -> Tag:
    name, *pieces = lora_text.split(match[2])
    numbers: list[float | None] = [None, None, None]
    rest = []
    for place, piece in enumerate(pieces):
        key, sign, value = piece.partition("=")
        number = _number(value if sign else piece)
        place = _NAMES.get(key.strip(), 3) if sign else place
        if number is None or place > 1:
            rest.append(piece)
        else:
            numbers[place] = number
    return Tag(match[1], name, (numbers[0], numbers[1]), ":".join(rest), match[0], match.start())


def _number(text: str) -> float | None:
    if re.fullmatch(r"\s*[-+]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[-+]?\d{1,3})?\s*", text, re.I):
        return float(text)
    return None

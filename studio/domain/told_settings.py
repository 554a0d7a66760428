"""What a picture's file says of how it was made -> the request that comes nearest, and what of it
was understood. The file comes from anybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.domain import infotext_reader, lora_text
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.request import GenerationRequest

OURS, AUTOMATIC1111, NONE = "studio", "automatic1111", "none"


@dataclass(frozen=True)
class Ignored:
    """What stands in the file and was not taken over, and why."""

    name: str
    value: str
    why: str


@dataclass(frozen=True)
class Told:
    """`source`: who wrote it: studio, automatic1111 (and those who write as it does), none;
    `request`: None where that is none; `understood`: names as they stand in the file, of our own
    those of the request."""

    source: str
    request: GenerationRequest | None
    understood: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    @property
    def seed(self) -> int:
        """Of the picture; 0 where its file does not tell."""
        if self.request is None:
            return 0
        return max(0, self.request.seed + (self.request.batch_place or 0))


def read(texts: Mapping[str, str]) -> Told:
    """`texts`: keyword -> text, as `imaging.texts` gives them."""
    ignored: tuple[Ignored, ...] = ()
    if "studio" in texts:
        try:
            request = GenerationRequest.parse(texts["studio"])
            return Told(OURS, request, tuple(sorted(request.model_fields_set)))
        except InvalidRequest as error:  # of another version, or damaged
            ignored = (Ignored("studio", shorten(texts["studio"], 80), str(error)[:300]),)
    infotext = infotext_reader.read(texts.get("parameters", ""))
    if not infotext.settings:
        return Told(NONE, None, (), ignored)
    return _of_infotext(infotext, ignored)


def _of_infotext(infotext: infotext_reader.Infotext, ignored: tuple[Ignored, ...]) -> Told:
    settings = dict(infotext.settings)
    prompt, loras = _without_loras(infotext.prompt)
    fields: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": infotext.negative_prompt,
        "loras": loras,
    }
    names = {"prompt": "Prompt", "negative_prompt": "Negative prompt", "loras": "LoRAs"}
    for label, field in _FIELDS.items():
        if label in settings:
            fields[field], names[field] = settings.pop(label), label
    size = re.fullmatch(r"(\d{1,6})\s*x\s*(\d{1,6})", settings.get("Size", ""))
    if size:
        settings.pop("Size")
        fields |= {"width": size[1], "height": size[2]}
        names |= {"width": "Size", "height": "Size"}
    fields = {name: value for name, value in fields.items() if value not in ("", [])}
    left_out = list(ignored)
    for field, value in list(fields.items()):
        try:
            GenerationRequest.parse({field: value})
        except InvalidRequest as error:
            left_out.append(Ignored(names[field], shorten(fields.pop(field), 80), error.message))
    understood = tuple(dict.fromkeys(names[field] for field in fields))
    left_out += [
        Ignored(name, shorten(value, 80), "nothing here stands for it.")
        for name, value in settings.items()
    ]
    request = GenerationRequest.parse(fields) if fields else None
    return Told(AUTOMATIC1111, request, understood, tuple(left_out))


_FIELDS = {
    "Steps": "steps",
    "Sampler": "scheduler",
    "Schedule type": "noise_schedule",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
    "Model": "checkpoint",
    "Clip skip": "clip_skip",
}
_LORA = re.compile(r"\s*<lora:((?:\\.|[^<>\\]){1,1200})>")


def _without_loras(prompt: str) -> tuple[str, list[str]]:
    """The prompt, and the LoRAs that stood in it, as `LoraInput` reads them."""
    loras = []
    for match in _LORA.finditer(prompt):
        name, *weights = lora_text.split(match[1])
        # There the text encoders' weight comes first, here the U-Net's.
        loras.append(":".join((lora_text.escaped(name), *reversed(weights[:2]))))
    return _LORA.sub("", prompt).strip(), loras

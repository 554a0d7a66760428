"""LoRAs into a draft, if they are here."""

from __future__ import annotations

from collections.abc import Mapping

from studio.domain import lora_tags
from studio.reading import json_text
from studio.reading.draft import Draft, as_number

Hashes = Mapping[tuple[str, str], str]
"""(Kind, name) -> digits of the sha256."""


def read_tag(tag: lora_tags.Tag, hashes: Hashes, draft: Draft, into: str = "") -> None:
    """Add the LoRA of a tag, if it is here, to those of the request, or of the record `into`, as
    "detailers.0."."""
    if tag.kind == "hypernet":
        return draft.ignore("Prompt", tag.text, "There are no hypernetworks here.")
    if tag.rest:
        draft.ignore("Prompt", tag.text, "Of a LoRA only its two weights are known here.")
    text, unet = tag.weights
    weights = text if unet is None else unet, text
    return add_lora(draft, tag.name, hashes, *weights, into=into)


def add_lora(
    draft: Draft,
    said: str,
    hashes: Hashes,
    weight: float | None = None,
    on_text: float | None = None,
    *,
    into: str = "",
) -> None:
    """Add the LoRA that is called `said` there, if it is here; weights out of range are brought
    into it, and without any it is 1."""
    name = draft.model(f"LoRA {said}", "lora", said, hashes.get(("lora", said)))
    if name is None:
        return
    weight = 1.0 if weight is None else weight
    asked = [float(weight), float(weight if on_text is None else on_text)]
    taken = [min(max(value, -10.0), 10.0) for value in asked]
    if taken != asked:
        why = f"A weight is from -10 to 10 here; {taken[0]:g} was taken."
        draft.ignore(f"LoRA {said}", f"{weight:g}", why)
    else:
        draft.understood.append(f"LoRA {said}")
    lora = {"name": name, "weight": taken[0]}
    if taken[0] != taken[1]:
        lora["text_encoder_weight"] = taken[1]
    loras = draft.record_of(f"{into}loras").setdefault("loras", [])
    draft.labels[f"{into}loras.{len(loras)}"] = f"LoRA {said}"
    loras.append(lora)


def exact_loras(text: str, hashes: Hashes, draft: Draft, into: str = "") -> None:
    """Add those of a JSON list of lists of a name and weights."""
    listed = json_text.loads(text)
    for lora in listed if isinstance(listed, list) else ():
        if isinstance(lora, list) and lora and isinstance(lora[0], str):
            name, *weights = lora
            add_lora(draft, name, hashes, *map(as_number, weights[:2]), into=into)

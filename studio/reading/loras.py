"""LoRAs into a draft, if they are here."""

from __future__ import annotations

from collections.abc import Mapping

from studio.domain import lora_tags
from studio.reading.draft import Draft

Hashes = Mapping[tuple[str, str], str]
"""(Kind, name) -> digits of the sha256."""


def read_tag(tag: lora_tags.Tag, hashes: Hashes, draft: Draft) -> None:
    """Add the LoRA of a tag, if it is here."""
    if tag.kind == "hypernet":
        return draft.ignore("Prompt", tag.text, "There are no hypernetworks here.")
    if tag.rest:
        draft.ignore("Prompt", tag.text, "Of a LoRA only its two weights are known here.")
    text, unet = tag.weights
    return add_lora(draft, tag.name, hashes, text if unet is None else unet, text)


def add_lora(
    draft: Draft,
    said: str,
    hashes: Hashes,
    weight: float | None = None,
    on_text: float | None = None,
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
    loras = draft.request.setdefault("loras", [])
    draft.labels[f"loras.{len(loras)}"] = f"LoRA {said}"
    loras.append(lora)

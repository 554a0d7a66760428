"""Fooocus: its own scheme, JSON, and the one in which it writes infotext."""

from __future__ import annotations

import re
from typing import Any

from studio.domain import infotext_reader
from studio.domain.infotext_reader import Infotext
from studio.reading import automatic1111, json_text
from studio.reading.draft import Draft, as_number
from studio.reading.loras import add_lora
from studio.reading.record import Texts

_EARLIER = {
    "Prompt": "prompt",
    "Negative Prompt": "negative_prompt",
    "Fooocus V2 Expansion": "prompt_expansion",
    "Styles": "styles",
    "Performance": "performance",
    "Steps": "steps",
    "Resolution": "resolution",
    "Guidance Scale": "guidance_scale",
    "Sharpness": "sharpness",
    "ADM Guidance": "adm_guidance",
    "Base Model": "base_model",
    "Refiner Model": "refiner_model",
    "Refiner Switch": "refiner_switch",
    "CLIP Skip": "clip_skip",
    "Sampler": "sampler",
    "Scheduler": "scheduler",
    "VAE": "vae",
    "Seed": "seed",
    "Version": "version",
}
"""What its log called the fields."""
_NUMBERS = {"steps": "steps", "guidance_scale": "guidance_scale", "clip_skip": "clip_skip"}
_NO_SETTINGS = {
    *("version", "metadata_scheme", "created_by", "full_prompt", "full_negative_prompt"),
    *("refiner_model_hash", "base_model_hash", "refiner_model", "image_number", "prompt_expansion"),
}
_WHY = {
    "styles": "Its styles are not here: their words are not in the prompt.",
    "performance": "The steps were taken; a LoRA for few steps is not among those named.",
}
_OWN = "This is Fooocus's own: nothing here stands for it."
_OF_INFOTEXT = {"Scheduler": "Schedule type", "Refiner Switch": "Refiner switch at"}
_NONE = ("None", "", "Default (model)")

Said = dict[str, Any]


def found(texts: Texts) -> Said | Infotext | None:
    for name in ("parameters", "UserComment", "text"):
        record = json_text.record(texts.get(name)) or {}
        said = {_EARLIER.get(key, key): value for key, value in record.items()}
        if {"base_model", "sampler", "seed"} <= said.keys():
            return said
    infotext = automatic1111.found(texts)
    version = infotext.settings.get("Version", "") if infotext else ""
    return infotext if version.startswith("Fooocus") else None


def read(said: Said | Infotext, draft: Draft) -> str:
    if isinstance(said, Infotext):
        _read_infotext(said, draft)
    else:
        _read_record(said, draft)
    return "fooocus"


def _read_infotext(infotext: Infotext, draft: Draft) -> None:
    left = {_OF_INFOTEXT.get(name, name): value for name, value in infotext.settings.items()}
    hashes = infotext_reader.hashes(left.pop("Lora hashes", ""))
    weights = infotext_reader.hashes(left.pop("Lora weights", ""))
    raw, negative = left.pop("Raw prompt", None), left.pop("Raw negative prompt", None)
    prompts = raw or infotext.prompt, negative or infotext.negative_prompt
    automatic1111.read_into(Infotext(*prompts, left), left, draft)
    for name, weight in weights.items():
        digits = {("lora", name): hashes.get(name, "")}
        add_lora(draft, name, digits, as_number(weight))


def _read_record(said: Said, draft: Draft) -> None:
    left = dict(said)
    for name in ("prompt", "negative_prompt"):
        if left.get(name) or name == "prompt":
            draft.text(name, left.get(name, ""), name)
        left.pop(name, None)
    for name in [name for name in _NUMBERS if name in left]:
        draft.number(name, left.pop(name), _NUMBERS[name])
    draft.seed("seed", left.pop("seed"))
    if "resolution" in left:
        sides = re.findall(r"\d{1,6}", str(left.pop("resolution"))[:60])
        draft.size("resolution", *(sides if len(sides) == 2 else ("", "")))
    draft.sampler("sampler", left.pop("sampler"), left.pop("scheduler", None), of="scheduler")
    _models(said, left, draft)
    _loras(left, draft)
    for name, value in left.items():
        if name not in _NO_SETTINGS and value not in ("[]", "", None, False, []):
            draft.ignore(name, value, _WHY.get(name, _OWN))


def _models(said: Said, left: Said, draft: Draft) -> None:
    name = draft.model(
        "base_model", "checkpoint", left.pop("base_model"), said.get("base_model_hash")
    )
    if name is not None:
        draft.put("checkpoint", name, "base_model")
    vae = left.pop("vae", "")
    if vae not in _NONE and (own := draft.model("vae", "vae", vae)):
        draft.put("vae", own, "vae")
    refiner, switch = said.get("refiner_model", ""), left.pop("refiner_switch", None)
    if refiner not in _NONE:
        digits = said.get("refiner_model_hash")
        if own := draft.model("refiner_model", "checkpoint", refiner, digits):
            draft.put("refiner.checkpoint", own, "refiner_model")
            draft.number("refiner_switch", switch, "refiner.switch_at")


def _loras(left: Said, draft: Draft) -> None:
    """A list of name, weight and hash; in earlier files one text for each."""
    listed = left.pop("loras", None)
    texts = [left.pop(key) for key in list(left) if re.fullmatch(r"(lora_combined_|LoRA )\d+", key)]
    if isinstance(listed, list) and listed:
        for lora in listed[:100]:
            if isinstance(lora, list) and len(lora) >= 2 and isinstance(lora[0], str):
                digits = {("lora", lora[0]): str(lora[2]) if len(lora) > 2 else ""}
                add_lora(draft, lora[0], digits, as_number(lora[1]))
        return
    for text in texts:
        pieces = [piece.strip() for piece in str(text)[:2000].split(" : ")]
        if pieces[0] == "False" or len(pieces) < 2:
            continue
        name, weight = pieces[-2:]
        if name not in _NONE:
            add_lora(draft, name, {}, as_number(weight))

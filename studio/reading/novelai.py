"""NovelAI: chunks of a PNG, of which `Comment` is JSON; its weights as they are written here."""

from __future__ import annotations

import re
from typing import Any

from studio.reading import json_text
from studio.reading.draft import Draft, as_number
from studio.reading.record import Texts

_NUMBERS = {"steps": "steps", "scale": "guidance_scale", "cfg_rescale": "guidance_rescale"}
_SCHEDULES = {"native": "normal"}
_SAMPLERS = {"ddim_v3": "ddim", "nai_smea": "k_euler", "nai_smea_dyn": "k_euler"}
_NEUTRAL = (None, False, 0, 1, "", [], {})
_NO_SETTINGS = {
    *("n_samples", "hide_debug_overlay", "request_type", "signed_hash", "prompt", "uc", "version"),
    *("v4_prompt", "v4_negative_prompt", "legacy", "legacy_v3_extend", "add_original_image"),
}
_STEP = 1.05
_NUMBERED = re.compile(r"(-?\d{1,3}(?:\.\d{1,4})?)::(.*?)(?:::|$)", re.DOTALL)


def found(texts: Texts) -> tuple[str, dict[str, Any]] | None:
    """(What drew it, its settings)."""
    comment = json_text.record(texts.get("Comment") or texts.get("comment"))
    source = texts.get("Source", "")
    is_theirs = texts.get("Software") == "NovelAI" or source.startswith("NovelAI")
    return (source or "NovelAI", comment) if is_theirs and comment else None


def read(said: tuple[str, dict[str, Any]], draft: Draft) -> str:
    model, fields = said
    left = dict(fields)
    prompt, negative = left.get("prompt"), left.get("uc")
    for name, words, field in (
        ("prompt", _captions(left.get("v4_prompt"), draft) or prompt, "prompt"),
        ("uc", _captions(left.get("v4_negative_prompt"), draft) or negative, "negative_prompt"),
    ):
        if words or field == "prompt":
            draft.text(name, _weighted(words) if isinstance(words, str) else words, field)
    for name in [name for name in _NUMBERS if name in left]:
        draft.number(name, left.pop(name), _NUMBERS[name])
    draft.seed("seed", left.pop("seed", None))
    draft.size("size", left.pop("width", None), left.pop("height", None))
    sampler, schedule = left.pop("sampler", None), left.pop("noise_schedule", None)
    draft.sampler(
        "sampler",
        _SAMPLERS.get(sampler, sampler) if isinstance(sampler, str) else None,
        _SCHEDULES.get(schedule, schedule) if isinstance(schedule, str) else None,
        of="noise_schedule",
    )
    why = "NovelAI's models are not given away: the checkpoint that is chosen draws instead."
    draft.lacks("checkpoint", model, None, why)
    strength = as_number(left.pop("strength", None))
    if "Img2Img" in str(left.get("request_type", "")) and strength is not None:
        draft.task["kind"] = "image_to_image"
        draft.number("strength", strength, "task.strength", "image_to_image")
    for name, value in left.items():
        is_neutral = value is not True and value in _NEUTRAL
        if name not in _NO_SETTINGS and not is_neutral:
            draft.ignore(name, value, "This is NovelAI's own: nothing here stands for it.")
    return "novelai"


def _captions(said: Any, draft: Draft) -> str:
    """The prompt of later models: one for all, and one for each person, which are joined."""
    caption = said.get("caption") if isinstance(said, dict) else None
    if not isinstance(caption, dict) or not isinstance(caption.get("base_caption"), str):
        return ""
    listed = caption.get("char_captions")
    people = [
        one["char_caption"]
        for one in (listed if isinstance(listed, list) else ())[:32]
        if isinstance(one, dict) and isinstance(one.get("char_caption"), str)
    ]
    if any(people):
        why = "People have no places of their own here: what is said of them was joined."
        draft.ignore("char_captions", ", ".join(people), why)
    return ", ".join(filter(None, [caption["base_caption"], *people]))


def _weighted(words: str) -> str:
    """{x} is ×1.05 there, [x] ÷1.05, and 1.5::x:: ×1.5; round brackets are only text."""
    words = re.sub(r"(?<!\\)([()])", r"\\\1", words)
    words = _NUMBERED.sub(lambda match: f"({match[2]}:{match[1]})" if match[2] else "", words)
    pieces, depth = [], 0
    for piece in re.split(r"([{}\[\]])", words):
        if piece in ("{", "]"):
            depth += 1
        elif piece in ("}", "["):
            depth -= 1
        elif piece.strip() and depth:
            inner = piece.strip()
            before, after = piece.partition(inner)[::2]
            pieces.append(
                f"{before}({inner}:{round(_STEP ** max(-60, min(depth, 60)), 3):g}){after}"
            )
        else:
            pieces.append(piece)
    return "".join(pieces)

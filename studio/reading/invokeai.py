"""InvokeAI: the chunk `invokeai_metadata`, and `sd-metadata` of its early versions."""

from __future__ import annotations

import re
from typing import Any

from studio.domain.schedulers import SCHEDULERS
from studio.reading import json_text
from studio.reading.draft import Draft, as_number
from studio.reading.loras import add_lora
from studio.reading.record import Texts

_NUMBERS = {
    "steps": "steps",
    "cfg_scale": "guidance_scale",
    "cfg_rescale_multiplier": "guidance_rescale",
}
_MODES = {
    "balanced": "balanced",
    "more_prompt": "prompt",
    "more_control": "control",
    "unbalanced": "control",
}
_RESIZE_MODES = {
    "just_resize": "just_resize",
    "crop_resize": "crop_and_resize",
    "fill_resize": "resize_and_fill",
}
_NO_SETTINGS = {
    *("app_version", "generation_mode", "_canvas_objects", "canvas_v2_metadata", "board_id"),
    *("created_by", "metadata_version", "positive_style_prompt", "negative_style_prompt"),
}
_CALLS = re.compile(r"\)(\.(?:blend|and|swap)\()")
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")


def found(texts: Texts) -> dict[str, Any] | None:
    record = json_text.record(texts.get("invokeai_metadata"))
    if record:
        return record
    early = json_text.record(texts.get("sd-metadata")) or {}
    if isinstance(early.get("image"), dict):
        return _as_later(early)
    plain = json_text.record(texts.get("text", "")) or {}
    return plain if {"positive_prompt", "generation_mode"} <= plain.keys() else None


def _as_later(early: dict[str, Any]) -> dict[str, Any]:
    """The names of today; the negative prompt stood in brackets."""
    image = dict(early["image"])
    prompt = image.pop("prompt", "")
    if isinstance(prompt, list):
        prompt = ", ".join(str(one.get("prompt", "")) for one in prompt if isinstance(one, dict))
    words = prompt if isinstance(prompt, str) else ""
    known = ("steps", "cfg_scale", "seed", "width", "height", "strength")
    return {
        "positive_prompt": _NEGATIVE.sub("", words).strip(),
        "negative_prompt": ", ".join(_NEGATIVE.findall(words)),
        "scheduler": image.get("sampler"),
        "model": {"name": early.get("model_weights"), "hash": f"sha256:{early.get('model_hash')}"},
        "generation_mode": str(image.get("type", "txt2img")),
    } | {name: image[name] for name in known if name in image}


def read(said: dict[str, Any], draft: Draft) -> str:
    nothing = (None, "", [], {})
    left = {k: v for k, v in said.items() if v is not False and v not in nothing}
    _prompts(left, draft)
    for name in [name for name in _NUMBERS if name in left]:
        draft.number(name, left.pop(name), _NUMBERS[name])
    if "seed" in left:
        draft.seed("seed", left.pop("seed"))
    if "width" in left and "height" in left:
        draft.size("size", left.pop("width"), left.pop("height"))
    if "clip_skip" in left:
        skipped = as_number(left.pop("clip_skip"))
        draft.number("clip_skip", None if skipped is None else skipped + 1, "clip_skip")
    if seamless := [axis for axis in "xy" if left.pop(f"seamless_{axis}", None)]:
        draft.put("tiling", "both" if len(seamless) == 2 else seamless[0], "seamless")
    if "scheduler" in left:
        _scheduler(left.pop("scheduler"), draft)
    for field, kind in (("model", "checkpoint"), ("vae", "vae")):
        if field in left and (name := draft.model(field, kind, *_model(left.pop(field)))):
            draft.put(kind, name, field)
    for lora in _records(left.pop("loras", ())):
        name, digits = _model(lora.get("model", lora.get("lora")))
        add_lora(draft, name, {("lora", name): digits}, as_number(lora.get("weight")))
    _refiner(left, draft)
    _task(left, draft)
    for unit in _records(left.pop("controlnets", ())):
        _unit(unit, draft)
    if left.get("rand_device") == "cpu":
        del left["rand_device"]
    for name, value in left.items():
        if name not in _NO_SETTINGS:
            draft.ignore(name, value, "There is no such setting here.")
    return "invokeai"


def _prompts(left: dict[str, Any], draft: Draft) -> None:
    """Weights are written in another way there."""
    draft.dialect("invokeai")
    for name, field in (("positive_prompt", "prompt"), ("negative_prompt", "negative_prompt")):
        words = left.pop(name, "")
        if words or field == "prompt":
            draft.text(name, words, field)
        for call in _CALLS.findall(words if isinstance(words, str) else ""):
            draft.ignore(name, call, "Prompts are not put together so here: it is read as letters.")
        style = left.get(name.replace("prompt", "style_prompt"))
        if style and style != words:
            why = "Both text encoders read the same prompt here."
            draft.ignore(name.replace("prompt", "style_prompt"), style, why)


def _scheduler(name: Any, draft: Draft) -> None:
    """A sampler without a schedule in its name follows none of Karras's there."""
    draft.sampler("scheduler", name)
    if "scheduler" in draft.request and "noise_schedule" not in draft.request:
        spec = SCHEDULERS[draft.request["scheduler"]]
        if spec.automatic != "normal" and "normal" in spec.noise_schedules:
            draft.request["noise_schedule"] = "normal"


def _model(said: Any) -> tuple[str, str | None]:
    """(Name, digits of its sha256, if told)."""
    if isinstance(said, str):
        return said, None
    if not isinstance(said, dict):
        return "", None
    name = said.get("name", said.get("model_name", ""))
    kind, _, digits = str(said.get("hash", "")).partition(":")
    return (name if isinstance(name, str) else ""), (digits if kind == "sha256" else None)


def _records(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _refiner(left: dict[str, Any], draft: Draft) -> None:
    if "refiner_model" in left:
        name = draft.model("refiner_model", "checkpoint", *_model(left.pop("refiner_model")))
        start = left.pop("refiner_start", None)
        if name is not None:
            draft.put("refiner.checkpoint", name, "refiner_model")
            if start is not None:
                draft.number("refiner_start", start, "refiner.switch_at")


def _task(left: dict[str, Any], draft: Draft) -> None:
    mode = str(left.get("generation_mode", ""))
    strength, image = left.pop("strength", None), left.pop("init_image", None)
    if "inpaint" in mode or "img2img" in mode:
        kind = "inpaint" if "inpaint" in mode else "image_to_image"
        draft.task["kind"] = kind
        if isinstance(image, str):
            draft.names["image"] = image
        if strength is not None:
            draft.number("strength", strength, "task.strength", kind)
    elif "outpaint" in mode:
        why = "How far the picture was widened is not in the file."
        draft.ignore("generation_mode", mode, why)


def _unit(said: dict[str, Any], draft: Draft) -> None:
    model = draft.model("controlnets", "controlnet", *_model(said.get("control_model")))
    if model is None:
        return
    unit: dict[str, Any] = {"controlnet": model}
    for name, of, most in (
        ("control_weight", "scale", 2),
        ("begin_step_percent", "start", 1),
        ("end_step_percent", "end", 1),
    ):
        number = as_number(said.get(name))
        if number is not None and 0 <= number <= most:
            unit[of] = float(number)
    for name, of, names in (
        ("control_mode", "mode", _MODES),
        ("resize_mode", "resize_mode", _RESIZE_MODES),
    ):
        if own := names.get(str(said.get(name))):
            unit[of] = own
    if unit.get("scale") != 0 and unit.get("start", 0.0) < unit.get("end", 1.0):
        draft.unit(unit, "controlnets")

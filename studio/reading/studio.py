"""Our own: the request inside our pictures, which makes the same bytes again, or as a file."""

from __future__ import annotations

from typing import Any

from studio.domain.request import GenerationRequest
from studio.domain.tasks import TASKS
from studio.reading import json_text
from studio.reading.draft import Draft
from studio.reading.record import Texts

_KINDS = {"checkpoint": "checkpoint", "vae": "vae"}


def found(texts: Texts) -> dict[str, Any] | None:
    """The request of the chunk `studio`, or of a text that is one: it has fields of ours alone."""
    if "studio" in texts:
        return json_text.record(texts["studio"])
    record = json_text.record(texts.get("text", ""))
    ours = GenerationRequest.model_fields.keys()
    return record if record and record.keys() <= ours else None


def read(fields: dict[str, Any], draft: Draft) -> str:
    """Everything that is still a field of a request; its models and pictures if they are here."""
    fields = dict(fields)
    task = fields.pop("task", None)
    units, loras = fields.pop("controls", None), fields.pop("loras", None)
    for name, kind in _KINDS.items():
        if fields.get(name) is not None:
            own = draft.model(name, kind, fields.pop(name))
            if own is not None:
                draft.put(name, own, name)
    _further(fields, draft)
    for name, value in fields.items():
        if name not in GenerationRequest.model_fields:
            draft.ignore(name, value, "A request has no such field here.")
        elif name in ("prompt", "negative_prompt") and value is not None:
            draft.text(name, value, name)
        elif value is not None:
            draft.put(name, value, name)
    for lora in loras if isinstance(loras, list) else ():
        _lora(lora, draft)
    _task(task, draft)
    for unit in units if isinstance(units, list) else ():
        _unit(unit, draft)
    return "studio"


def _further(fields: dict[str, Any], draft: Draft) -> None:
    """The checkpoints of the drawings that follow."""
    for part in ("hires", "refiner"):
        record = fields.get(part)
        if not isinstance(record, dict):
            continue
        record = {name: value for name, value in record.items() if value is not None}
        if "checkpoint" in record:
            own = draft.model(f"{part}.checkpoint", "checkpoint", record.pop("checkpoint"))
            if own is not None:
                record["checkpoint"] = own
        fields[part] = record if part == "hires" or "checkpoint" in record else None


def _lora(lora: Any, draft: Draft) -> None:
    if not isinstance(lora, dict) or not isinstance(lora.get("name"), str):
        return draft.ignore("loras", lora, "It is no LoRA.")
    own = draft.model(f"LoRA {lora['name']}", "lora", lora["name"])
    if own is None:
        return None
    told = {name: value for name, value in lora.items() if value is not None}
    loras = draft.request.setdefault("loras", [])
    draft.labels[f"loras.{len(loras)}"] = f"LoRA {own}"
    draft.understood.append("loras")
    return loras.append(told | {"name": own})


def _task(task: Any, draft: Draft) -> None:
    kind = task.get("kind") if isinstance(task, dict) else None
    if not isinstance(kind, str) or kind not in TASKS:
        if task is not None:
            draft.ignore("task", task, "There is no such task here.")
        return
    draft.understood.append("task")
    draft.task = {name: value for name, value in task.items() if value is not None}
    for name in ("image", "mask", "sketch"):
        if name in draft.task and not _is_here(draft.task[name], draft):
            source = draft.task.pop(name)
            draft.names[name] = str(source)
    if kind == "text_to_image":
        draft.task = {}


def _unit(unit: Any, draft: Draft) -> None:
    if not isinstance(unit, dict) or not isinstance(unit.get("controlnet"), str):
        return draft.ignore("controls", unit, "It is no ControlNet unit.")
    own = draft.model("controls", "controlnet", unit["controlnet"])
    if own is None:
        return None
    told = {name: value for name, value in unit.items() if value is not None}
    for name in ("image", "mask"):
        if name in told and not _is_here(told[name], draft):
            why = "This picture of a ControlNet unit is not here any more. Choose it again."
            draft.lacks("image", told.pop(name), None, why)
    return draft.unit(told | {"controlnet": own}, "controls")


def _is_here(source: Any, draft: Draft) -> bool:
    kind, _, id = source.partition(":") if isinstance(source, str) else ("", "", "")
    return kind == "data" or (kind == "input" and draft.has_input(id))

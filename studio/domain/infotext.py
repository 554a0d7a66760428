"""A request as the text that AUTOMATIC1111 writes into its pictures, so that every tool of the
field can read ours. Foreign names (CFG scale, Sampler, …) live here and nowhere deeper."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from studio.domain import detail_labels, infotext_reader, lora_tags, lora_text
from studio.domain.control import CONTROL_MODES, ControlInput
from studio.domain.loras import LoraInput
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.preprocessors import find
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.domain.request import GenerationRequest, declaration
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seeds import Seeds
from studio.domain.stages import RefinerInput
from studio.domain.tasks import (
    AREAS,
    MASKED_CONTENTS,
    RESIZE_MODES,
    Details,
    ImageToImage,
    Inpaint,
    Outpaint,
    Task,
    TextToImage,
    Upscale,
)
from studio.version import __version__

Hashes = Mapping[tuple[str, str], str]
"""(kind of model, its name) -> the first ten digits of its file's sha256, where it is known."""


def write(request: GenerationRequest, place: int, hashes: Hashes | None = None) -> str:
    """The infotext of the picture at `place` of the batch. `request` is settled.

    Of the models in use only those stand in it with a hash that `hashes` has; embeddings are
    named there alone, as the prompt has them anyway.
    """
    hashes = hashes or {}
    schedule = SCHEDULERS[request.scheduler].noise_schedule(request.noise_schedule)
    settings = {
        "Steps": request.steps,
        "Sampler": request.scheduler,
        "Schedule type": NOISE_SCHEDULES[schedule],
        "CFG scale": _number(request.guidance_scale),
        "Seed": request.seed_at(place),
        "Size": f"{request.width}x{request.height}",
        **_batch(request, place),
        "Model hash": hashes.get(("checkpoint", request.checkpoint)),
        "Model": request.checkpoint,
        "VAE hash": hashes.get(("vae", request.vae)),
        "VAE": request.vae,
        **_variation(request, place),
        "Denoising strength": _strength(request),
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        "Emphasis": None if request.emphasis == "original" else EMPHASES[request.emphasis],
        "Prompt dialect": _dialect(request),
        **_noise_settings(request),
        **_declared_settings(request),
        "Init image hash": _input_id(request.task, "image"),
        "Sketch hash": _input_id(request.task, "sketch"),
        "RNG": "CPU",
        "Tiling": _TILINGS[request.tiling],
        **_task_settings(request.task),
        **_hires(request, hashes),
        **_refiner(request.refiner, hashes),
        **_detailers(request),
        "Lora hashes": _listed({n: h for n, h in hashes.items() if n in _loras(request)}),
        "TI hashes": _listed({n: h for n, h in hashes.items() if n[0] == "embedding"}),
        **_units(request, hashes),
        **_exact_prompts(request),
        "Styles": _styles(request),
        "Template": request.prompt_template,
        "Negative Template": request.negative_prompt_template,
        "Version": f"Latent Studio {__version__}",
    }
    if not request.draws:
        kept = {name: settings[name] for name in ("Init image hash", "Version")}
        settings = _upscale_settings(request.task) | kept
    lines = _prompt_lines(request)
    lines.append(", ".join(f"{k}: {_quoted(k, v)}" for k, v in settings.items() if v is not None))
    return "\n".join(lines)


_TILINGS = {"none": None, "x": "x", "y": "y", "both": True}
"""AUTOMATIC1111 knows both ways or none."""


def _dialect(request: GenerationRequest) -> str | None:
    return None if request.prompt_dialect == "a1111" else DIALECTS[request.prompt_dialect]


def _prompt_lines(request: GenerationRequest) -> list[str]:
    prompt = " ".join(filter(None, (request.prompt, *map(_tag, request.loras))))
    lines = [prompt] if prompt else []
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    return lines


def _exact_prompts(request: GenerationRequest) -> dict[str, str]:
    """Those of the prompts and LoRAs once more that the lines do not give back, as for blanks at
    their ends."""
    read = infotext_reader.read("\n".join([*_prompt_lines(request), "Aa: 1, Bb: 2, Cc: 3"]))
    prompt, tags = lora_tags.cut(read.prompt)
    exact = {}
    if prompt != request.prompt:
        exact["Exact prompt"] = request.prompt
    if [tag.text for tag in tags] != [_tag(lora) for lora in request.loras]:
        exact["Exact LoRAs"] = json.dumps([_exact(lora) for lora in request.loras])
    if lora_tags.cut(read.negative_prompt) != (request.negative_prompt, []):
        exact["Exact negative prompt"] = request.negative_prompt
    return exact


def _exact(lora: LoraInput) -> list[object]:
    weights = lora.weight, lora.text_encoder_weight
    return [lora.name, *(weight for weight in weights if weight is not None)]


def _batch(request: GenerationRequest, place: int) -> dict[str, int]:
    """A picture drawn with others is not quite the one that its seed alone gives on each device."""
    if request.batch_size == 1:
        return {}
    return {"Batch size": request.batch_size, "Batch pos": place}


def _variation(seeds: Seeds, place: int) -> dict[str, object]:
    settings: dict[str, object] = {}
    if seeds.variation_strength:
        settings["Variation seed"] = seeds.variation_seed_at(place)
        settings["Variation seed strength"] = _number(seeds.variation_strength)
    if size := seeds.seed_resize_from:
        settings["Seed resize from"] = f"{size[0]}x{size[1]}"
    return settings


def _tag(lora: LoraInput) -> str:
    """A LoRA as other studios write it into the prompt."""
    weights = [_number(lora.weight)]
    if lora.text_encoder_weight not in (None, lora.weight):
        weights.insert(0, _number(lora.text_encoder_weight))
    return f"<lora:{lora_text.escaped(lora.name)}:{':'.join(weights)}>"


def _loras(request: GenerationRequest) -> set[tuple[str, str]]:
    return {("lora", lora.name) for lora in request.loras}


def _listed(hashes: Hashes) -> str | None:
    pairs = ((_quoted("", name), digits) for (_, name), digits in hashes.items())
    return ", ".join(f"{name}: {digits}" for name, digits in pairs) or None


def _units(request: GenerationRequest, hashes: Hashes) -> dict[str, str]:
    units = enumerate(request.as_told().controls)
    return {f"ControlNet {number}": _unit(unit, hashes) for number, unit in units}


def _unit(unit: ControlInput, hashes: Hashes) -> str:
    """As the ControlNet extension writes it: what its readers know. The picture is not in it."""
    digits = hashes.get(("controlnet", unit.controlnet))
    settings: dict[str, object] = {
        "Module": unit.preprocessor,
        "Model": f"{unit.controlnet} [{digits}]" if digits else unit.controlnet,
        "Weight": _number(unit.scale),
        "Resize Mode": _CONTROL_RESIZE_MODES[unit.resize_mode],
    }
    if unit.resolution is not None:
        settings["Processor Res"] = unit.resolution
    of_preprocessor = find(unit.preprocessor).settled(unit.settings).values()
    for label, value in zip(("Threshold A", "Threshold B"), of_preprocessor, strict=False):
        settings[label] = _number(value)
    settings |= {
        "Guidance Start": _number(unit.start),
        "Guidance End": _number(unit.end),
        "Pixel Perfect": unit.resolution is None,
        "Control Mode": CONTROL_MODES[unit.mode],
    }
    return ", ".join(f"{name}: {_quoted(name, value)}" for name, value in settings.items())


_CONTROL_RESIZE_MODES = {
    "just_resize": "Just Resize",
    "crop_and_resize": "Crop and Resize",
    "resize_and_fill": "Resize and Fill",
}


def _strength(request: GenerationRequest) -> str | None:
    if request.hires:
        return _number(request.hires.strength)
    if isinstance(request.task, (TextToImage, Details)):
        return None
    return _number(request.task.strength)


def _hires(request: GenerationRequest, hashes: Hashes) -> dict[str, object]:
    """As AUTOMATIC1111 and Forge write it; what is as in the first drawing is not in it."""
    hires = request.hires
    if hires is None:
        return {}
    size: dict[str, object] = {"Hires upscale": _number(hires.factor)}
    if hires.width or hires.height:
        size = {"Hires resize": f"{hires.width or 0}x{hires.height or 0}"}
    changes = hires.changes()
    if hires.scheduler and hires.noise_schedule is None and request.noise_schedule == "automatic":
        changes["noise_schedule"] = SCHEDULERS[hires.scheduler].automatic  # not as the first one's
    if "noise_schedule" in changes:
        changes["noise_schedule"] = NOISE_SCHEDULES[changes["noise_schedule"]]
    for name, labels in (("emphasis", EMPHASES), ("prompt_dialect", DIALECTS)):
        if name in changes:
            changes[name] = labels[changes[name]]
    if "checkpoint" in changes:
        changes["checkpoint"] = _with_hash(hires.checkpoint, hashes)
    labelled = {
        _HIRES_LABELS[name]: _number(value) if isinstance(value, float) else value
        for name, value in changes.items()
    }
    return size | {"Hires upscaler": hires.upscaler} | labelled


_HIRES_LABELS = {
    "steps": "Hires steps",
    "scheduler": "Hires sampler",
    "noise_schedule": "Hires schedule type",
    "checkpoint": "Hires checkpoint",
    "prompt": "Hires prompt",
    "negative_prompt": "Hires negative prompt",
    "guidance_scale": "Hires CFG Scale",
    "guidance_rescale": "Hires CFG Rescale",
    "approximate": "Hires approximate",
    "clip_skip": "Hires clip skip",
    "emphasis": "Hires emphasis",
    "prompt_dialect": "Hires prompt dialect",
    "eta": "Hires eta",
    "s_churn": "Hires sigma churn",
    "s_tmin": "Hires sigma tmin",
    "s_tmax": "Hires sigma tmax",
    "s_noise": "Hires sigma noise",
}
"""Of these AUTOMATIC1111 has the first six, Forge the next."""


def _refiner(refiner: RefinerInput | None, hashes: Hashes) -> dict[str, object]:
    if refiner is None:
        return {}
    return {
        "Refiner": _with_hash(refiner.checkpoint, hashes),
        "Refiner switch at": _number(refiner.switch_at),
        "Refiner switch by sampling steps": True,
    }


def _with_hash(checkpoint: str, hashes: Hashes) -> str:
    digits = hashes.get(("checkpoint", checkpoint))
    return f"{checkpoint} [{digits}]" if digits else checkpoint


def _detailers(request: GenerationRequest) -> dict[str, object]:
    """Those that were run, as ADetailer writes them."""
    settings: dict[str, object] = {}
    for number, one in enumerate(request.active_detailers.values()):
        tags = [*map(_tag, one.loras)]
        prompt = " ".join(filter(None, (one.prompt, *tags)))
        exact = None
        if (
            lora_tags.cut(prompt)[0] != one.prompt
            or [t.text for t in lora_tags.find(prompt)] != tags
        ):
            prompt, exact = one.prompt, json.dumps([_exact(lora) for lora in one.loras])
        told = detail_labels.settings(one, number, prompt, exact)
        settings |= {k: _number(v) if isinstance(v, float) else v for k, v in told.items()}
    return settings


def _input_id(task: Task, field: str) -> str | None:
    """The picture it began with: the first half of its file's sha256, which is its id here."""
    kind, _, id = (getattr(task, field, None) or "").partition(":")
    return id if kind == "input" else None


def _task_settings(task: Task) -> dict[str, object]:
    """What AUTOMATIC1111 writes of an img2img, and beside it what it has no name for; without
    what its readers take for granted."""
    match task:
        case ImageToImage():
            settings = {}
        case Inpaint():
            settings = _inpaint_settings(task)
        case Outpaint():
            settings = _outpaint_settings(task)
        case Upscale():
            return _refine_settings(task) | _upscale_settings(task)
        case Details():
            return {detail_labels.DETAILS_ONLY: True}
        case _:
            return {}
    if getattr(task, "resize_mode", "just_resize") != "just_resize":
        settings["Resize mode"] = RESIZE_MODES[task.resize_mode]
    if task.color_correction:
        settings["Color correction"] = True
    return settings


def _refine_settings(task: Upscale) -> dict[str, object]:
    """As AUTOMATIC1111's script SD upscale writes it; the tiles have their own words here."""
    overlap = {"SD upscale overlap": task.tile_overlap}
    return overlap | {"SD upscale upscaler": task.upscaler, "Tile prompt": task.tile_prompt or None}


def _upscale_settings(task: Upscale) -> dict[str, object]:
    """As AUTOMATIC1111's extras write it."""
    width, height = task.resize_width or 0, task.resize_height or 0
    asked = {"by": _number(task.factor)} if task.by_factor else {"to": f"{width}x{height}"}
    settings = {f"Postprocess upscale {how}": value for how, value in asked.items()}
    settings["Postprocess upscaler"] = task.upscaler
    if task.upscaler_2:
        settings["Postprocess upscaler 2"] = task.upscaler_2
        settings["Postprocess upscaler 2 visibility"] = _number(task.upscaler_2_visibility)
    return settings


def _inpaint_settings(task: Inpaint) -> dict[str, object]:
    settings: dict[str, object] = {"Mask blur": task.mask_blur}
    if task.mask_grow:
        settings["Mask grow"] = task.mask_grow
    if task.masked_content != "original":
        settings["Masked content"] = MASKED_CONTENTS[task.masked_content].lower()
    if task.invert:
        settings["Mask mode"] = "Inpaint not masked"
    if task.area == "only_masked":
        settings |= {"Inpaint area": AREAS[task.area], "Masked area padding": task.padding}
    if task.soft:
        settings["Soft inpainting enabled"] = True
    return settings


def _outpaint_settings(task: Outpaint) -> dict[str, object]:
    sides = {side: getattr(task, side) for side in ("left", "top", "right", "bottom")}
    settings: dict[str, object] = {f"Outpaint {side}": n for side, n in sides.items() if n}
    if task.aspect_ratio:
        settings["Outpaint aspect ratio"] = task.aspect_ratio
    return settings | {"Outpaint feather": task.feather}


def _declared_settings(request: GenerationRequest) -> dict[str, object]:
    """The fields whose declaration says how they are called here."""
    settings = {}
    for name in type(request).model_fields:
        declared = declaration(name)
        label = declared.shown.infotext if declared.shown else ""
        value = getattr(request, name)
        if label and (declared.shown.always or value != declared.default):
            settings[label] = _number(value) if isinstance(value, float) else value
    return settings


_ETA_LABELS = {"DDIM": "Eta DDIM"}
"""Sampler -> what its eta is called, where not "Eta"."""


def _noise_settings(request: GenerationRequest) -> dict[str, str]:
    """What was not left at its default and changed the picture."""
    eta = None if request.eta is None else _number(request.eta)
    settings = {"eta": (_ETA_LABELS.get(request.scheduler, "Eta"), eta)}
    if request.s_churn:
        settings["s_churn"] = ("Sigma churn", _number(request.s_churn))
        if request.s_tmin:
            settings["s_tmin"] = ("Sigma tmin", _number(request.s_tmin))
        if request.s_tmax is not None:
            settings["s_tmax"] = ("Sigma tmax", _number(request.s_tmax))
    if request.s_noise != 1:
        settings["s_noise"] = ("Sigma noise", _number(request.s_noise))
    honoured = SCHEDULERS[request.scheduler].honours
    return {label: value for name, (label, value) in settings.items() if name in honoured and value}


_SIZES = ("Size", "Hires resize", "Seed resize from")
"""What readers take for two numbers, and rightly so."""


def _quoted(key: str, value: object) -> str:
    """JSON quotes where a bare value would be read back wrongly."""
    text = str(value)
    looks_like_size = key not in _SIZES and re.fullmatch(r"\d+x\d+", text)
    if not text or re.search(r'[,:\n\r]|^["{\s]|["\s]$', text) or looks_like_size:
        return json.dumps(text, ensure_ascii=False)
    return text


def _styles(request: GenerationRequest) -> str | None:
    """Their names as a JSON list, which other readers leave alone."""
    return (
        json.dumps(request.applied_styles, ensure_ascii=False) if request.applied_styles else None
    )


def _number(value: float) -> str:
    """As short as it can be read back."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)

"""txt2img and img2img -> our requests: what both have in common, and the second drawing."""

from __future__ import annotations

from typing import Any

from studio.api.sdapi import names
from studio.api.sdapi.always_on import Taken
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.notes import Notes
from studio.api.sdapi.options import Options, settings
from studio.api.sdapi.payloads import Drawing, TextToImageBody
from studio.domain import lora_tags
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.geometry import CELL, LEAST
from studio.domain.request import GenerationRequest
from studio.domain.stages import LARGEST

_SET_BY = {
    "prompt": ("prompt",),
    "negative_prompt": ("negative_prompt",),
    "seed": ("seed",),
    "variation_seed": ("subseed",),
    "variation_strength": ("subseed_strength",),
    "scheduler": ("sampler_name", "sampler_index"),
    "noise_schedule": ("scheduler", "sampler_name", "sampler_index"),
    "steps": ("steps",),
    "guidance_scale": ("cfg_scale",),
    "width": ("width",),
    "height": ("height",),
    "eta": ("eta",),
    "s_churn": ("s_churn",),
    "s_tmin": ("s_tmin",),
    "s_tmax": ("s_tmax",),
    "s_noise": ("s_noise",),
    "tiling": ("tiling",),
    "styles": ("styles",),
    "hires": ("enable_hr",),
    "refiner": ("refiner_checkpoint",),
}
"""Our field -> those of theirs of which one must be there for the body to count, not the infotext
in it."""
_NO_ETA_OF_ITS_OWN = "DDIM"


def side(pixels: int) -> int:
    """Down to a multiple of 8, as there."""
    return pixels // CELL * CELL


def common(body: Drawing, options: Options, taken: Taken, desk: Desk) -> dict[str, Any]:
    """Fields of our request. Raises `InvalidRequest` for names that are not known."""
    scheduler, noise_schedule = names.sampling(
        body.sampler_name or body.sampler_index, body.scheduler
    )
    told = body.scheduler.strip().casefold() not in names.NOTHING
    if told and noise_schedule == "automatic":
        taken.notes.say(f"scheduler: {scheduler} cannot follow {shorten(body.scheduler)}.")
    eta = body.eta
    if eta is None:
        is_ddim = scheduler == _NO_ETA_OF_ITS_OWN
        eta = options.eta_ddim if is_ddim else options.eta_ancestral
    first = side(max(0, body.seed_resize_from_w)), side(max(0, body.seed_resize_from_h))
    first = first if all(first) else (0, 0)
    prompt = lora_tags.cut(body.prompt)[0] if body.disable_extra_networks else body.prompt
    fields: dict[str, Any] = settings(options) | {
        "prompt": prompt,
        "negative_prompt": body.negative_prompt,
        "styles": tuple(name for name in body.styles if name),
        "seed": max(-1, body.seed),
        "variation_strength": body.subseed_strength,
        "variation_seed": body.subseed if body.subseed >= 0 else None,
        "seed_resize_from_width": first[0],
        "seed_resize_from_height": first[1],
        "scheduler": scheduler,
        "noise_schedule": noise_schedule,
        "steps": body.steps,
        "batch_size": body.batch_size,
        "guidance_scale": body.cfg_scale,
        "width": side(body.width),
        "height": side(body.height),
        "tiling": "both" if body.tiling else "none",
        "eta": eta,
        "s_churn": body.s_churn,
        "s_tmin": body.s_tmin,
        "s_tmax": body.s_tmax or None,
        "s_noise": body.s_noise,
        "controls": taken.controls,
        "detailers": taken.details.detailers,
    }
    refiner = names.model(body.refiner_checkpoint, "checkpoint", desk.catalog)
    if refiner and body.refiner_switch_at:
        fields["refiner"] = {"checkpoint": refiner, "switch_at": body.refiner_switch_at}
    return fields


def with_infotext(
    body: Drawing, fields: dict[str, Any], notes: Notes, desk: Desk
) -> dict[str, Any]:
    """`fields`, but for those that the body leaves to the infotext in it."""
    if not body.infotext.strip():
        return fields
    reading = desk.reader.read(body.infotext)
    said = reading.request
    for each in reading.ignored:
        notes.say(f"infotext: {each.name} was passed over: {each.why}")
    left = {
        name: said[name]
        for name, theirs in _SET_BY.items()
        if name in said and not body.model_fields_set.intersection(theirs)
    }
    models = {name: said[name] for name in ("checkpoint", "vae", "clip_skip") if name in said}
    kept = {name: value for name, value in models.items() if not body.override_settings}
    return fields | left | kept


def text_to_image(
    body: TextToImageBody, options: Options, taken: Taken, desk: Desk
) -> tuple[GenerationRequest, ...]:
    """One request for each iteration, the second drawing among its fields."""
    if body.firstpass_image:
        raise InvalidRequest(
            "a second drawing begins with the first one here. Send the picture to img2img.",
            "firstpass_image",
        )
    fields = common(body, options, taken, desk)
    if body.enable_hr:
        fields |= _hires(body, fields, taken.notes, desk)
    return iterations(with_infotext(body, fields, taken.notes, desk), body.n_iter)


def _hires(
    body: TextToImageBody, first: dict[str, Any], notes: Notes, desk: Desk
) -> dict[str, Any]:
    hires: dict[str, Any] = {
        "factor": body.hr_scale,
        "width": _hires_side("hr_resize_x", body.hr_resize_x, notes),
        "height": _hires_side("hr_resize_y", body.hr_resize_y, notes),
        "upscaler": names.hires_upscaler(body.hr_upscaler, desk.catalog),
        "strength": body.denoising_strength,
        "steps": body.hr_second_pass_steps or None,
        "prompt": body.hr_prompt or None,
        "negative_prompt": body.hr_negative_prompt or None,
        "guidance_scale": body.hr_cfg,
    }
    sizes = {}
    if body.firstphase_width and body.firstphase_height:
        for name in ("width", "height"):
            hires[name] = _hires_side(name, getattr(body, name), notes)
        sizes = {"width": side(body.firstphase_width), "height": side(body.firstphase_height)}
    if not names.same(body.hr_checkpoint_name):
        hires["checkpoint"] = names.model(body.hr_checkpoint_name, "checkpoint", desk.catalog)
    sampler, schedule = body.hr_sampler_name, body.hr_scheduler
    if not (names.same(sampler) and names.same(schedule)):
        hires["scheduler"], hires["noise_schedule"] = names.sampling(
            first["scheduler"] if names.same(sampler) else sampler,
            first["noise_schedule"] if names.same(schedule) else schedule,
        )
    return sizes | {"hires": hires}


def _hires_side(name: str, pixels: int, notes: Notes) -> int | None:
    return side(int(notes.within(name, pixels, LEAST, LARGEST))) if pixels > 0 else None


def iterations(fields: dict[str, Any], count: int) -> tuple[GenerationRequest, ...]:
    """`count` requests, whose seeds count on. Raises `InvalidRequest`."""
    first = GenerationRequest.parse(fields)
    if count == 1:
        return (first,)
    first = first.with_seed()
    return tuple(first.counted_on(place * first.batch_size) for place in range(count))

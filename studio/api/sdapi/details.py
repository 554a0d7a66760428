"""ADetailer's arguments -> our detailers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from studio.api.sdapi import names
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.notes import Notes
from studio.api.sdapi.payloads import Name, Payload, Words
from studio.domain.detectors import FACES
from studio.domain.errors import InvalidRequest, about, refused

_FACE = re.compile(r"(mediapipe_)?face_.*")
_WEIGHTS = re.compile(r"\.(pt|pth|onnx|safetensors)$")
_LARGEST, _SUREST, _FIRST = "largest first", "best first", "left to right"


class DetailerBody(Payload):
    """One of `alwayson_scripts.ADetailer.args`."""

    ad_model: Name = Field(
        "None",
        description="A detector's name; a YOLO network by its file, with any ending. `face_…` and "
        "`mediapipe_face_…` that are not here: our faces.",
    )
    ad_tab_enable: bool = Field(True, description="False: it is left out.")
    ad_model_classes: Words = Field("", description="As ours.")
    ad_prompt: Words = Field("", description="Empty: the picture's.")
    ad_negative_prompt: Words = Field("", description="The same.")
    ad_confidence: float = Field(0.3, description="0 to 1.")
    ad_mask_filter_method: Name = Field("Area", description="`Area` or `Confidence`.")
    ad_mask_k: int = Field(0, description="So many of the largest, or surest; 0: all.")
    ad_mask_k_largest: int = Field(0, description="The same, as it was called before.")
    ad_mask_min_ratio: float = Field(0.0, description="0 to 1.")
    ad_mask_max_ratio: float = Field(1.0, description="0 to 1.")
    ad_dilate_erode: int = Field(4, description="Grows the mask; below 0 shrinks it.")
    ad_x_offset: int = Field(0, description="Refused, but for 0.")
    ad_y_offset: int = Field(0, description="Refused, but for 0.")
    ad_mask_merge_invert: Name = Field("None", description="Refused, but for `None`.")
    ad_mask_blur: int = Field(4, description="0 to 64.")
    ad_denoising_strength: float = Field(0.4, description="0 to 1.")
    ad_inpaint_only_masked: bool = Field(True, description="Ignored: details always are.")
    ad_inpaint_only_masked_padding: int = Field(32, description="0 to 256.")
    ad_use_inpaint_width_height: bool = Field(False, description="Ignored: sizes are found.")
    ad_use_steps: bool = Field(False, description="With `ad_steps`.")
    ad_steps: int = Field(28, description="1 to 150.")
    ad_use_cfg_scale: bool = Field(False, description="With `ad_cfg_scale`.")
    ad_cfg_scale: float = Field(7.0, description="1 to 30.")
    ad_use_checkpoint: bool = Field(False, description="Refused: details are the picture's own.")
    ad_use_vae: bool = Field(False, description="Refused, too.")
    ad_use_sampler: bool = Field(False, description="Refused, too.")
    ad_use_clip_skip: bool = Field(False, description="Refused, too.")
    ad_use_noise_multiplier: bool = Field(False, description="Ignored: it is 1.")
    ad_restore_face: bool = Field(False, description="Ignored: faces are not restored here.")
    ad_controlnet_model: Name = Field("None", description="Refused, but for `None`.")


@dataclass(frozen=True)
class Wanted:
    """`alone`: of img2img nothing but these is drawn."""

    detailers: tuple[dict[str, Any], ...] = ()
    alone: bool = False


_OWN_SETTINGS = ("ad_use_checkpoint", "ad_use_vae", "ad_use_sampler", "ad_use_clip_skip")


def wanted(args: list[Any], desk: Desk, notes: Notes) -> Wanted:
    """Of ADetailer's arguments: whether it is on, whether it skips img2img, then a record for each
    of its tabs. Raises `InvalidRequest` for what a detailer here cannot do."""
    switches = [each for each in args if isinstance(each, bool)]
    if not all(switches[:1]):
        return Wanted()
    found = []
    for place, each in enumerate(args):
        if isinstance(each, dict):
            at = f"ADetailer.args.{place}"
            with about(at):
                body = _read(each)
                found.append(_detailer(body, desk))
            if found[-1]:
                notes.passed_over(body, f"{at}.")
    there = tuple(each for each in found if each)
    return Wanted(there, bool(there) and all(switches[1:2]) and len(switches) > 1)


def _read(said: dict[str, Any]) -> DetailerBody:
    try:
        return DetailerBody.model_validate(said)
    except ValidationError as error:
        raise refused(error) from None


def _detailer(body: DetailerBody, desk: Desk) -> dict[str, Any] | None:
    if not body.ad_tab_enable or body.ad_model.strip().casefold() in names.NOTHING:
        return None
    _check(body)
    count = body.ad_mask_k or body.ad_mask_k_largest
    by_score = body.ad_mask_filter_method.casefold() == "confidence"
    return {
        "detector": _detector(body.ad_model.strip(), desk),
        "classes": body.ad_model_classes,
        "prompt": body.ad_prompt,
        "negative_prompt": body.ad_negative_prompt,
        "strength": body.ad_denoising_strength,
        "confidence": body.ad_confidence,
        "min_size": body.ad_mask_min_ratio,
        "max_size": body.ad_mask_max_ratio,
        "count": count,
        "order": (_SUREST if by_score else _LARGEST) if count else _FIRST,
        "padding": body.ad_inpaint_only_masked_padding,
        "mask_grow": body.ad_dilate_erode,
        "mask_blur": body.ad_mask_blur,
        "steps": body.ad_steps if body.ad_use_steps else 0,
        "guidance_scale": body.ad_cfg_scale if body.ad_use_cfg_scale else None,
    }


def _check(body: DetailerBody) -> None:
    """Refuses what would silently be another picture."""
    for name in _OWN_SETTINGS:
        if getattr(body, name):
            raise InvalidRequest("details are drawn as their picture is. Leave it off.", name)
    for name in ("ad_mask_merge_invert", "ad_controlnet_model"):
        if getattr(body, name).casefold() not in names.NOTHING:
            raise InvalidRequest("there is no such thing here. Leave it at None.", name)
    for name in ("ad_x_offset", "ad_y_offset"):
        if getattr(body, name):
            raise InvalidRequest("masks stay where things were found. Leave it at 0.", name)


def _detector(name: str, desk: Desk) -> str:
    """One that is not here is left to be refused where all names are."""
    stem = _WEIGHTS.sub("", name)
    there = {ref.name for ref in desk.catalog.refs("detector")}
    for each in (name, stem):
        if each in there:
            return each
    return FACES if _FACE.fullmatch(stem.casefold()) else stem

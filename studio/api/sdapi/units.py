"""ControlNet units as its extension's clients send them -> ours."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image, ImageChops
from pydantic import Field, ValidationError

from studio.api.sdapi import given, names
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.notes import Notes
from studio.api.sdapi.payloads import Base64, Name, Payload
from studio.domain.errors import InvalidRequest, about, refused
from studio.domain.preprocessor_spec import RESOLUTION, RESOLUTION_LEAST, RESOLUTION_MOST
from studio.domain.preprocessors import PREPROCESSORS, find
from studio.imaging import reading

_MODES = {
    **dict.fromkeys((0, "0", "balanced"), "balanced"),
    **dict.fromkeys((1, "1", "my prompt is more important"), "prompt"),
    **dict.fromkeys((2, "2", "controlnet is more important"), "control"),
}
_RESIZES = {
    **dict.fromkeys((0, "0", "just resize"), "just_resize"),
    **dict.fromkeys((1, "1", "crop and resize", "scale to fit (inner fit)"), "crop_and_resize"),
    **dict.fromkeys((2, "2", "resize and fill", "envelope (outer fit)"), "resize_and_fill"),
}
_ALIASES = {
    "depth": "depth_midas",
    "openpose_full_body": "openpose_full",
    "lineart": "lineart_realistic",
    "softedge": "softedge_pidinet",
    "segmentation_ade20k": "seg_ofade20k",
    "inpaint": "inpaint_only",
    "inpaint_global_harmonious": "inpaint_only",
    "tile": "tile_resample",
}
_HOLE = "inpaint_only"
_MOST_WEIGHT = 2.0


class UnitBody(Payload):
    """One of `alwayson_scripts.ControlNet.args`."""

    enabled: bool = Field(True, description="False: the unit is left out.")
    module: Name = Field("none", description="By its name there, as far as it is here.")
    model: Name = Field("None", description="With or without its hash.")
    weight: float = Field(
        1.0, description="0 to 2, what is above becomes 2; 0 leaves the unit out."
    )
    image: Any = Field(
        None, description="Base64, `{image, mask}` or `[image, mask]`; left out: the init image."
    )
    mask: Base64 = Field("", description="For an inpaint module, what of `image` is to be drawn.")
    mask_image: Base64 = Field("", description="The same.")
    effective_region_mask: Base64 = Field("", description="White is where the unit acts.")
    resize_mode: int | str = Field(1, description="By number or name, the old names too.")
    low_vram: bool = Field(False, description="Without effect: memory is looked after.")
    processor_res: float = Field(-1, description="64 to 2048; what is below: 512.")
    threshold_a: float = Field(-1, description="The module's first setting; out of range: its own.")
    threshold_b: float = Field(-1, description="The second.")
    guidance_start: float = Field(0.0, description="0 to 1.")
    guidance_end: float = Field(1.0, description="0 to 1.")
    guidance: float | None = Field(None, description="The same.")
    pixel_perfect: bool = Field(False, description="True: `processor_res` is found.")
    control_mode: int | str = Field(0, description="By number or name.")
    hr_option: Name = Field("Both", description="Ignored: units act on both drawings.")
    save_detected_map: bool = Field(True, description="Maps come last among the images.")
    union_control_type: Name = Field("", description="What the map shows, of a ControlNet-Union.")
    advanced_weighting: list[Any] | None = Field(
        None, description="Ignored: `weight` and `control_mode` say how strongly it acts."
    )
    ipadapter_input: Any = Field(None, description="Ignored: an IP-Adapter reads `image`.")
    inpaint_crop_input_image: bool = Field(
        True, description="Ignored: of what is drawn alone it always is."
    )
    input_image: Base64 = Field("", description="`image`, as it was called before.")
    guessmode: bool = Field(False, description="True: `control_mode` 2, as it was called before.")


def units(args: list[Any], desk: Desk, notes: Notes) -> tuple[list[dict[str, Any]], list[int]]:
    """(Ours, the numbers from 1 of those whose maps are sent along). Raises `InvalidRequest` for
    what cannot be."""
    found: list[dict[str, Any]] = []
    with_map = []
    for place, each in enumerate(args):
        if not isinstance(each, dict):
            continue
        at = f"ControlNet.args.{place}"
        with about(at):
            body = _read(each)
            unit = _unit(body, desk)
        if unit:
            found.append(unit)
            _tell(body, unit, notes, f"{at}.")
            if body.save_detected_map:
                with_map.append(len(found))
    return found, with_map


def _read(said: dict[str, Any]) -> UnitBody:
    try:
        return UnitBody.model_validate(said)
    except ValidationError as error:
        raise refused(error) from None


def _tell(body: UnitBody, unit: dict[str, Any], notes: Notes, at: str) -> None:
    """What of `body` became something else in `unit`."""
    notes.passed_over(body, at)
    notes.within(f"{at}weight", body.weight, 0, _MOST_WEIGHT)
    if not body.pixel_perfect and body.processor_res > 0:
        pixels, there = body.processor_res, (RESOLUTION_LEAST, RESOLUTION_MOST)
        notes.became(f"{at}processor_res", pixels, resolution(pixels), there)
    settings = find(unit["preprocessor"]).settings
    for name, setting in zip(("threshold_a", "threshold_b"), settings, strict=False):
        value, there = getattr(body, name), (setting.minimum, setting.maximum)
        if value >= 0 and setting.name not in unit["settings"]:
            notes.became(f"{at}{name}", value, setting.default, there)


def _unit(body: UnitBody, desk: Desk) -> dict[str, Any] | None:
    model = names.model(body.model, "controlnet", desk.catalog)
    if not body.enabled or body.weight <= 0:
        return None
    if model is None and not (body.image or body.input_image):
        return None
    if model is None:
        raise InvalidRequest(
            "the unit names no model. GET /controlnet/model_list has them.", "model"
        )
    unit: dict[str, Any] = {
        "controlnet": model,
        "scale": min(body.weight, _MOST_WEIGHT),
        "start": body.guidance_start,
        "end": body.guidance_end if body.guidance is None else body.guidance,
        "mode": _chosen(2 if body.guessmode else body.control_mode, _MODES, "control_mode"),
        "resize_mode": _chosen(body.resize_mode, _RESIZES, "resize_mode"),
        **preprocessor(body.module, body.threshold_a, body.threshold_b),
    }
    if not body.pixel_perfect:
        unit["resolution"] = resolution(body.processor_res)
    if body.union_control_type.casefold() not in {*names.NOTHING, "unknown"}:
        unit["union_type"] = body.union_control_type.casefold()
    if body.effective_region_mask:
        unit["mask"] = given.kept(body.effective_region_mask, "effective_region_mask", desk.inputs)
    return unit | _image(body, unit["preprocessor"], desk)


def _image(body: UnitBody, name: str, desk: Desk) -> dict[str, Any]:
    image, mask = body.image or body.input_image, body.mask or body.mask_image
    if isinstance(image, dict):
        image, mask = image.get("image"), image.get("mask") or mask
    elif isinstance(image, list | tuple):
        image, mask = (*image, None, None)[:2]
    if not image:
        return {}
    if not isinstance(image, str) or not isinstance(mask or "", str):
        raise InvalidRequest("the image is no base64 text.", "image")
    if name != _HOLE or not mask:
        return {"image": given.kept(image, "image", desk.inputs)}
    hollow = with_hole(given.decoded(image, "image"), given.mask(mask, rounded=True))
    # A ready-made map, whose transparent part is what is to be drawn.
    made = {"preprocessor": "none", "settings": {}, "union_type": "inpaint"}
    return made | {"image": desk.inputs.keep(given.png(hollow)).ref}


def with_hole(data: bytes, mask: Image.Image) -> Image.Image:
    """The picture in `data`, transparent where the mask is white. Raises `InvalidRequest`."""
    picture = reading.picture(data)
    if mask.size != picture.size:
        mask = mask.resize(picture.size, Image.Resampling.NEAREST)
    picture.putalpha(ImageChops.invert(mask))
    return picture


def preprocessor(name: str, threshold_a: float, threshold_b: float) -> dict[str, Any]:
    """Its name here and its settings, those that it cannot have left out. Raises
    `InvalidRequest`."""
    own = re.sub(r"\s*\(.*\)$|[+]+$", "", name.strip().casefold())
    own = own if own in PREPROCESSORS else _ALIASES.get(own, own)
    spec = find("none" if own in names.NOTHING else own)
    settings: dict[str, float] = {}
    for setting, value in zip(spec.settings, (threshold_a, threshold_b), strict=False):
        if setting.minimum <= value <= setting.maximum:
            settings[setting.name] = setting.checked(value)
    return {"preprocessor": spec.name, "settings": settings}


def resolution(pixels: float) -> int:
    """What `processor_res` asks for."""
    return min(round(pixels), RESOLUTION_MOST) if pixels >= RESOLUTION_LEAST else RESOLUTION


def _chosen(value: int | str, choices: dict[Any, str], field: str) -> str:
    key = value.strip().casefold() if isinstance(value, str) else value
    if key not in choices:
        raise InvalidRequest(
            f"{value!r} is unknown. There are: "
            + ", ".join(str(each) for each in choices if isinstance(each, str)),
            field,
        )
    return choices[key]

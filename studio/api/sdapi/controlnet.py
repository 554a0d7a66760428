"""`/controlnet`: what its extension tells of models and modules, and maps to look at."""

from __future__ import annotations

from typing import Any

from studio.api.sdapi import given, units
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.payloads import DetectBody
from studio.domain.control import MAX_UNITS, ControlInput
from studio.domain.errors import InvalidRequest, about
from studio.domain.preprocessor_spec import CONTROL_TYPES
from studio.domain.preprocessors import PREPROCESSORS, find, fitting
from studio.domain.refs import ModelRef

VERSION = 3
_ALL = "All"


def models(desk: Desk) -> list[str]:
    return [_title(ref, desk) for ref in desk.catalog.refs("controlnet")]


def _title(ref: ModelRef, desk: Desk) -> str:
    """Its name, and eight digits of its hash, as there."""
    digits = desk.catalog.sha256(ref)
    return f"{ref.name} [{digits[:8]}]" if digits else ref.name


def modules(with_titles: bool) -> dict[str, Any]:
    """`with_titles`: the list has what menus show."""
    listed = [spec.title if with_titles else name for name, spec in PREPROCESSORS.items()]
    return {
        "module_list": listed,
        "module_detail": {
            name: {
                "model_free": spec.weights is None,
                "sliders": [
                    {
                        "name": setting.title,
                        "value": setting.default,
                        "min": setting.minimum,
                        "max": setting.maximum,
                        "step": setting.step,
                    }
                    for setting in spec.settings
                ],
            }
            for name, spec in PREPROCESSORS.items()
        },
    }


def control_types(desk: Desk) -> dict[str, Any]:
    """Of each kind of map the modules that make it, and the models whose names or headers tell
    that they read it; `All` has all."""
    refs, all_models = desk.catalog.refs("controlnet"), models(desk)
    found = {_ALL: _type(list(PREPROCESSORS), all_models, "none")}
    for name, kind in CONTROL_TYPES.items():
        of_it = [
            _title(ref, desk)
            for ref in refs
            if name in ref.facts.control_types or name[:4] in ref.name.casefold()
        ]
        found[kind.title] = _type([spec.name for spec in fitting(name)], of_it, kind.default)
    return {"control_types": found}


def _type(modules: list[str], models: list[str], module: str) -> dict[str, Any]:
    return {
        "module_list": modules,
        "model_list": ["None", *models],
        "default_option": module,
        "default_model": models[0] if models else "None",
    }


def settings() -> dict[str, int]:
    return {"control_net_unit_count": MAX_UNITS}


def detect(body: DetectBody, desk: Desk) -> dict[str, Any]:
    """Maps of the pictures. Raises `InvalidRequest` for an unknown module, for no pictures, and
    where a module needs a mask that is not there."""
    images = body.controlnet_input_images or body.controlnet_images
    if not images:
        raise InvalidRequest("No image selected.", "controlnet_input_images")
    thresholds = body.controlnet_threshold_a, body.controlnet_threshold_b
    module = units.preprocessor(body.controlnet_module, *thresholds)
    spec = find(module["preprocessor"])
    if spec.needs_mask and len(body.controlnet_masks) < len(images):
        raise InvalidRequest(
            f"{spec.name} needs a mask for each picture. Send them.", "controlnet_masks"
        )
    made = []
    for place, text in enumerate(images):
        with about(f"controlnet_input_images.{place}"):
            image = given.kept(text, "", desk.inputs)
            unit = ControlInput(
                controlnet="any",
                image=image,
                resolution=units.resolution(body.controlnet_processor_res),
                **module,
            )
            mask = None
            if spec.needs_mask:
                mask = given.kept(body.controlnet_masks[place], "mask", desk.inputs)
            made.append(given.text(given.png(desk.map_of(unit, None, mask))))
    return {"images": made, "info": "Success"}

"""`/controlnet/txt2img` and `/controlnet/img2img`, as its extension was called before scripts had
arguments: the fields of txt2img or img2img, with units beside them."""

from __future__ import annotations

from typing import Any

from studio.api.sdapi.payloads import Body, record, validated

_UNITS, _ALONE = "controlnet_units", "controlnet_"


def with_units(kind: type[Body], data: bytes) -> Body:
    """The body whose units are `controlnet_units`, or the single one of `controlnet_input_image`
    and what else begins so. Raises `InvalidRequest`."""
    said = record(data)
    units = said.get(_UNITS)
    if not units:
        alone = {
            name.removeprefix(_ALONE): _first(value)
            for name, value in said.items()
            if name.startswith(_ALONE) and name != _UNITS
        }
        units = [alone] if alone.get("input_image") else []
    if units:
        scripts = said.get("alwayson_scripts") or {}
        said["alwayson_scripts"] = {**scripts, "ControlNet": {"args": units}}
    return validated(kind, said)


def _first(value: Any) -> Any:
    """Pictures came in lists there."""
    return (value[0] if value else None) if isinstance(value, list) else value

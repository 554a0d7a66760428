"""The ControlNet that shows each tile of a refined picture what it is to look like."""

from __future__ import annotations

import re
from typing import Any

from studio.catalog.catalog import Catalog
from studio.catalog.select import controlnet
from studio.domain.control import for_tiles
from studio.domain.errors import InvalidRequest, about
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Upscale

_NAME = re.compile(r"(?<![A-Za-z])tile|Tile|TILE|(?i:ttplanet)")
"""As in control_v11f1e_sd15_tile, xinsir-controlnet-tile-sdxl, TTPLanet_SDXL_Controlnet_Tile: what
such a net was trained on does not stand in its file. TTPlanet's are called after their maker."""


def is_for_tiles(ref: ModelRef) -> bool:
    """Whether it is a ControlNet that takes the picture itself: by its own word, or its name."""
    if ref.facts.architecture == "union":
        return "tile" in ref.facts.control_types
    return not ref.facts.architecture and bool(_NAME.search(ref.name))


def settled(catalog: Catalog, request: GenerationRequest) -> dict[str, Any]:
    """The task of `request` with the catalog's name for the net of its tiles; where none was named,
    the first that fits, or, where there is none or a unit is one already, a weight of 0. Raises
    `InvalidRequest` about the field for one that does not fit."""
    task = request.task
    if not isinstance(task, Upscale) or not task.refine or task.tile_control_scale == 0:
        return {}
    checkpoint = catalog.find(request.checkpoint)
    if task.tile_controlnet is None:
        fit = [
            ref
            for ref in catalog.refs("controlnet")
            if ref.family == checkpoint.family and is_for_tiles(ref)
        ]
        own = {catalog.find(unit.controlnet, "controlnet").name for unit in request.controls}
        if not fit or any(ref.name in own for ref in fit):
            return {"task": task.model_copy(update={"tile_control_scale": 0.0})}
        fit.sort(key=lambda ref: ref.facts.architecture)  # a Union is many things
        return {"task": task.model_copy(update={"tile_controlnet": fit[0].name})}
    with about("tile_controlnet"):
        ref = controlnet(
            catalog, for_tiles(task.tile_controlnet, task.tile_control_scale), checkpoint
        )
        if ref.facts.architecture == "ip_adapter":
            raise InvalidRequest(
                f"{ref.name} is an IP-Adapter, which does not see where things are. Choose a "
                "ControlNet."
            )
    return {"task": task.model_copy(update={"tile_controlnet": ref.name})}

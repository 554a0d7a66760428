"""Variations of a picture: others like it, as a grid that is one contact sheet."""

from __future__ import annotations

import math
import secrets
from typing import Annotated, Literal

from pydantic import Field

from studio.domain.errors import InvalidRequest
from studio.domain.grids import AxisInput, GridInput
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen


class VariationsInput(Frozen):
    """`by`: "noise" draws sisters of the picture by its own settings, the noise of its seed going
    so far (`strength`) to that of other seeds; "denoising" begins with the picture itself and lets
    so much of it change, with other seeds. `count`: how many."""

    by: Literal["noise", "denoising"] = "noise"
    count: Annotated[int, Field(ge=4, le=16)] = 9
    strength: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.2


def grid_of(wanted: VariationsInput, id: str, made_by: GenerationRequest | None) -> GridInput:
    """Those of the picture `id`, which was `made_by` that request, None where nobody knows. The
    seeds are new ones each time. Raises `InvalidRequest` where only its own settings would do."""
    if wanted.by == "noise":
        request, axis = _of_its_noise(made_by, wanted.strength), "Var. seed"
    else:
        request, axis = _of_its_pixels(made_by, id, wanted.strength), "Seed"
    first = secrets.randbelow(2**32)
    return GridInput(
        request=request,
        x=AxisInput(axis=axis, values=f"{first}-{first + wanted.count - 1}"),
        columns=math.ceil(math.sqrt(wanted.count)),
    )


def _of_its_noise(made_by: GenerationRequest | None, strength: float) -> GenerationRequest:
    if made_by is None or not made_by.draws:
        raise InvalidRequest(
            "the settings that drew this picture are not known, so its noise is not either. "
            'Choose "denoising", which begins with the picture itself.',
            "by",
        )
    return made_by.alone().model_copy(
        update={"variation_strength": strength, "variation_seed": None, "attention_maps": False}
    )


def _of_its_pixels(
    made_by: GenerationRequest | None, id: str, strength: float
) -> GenerationRequest:
    """Of what made it the words, the models and how it is sampled; its size is the picture's."""
    made_by = made_by or GenerationRequest()
    fields = made_by.alone().model_dump(mode="json")
    task = {"kind": "image_to_image", "image": f"picture:{id}", "strength": strength}
    none = {"width": None, "height": None, "hires": None, "attention_maps": False}
    noise = {"variation_strength": 0.0, "variation_seed": None}
    return GenerationRequest.parse(fields | none | noise | {"task": task})

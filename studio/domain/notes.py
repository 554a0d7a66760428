"""What the artist noted for a model: words, settings to start from, corrections of its type."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import StringConstraints, ValidationError, model_validator

from studio.domain.errors import explain
from studio.domain.request import GenerationRequest, Side
from studio.domain.sampling import (
    ClipSkip,
    GuidanceScale,
    ModelName,
    SchedulerName,
    Steps,
    Text,
)
from studio.domain.tasks import Frozen

PictureId = Annotated[str, StringConstraints(pattern=r"^[0-9_-]{7,64}$")]


class Notes(Frozen):
    """Every field may be left out. `cover` is the id of a picture of the library that stands for
    the model. `prediction_type` and `zero_snr` correct what the file's header tells or leaves
    open; the others are where a form starts from with this model, so what no request can have is
    refused here too."""

    text: Text = ""
    steps: Steps | None = None
    guidance_scale: GuidanceScale | None = None
    scheduler: SchedulerName | None = None
    width: Side | None = None
    height: Side | None = None
    vae: ModelName | None = None
    clip_skip: ClipSkip | None = None
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    zero_snr: bool | None = None
    cover: PictureId | None = None
    favourite: bool = False

    @model_validator(mode="after")
    def _makes_a_request(self) -> Self:
        """Settings that are right one by one may not go together."""
        try:
            GenerationRequest.model_validate(self.defaults)
        except ValidationError as error:
            raise ValueError(explain(error)) from None
        return self

    @property
    def defaults(self) -> dict[str, Any]:
        """Those settings of a request that were noted."""
        own = {"text", "prediction_type", "zero_snr", "cover", "favourite"}
        return self.model_dump(exclude_none=True, exclude=own)


NO_NOTES = Notes()

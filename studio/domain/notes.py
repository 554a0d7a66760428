"""What the artist noted for a model: words, settings to start from, corrections of its type."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from studio.domain.request import ClipSkip, GuidanceScale, ModelName, Side, Steps
from studio.domain.tasks import Frozen


class Notes(Frozen):
    """Every field may be left out. `prediction_type` and `zero_snr` correct what the file's header
    tells or leaves open; the others are where a form starts from with this model."""

    text: str = Field("", max_length=20_000)
    steps: Steps | None = None
    guidance_scale: GuidanceScale | None = None
    scheduler: str | None = Field(None, max_length=100)
    width: Side | None = None
    height: Side | None = None
    vae: ModelName | None = None
    clip_skip: ClipSkip | None = None
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    zero_snr: bool | None = None

    @property
    def defaults(self) -> dict[str, Any]:
        """Those settings of a request that were noted."""
        own = {"text", "prediction_type", "zero_snr"}
        return self.model_dump(exclude_none=True, exclude=own)


NO_NOTES = Notes()

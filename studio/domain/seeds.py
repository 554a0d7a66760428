"""Which noise a picture begins with, and how many pictures of it are drawn at once."""

from __future__ import annotations

import secrets
from typing import Annotated, Self

from pydantic import Field, model_validator

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import CELL, MOST, Size
from studio.domain.shown import Shown
from studio.domain.tasks import Frozen

MAX_SEED = 2**53 - 1
"""The largest whole number that JSON in a browser carries exactly."""

_FirstSide = Annotated[
    int,
    Field(ge=0, le=MOST, multiple_of=CELL, json_schema_extra={"step": CELL}),
    Shown("Variation"),
]


class Seeds(Frozen):
    """The seeds of `batch_size` pictures.

    Picture k of a batch has the seed + k; where the noise varies, all have the same seed, and
    picture k the variation seed + k. `seed` −1 and, where the noise varies, `variation_seed` None
    mean "you choose"."""

    seed: Annotated[int, Shown("Seed and batch")] = Field(
        -1,
        ge=-1,
        le=MAX_SEED,
        title="Seed",
        description="The same seed gives the same picture. −1 draws a new one each time.",
        json_schema_extra={"step": 1},
    )
    batch_size: Annotated[int, Shown("Seed and batch")] = Field(
        1,
        ge=1,
        le=16,
        title="Batch size",
        description="Pictures drawn together, with seeds counting up.",
        json_schema_extra={"step": 1},
    )
    batch_place: int | None = Field(
        None,
        ge=0,
        le=15,
        title="Place in the batch",
        description="Draws the whole batch and keeps this picture of it alone, 0 being the first: "
        "bit by bit as it came out of that batch, as devices round by how many they draw at once.",
    )
    variation_strength: Annotated[float, Shown("Variation", "strength {}")] = Field(
        0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Variation strength",
        description="How far the noise goes from that of the seed to that of the variation seed: "
        "0.1 is a sister of the picture, 1 the variation seed's own. In a batch the variation "
        "seeds count up, and the seed stays.",
        json_schema_extra={"step": 0.01},
    )
    variation_seed: Annotated[int | None, Shown("Variation")] = Field(
        None,
        ge=0,
        le=MAX_SEED,
        title="Variation seed",
        description="Where the noise goes, from that of the seed. Empty: a new one each time.",
        json_schema_extra={"step": 1},
    )
    seed_resize_from_width: _FirstSide = Field(
        0,
        title="Resize seed from width",
        description="Keeps, at another size, roughly what the seed showed at this one: its noise "
        "lies in the middle. In pixels, with the height; 0 is off.",
    )
    seed_resize_from_height: _FirstSide = Field(
        0,
        title="Resize seed from height",
        description="The same: the height at which the seed was seen. 0 is off.",
    )

    @model_validator(mode="after")
    def _place_is_in_batch(self) -> Self:
        if self.batch_place is not None and self.batch_place >= self.batch_size:
            raise ValueError(
                f"batch_place: there is no place {self.batch_place} in a batch of "
                f"{self.batch_size}; the first is 0. Choose a lower one, or the batch's own size."
            )
        return self

    @model_validator(mode="after")
    def _first_size_is_whole(self) -> Self:
        sides = {name: getattr(self, f"seed_resize_from_{name}") for name in ("width", "height")}
        if 0 in sides.values() and any(sides.values()):
            lacking = next(name for name, side in sides.items() if side == 0)
            raise ValueError(
                f"seed_resize_from_{lacking}: a seed is resized from a width and a height, and one "
                "of them is 0. Give both, or 0 for both."
            )
        return self

    @property
    def places(self) -> range:
        """Those of the batch that are kept."""
        if self.batch_place is None:
            return range(self.batch_size)
        return range(self.batch_place, self.batch_place + 1)

    @property
    def seed_resize_from(self) -> Size | None:
        """(width, height) in pixels, None where it is off."""
        size = self.seed_resize_from_width, self.seed_resize_from_height
        return size if all(size) else None

    def seed_at(self, place: int) -> int:
        """Of the picture at `place` of the batch. Settled alone."""
        return self.seed if self.variation_strength else self.seed + place

    def variation_seed_at(self, place: int) -> int | None:
        """Of the picture at `place`; None where the noise does not vary. Settled alone."""
        return self.variation_seed + place if self.variation_strength else None

    def counted_on(self, number: int) -> Self:
        """This, for pictures that come `number` places later. Settled alone."""
        name = "variation_seed" if self.variation_strength else "seed"
        return self.model_copy(update={name: getattr(self, name) + number})

    def batches(self, count: int) -> list[Self]:
        """This `count` times, the seeds going on from batch to batch; drawn where it has none.
        Raises `InvalidRequest` where they end before."""
        first = self.with_seed()
        return [first.going_on(place * self.batch_size) for place in range(count)]

    def going_on(self, number: int) -> Self:
        """`counted_on`, as a request of its own. Raises `InvalidRequest` where the seeds end
        before."""
        later = self.counted_on(number)
        for name in ("seed", "variation_seed"):
            if (getattr(later, name) or 0) > MAX_SEED:
                raise InvalidRequest(
                    f"counting up by {number:,} leads beyond {MAX_SEED}, the last there is. Begin "
                    "with a lower one.",
                    name,
                )
        return later

    def alone(self) -> Self:
        """The picture at `batch_place`, if there is one, as it is drawn without its batch."""
        if self.batch_place is None:
            return self
        single = {"batch_size": 1, "batch_place": None}
        return self.counted_on(self.batch_place).model_copy(update=single)

    def with_seed(self) -> Self:
        """This with all the seeds that it needs, drawn where it has none, and no others."""
        seeds = {"seed": self.seed if self.seed >= 0 else secrets.randbelow(2**32)}
        seeds["variation_seed"] = self.variation_seed if self.variation_strength else None
        if self.variation_strength and self.variation_seed is None:
            seeds["variation_seed"] = secrets.randbelow(2**32)
        return self.model_copy(update=seeds)

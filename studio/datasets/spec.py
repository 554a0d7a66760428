"""What a dataset is to be: classes, words, conditions, how many, how they are split and checked.

Written as YAML:

    name: little world
    checkpoint: picturebook
    classes:
      house: a {red|blue} house
      sailing boat: {prompt: a white boat, shape: boat, weight: 2}
    templates:
      - __things__, __ground__ __sky__
    conditions:
      ground: [on a meadow, in the desert]
      sky: {by day: 3, at night: 1}
    count: 300

In templates and in the words of classes the prompt language holds: `{a|b}` and `__wildcard__`. The
conditions are wildcards as well, and `__things__` stands for the things of a picture.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from studio.datasets import lined_yaml
from studio.domain.errors import InvalidRequest, explain
from studio.domain.files import as_text, read_text
from studio.domain.request import Side
from studio.domain.sampling import GuidanceScale, ModelName, SchedulerName, Steps, Text
from studio.domain.seeds import MAX_SEED
from studio.domain.tasks import Frozen, is_text
from studio.picturebook.vocabulary import OBJECTS

THINGS = "__things__"
"""What stands for the things of a picture in a template."""
VARIED = 0.4
"""Denoising strength at which a picture gets another light, and things stay what they are."""
MOST_PICTURES = 1_000_000
_MOST_BYTES = 1_000_000
GROWS = {"count", "checks"}
"""What may change between a run and its continuation."""


def _is_one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty. Give it a name.")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("has a line break or a control character. Take it out.")
    return is_text(text)


Name = Annotated[str, Field(max_length=200), AfterValidator(_is_one_line)]
Weight = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class ThingClass(Frozen):
    """One class: the words that draw it, and how it lies in a picture."""

    prompt: Text = Field("", description="Its words. Default: its name.")
    shape: str = Field(
        "",
        max_length=100,
        description=f"Silhouette it is drawn by. One of: {', '.join(OBJECTS)}. Default: its name.",
    )
    weight: Weight = Field(1.0, description="How often it comes, beside the others.")
    size: tuple[Share, Share] = Field(
        (0.3, 0.5), description="Sides of its region, least and most, as shares of the picture's."
    )
    seen_as: str = Field(
        "", max_length=200, description="What the detector calls it. Default: shape or name."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        return {"prompt": value} if isinstance(value, str) else {} if value is None else value

    @field_validator("shape")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value and value not in OBJECTS:
            raise ValueError(f"{value!r} is none of: {', '.join(OBJECTS)}.")
        return value

    @field_validator("size")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.02 <= value[0] <= value[1]:
            raise ValueError("say the least side first, at least 0.02, then the most.")
        return value


class Template(Frozen):
    prompt: Text = Field(description="The words around the things.")
    weight: Weight = 1.0

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        return {"prompt": value} if isinstance(value, str) else value


class Splits(Frozen):
    """Shares of the pictures; they count against each other."""

    train: Share = 0.8
    val: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _has_some(self) -> Splits:
        if self.train <= 0:
            raise ValueError("nothing is left to train on. Give train a share above 0.")
        return self

    def shares(self) -> dict[Split, float]:
        """Split -> share, adding up to 1."""
        total = self.train + self.val + self.test
        return {name: getattr(self, name) / total for name in SPLITS}


class Checks(Frozen):
    """How labels are held against a second look."""

    detector: str = Field(
        "auto",
        max_length=1000,
        description="Who looks: a detector's name, auto (picturebook's segmenter for picturebook, "
        "else nobody), or none.",
    )
    confidence: Share = Field(0.3, description="Of what it finds, at least.")
    agreement: Share = Field(
        0.6, description="Least overlap (IoU) of each box with what is seen there."
    )
    attempts: int = Field(3, ge=1, le=20, description="Drawings, each with another seed.")


class DatasetSpec(Frozen):
    """A dataset, as it is to be drawn."""

    name: Name = Field("dataset", description="What it is called.")
    checkpoint: ModelName | None = Field(
        None, description="The model that draws. Default: the first."
    )
    steering: Literal["auto", "silhouettes", "regions", "variations"] = Field(
        "auto",
        description="What says where things are: silhouettes in a segmentation map (picturebook), "
        "regions that are inpainted one after the other, the label files of photos that are drawn "
        "over by image-to-image (variations), or auto.",
    )
    classes: dict[Name, ThingClass] = Field(
        min_length=1, max_length=1000, description="Name -> its words, or more about it, in order."
    )
    templates: tuple[Template, ...] = Field(
        (Template(prompt=THINGS),),
        min_length=1,
        max_length=1000,
        description="The words around the things, each with a weight.",
    )
    conditions: dict[Name, dict[Text, Weight]] = Field(
        default_factory=dict,
        max_length=100,
        description="Wildcards of this dataset: name -> values, or value -> weight.",
    )
    count: int = Field(100, ge=1, le=MOST_PICTURES, description="How many pictures.")
    things: tuple[int, int] = Field((1, 2), description="Things of a picture, least and most.")
    negatives: Share = Field(0.1, description="Share of pictures that show none of the classes.")
    places: bool = Field(True, description="Say in the prompt where things are: on the left, …")
    negative_prompt: Text = Field("", description="What pictures should not show.")
    width: Side | None = Field(None, description="In pixels. Default: the model's.")
    height: Side | None = Field(None, description="In pixels. Default: the model's.")
    steps: Steps = 20
    guidance_scale: GuidanceScale | None = Field(None, description="Default: the model's.")
    scheduler: SchedulerName = Field("DPM++ 2M", description="The sampler.")
    control_scale: float = Field(
        1.0, gt=0, le=2, allow_inf_nan=False, description="How strongly silhouettes are followed."
    )
    photos: Path | None = Field(
        None,
        description="Folder of pictures of yours that things are painted into, or that are varied, "
        "instead of pictures that are drawn.",
    )
    region: tuple[Share, Share, Share, Share] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Where regions may lie: left, top, right, bottom as shares of the picture.",
    )
    strength: Share = Field(
        1.0, description="Denoising strength inside a region; of variations, by default 0.4."
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same seed plans the same dataset.")
    split: Splits = Splits()
    labels: Literal["boxes", "polygons"] = Field("boxes", description="What label files hold.")
    format: Literal["png", "jpg"] = Field("png", description="Of the pictures.")
    checks: Checks = Checks()
    license: Text = Field("", description="A note that goes into the provenance.")

    @model_validator(mode="before")
    @classmethod
    def _variations_keep_things(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("steering") == "variations":
            return {"strength": VARIED} | value
        return value

    @field_validator("conditions", mode="before")
    @classmethod
    def _lists_have_equal_weights(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: dict.fromkeys(map(str, each), 1.0) if isinstance(each, list) else each
            for name, each in value.items()
        }

    @field_validator("conditions")
    @classmethod
    def _have_values(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for name, each in value.items():
            if not each:
                raise ValueError(f"{name} has no values. List some, or take it out.")
            if name == THINGS.strip("_"):
                raise ValueError(f"{name} stands for the things. Call it otherwise.")
        return value

    @field_validator("classes")
    @classmethod
    def _differ(cls, value: dict[str, ThingClass]) -> dict[str, ThingClass]:
        seen: dict[str, str] = {}
        for name in value:
            if (other := seen.setdefault(name.strip().casefold(), name)) != name:
                raise ValueError(f"{other!r} and {name!r} differ in their letters' size alone.")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> DatasetSpec:
        least, most = self.things
        if not 1 <= least <= most <= 20:
            raise ValueError("things: say the least first, then the most, 1 to 20.")
        left, top, right, bottom = self.region
        if not (left < right and top < bottom):
            raise ValueError("region: say left, top, right, bottom, the lesser first.")
        if self.steering == "silhouettes" and self.photos:
            raise ValueError("photos: silhouettes draw whole pictures. Use steering: regions.")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in the order of their numbers."""
        return tuple(self.classes)

    @property
    def fingerprint(self) -> str:
        """The same for specifications that plan the same pictures, of which one may be more."""
        told = self.model_dump(mode="json", exclude=GROWS)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def as_yaml(self) -> str:
        """It, without what is as by default."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)


def parse(text: str) -> DatasetSpec:
    """A specification from YAML. Raises `InvalidRequest`, which says line, cause and next step."""
    value, lines = lined_yaml.read(text)
    if not isinstance(value, dict):
        raise InvalidRequest(
            "A specification is a table: write at least 'classes:', with a line for each below it."
        )
    return _validated(value, lines)


def from_fields(fields: dict[str, Any]) -> DatasetSpec:
    """The same from plain values."""
    return _validated(fields, None)


def from_file(path: Path) -> DatasetSpec:
    """The same from a file, whose folder `photos` is relative to. Raises `InvalidRequest`."""
    try:
        text = read_text(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{as_text(path)} cannot be read: {cause}.") from None
    try:
        spec = parse(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{as_text(path)}: {error}") from None
    if spec.photos and not spec.photos.expanduser().is_absolute():
        return spec.model_copy(update={"photos": path.resolve().parent / spec.photos})
    return spec


def changed(spec: DatasetSpec, **fields: Any) -> DatasetSpec:
    """`spec` with other values. Raises `InvalidRequest`."""
    return from_fields(spec.model_dump(mode="json", exclude_defaults=True) | fields)


def given(spec: str | Path | dict[str, Any] | DatasetSpec) -> DatasetSpec:
    """From a file, or from plain values. Raises `InvalidRequest`."""
    if isinstance(spec, DatasetSpec):
        return spec
    return from_fields(spec) if isinstance(spec, dict) else from_file(Path(spec))


def _validated(fields: dict[str, Any], lines: lined_yaml.Lines | None) -> DatasetSpec:
    try:
        return DatasetSpec.model_validate(fields)
    except ValidationError as error:
        if lines is None:
            raise InvalidRequest(explain(error)) from None
        texts = []
        for item in error.errors(include_url=False)[:20]:
            single = ValidationError.from_exception_data("", [_as_line_error(item)])
            named = item["msg"].removeprefix("Value error, ").partition(":")[0]
            line = lines.of(item["loc"] or (named,))
            told = explain(single).removeprefix("request: ")
            texts.append(f"Line {line}: {told}" if line else told)
        raise InvalidRequest(" ".join(texts)) from None


def _as_line_error(item: dict[str, Any]) -> Any:
    told = {key: item[key] for key in ("type", "loc", "input") if key in item}
    return told | {"ctx": item.get("ctx", {})}

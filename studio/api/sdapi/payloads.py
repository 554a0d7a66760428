"""What programs send to AUTOMATIC1111's API, with its defaults, and what becomes of each field.

Unknown fields are passed over, and null is a field's default: its clients count on both. What a
field's description says stands in docs/api.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic import model_validator as _model_validator

from studio.domain.errors import InvalidRequest, refused

Base64 = str
Name = Annotated[str, StringConstraints(max_length=1000)]
Words = Annotated[str, StringConstraints(max_length=20_000)]
Body = TypeVar("Body", bound="Payload")
Record = TypeVar("Record", bound=BaseModel)

_MOST_ITERATIONS = 200
"""As many jobs as one account may have waiting."""
_MOST_LEVELS = 32
_AS_THERE = "Without effect, as there: `save_images` counts. All are kept in the library."


class Payload(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @_model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: given for name, given in value.items() if given is not None}
        return value


def parsed(kind: type[Body], body: bytes) -> Body:
    """Raises `InvalidRequest`."""
    return validated(kind, record(body))


def validated(kind: type[Body], said: Mapping[str, Any]) -> Body:
    """Raises `InvalidRequest`."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise refused(error) from None


def record(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, {} where it is empty; all of it can be sent back. Raises
    `InvalidRequest`."""
    try:
        said = json.loads(body, parse_constant=_finite, parse_float=_finite) if body.strip() else {}
        if b"\\ud" in body.lower():  # what may be half a character
            json.dumps(said, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not _is_flat(said):
        raise InvalidRequest('The body is no JSON object. Send one, as in {"prompt": "a house"}.')
    return said


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _is_flat(said: dict[str, Any]) -> bool:
    """Whether it is nested no deeper than anything that these programs send."""
    level: list[Any] = [said]
    for _ in range(_MOST_LEVELS):
        values = (each.values() if isinstance(each, dict) else each for each in level)
        level = [one for each in values for one in each if isinstance(one, dict | list)]
        if not level:
            return True
    return False


def built(kind: type[Record], **fields: Any) -> Record:
    """A record of ours. Raises `InvalidRequest`."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise refused(error) from None


class Drawing(Payload):
    """What txt2img and img2img share."""

    prompt: Words = Field("", description="As ours, `<lora:name:0.8>` and all.")
    negative_prompt: Words = Field("", description="As ours.")
    styles: list[Name] = Field([], description="By name; one that is not there is refused.")
    seed: int = Field(-1, description="As ours; −1 draws one.")
    subseed: int = Field(-1, description="Our variation seed.")
    subseed_strength: float = Field(0.0, description="Our variation strength.")
    seed_resize_from_h: int = Field(-1, description="As ours, down to a multiple of 8.")
    seed_resize_from_w: int = Field(-1, description="The same.")
    sampler_name: Name = Field(
        "", description="By all its names, a schedule behind it (`DPM++ 2M Karras`) too."
    )
    sampler_index: Name = Field("Euler", description="Counts where `sampler_name` is empty.")
    scheduler: Name = Field(
        "automatic",
        description="By name or label. Automatic where the sampler cannot follow it, and said so.",
    )
    batch_size: int = Field(1, ge=1, description="Up to 16.")
    n_iter: int = Field(
        1, ge=1, le=_MOST_ITERATIONS, description="So many jobs, whose seeds count on."
    )
    steps: int = Field(50, description="1 to 150.")
    cfg_scale: float = Field(7.0, description="1 to 30.")
    width: int = Field(512, description="64 to 2048, down to a multiple of 8.")
    height: int = Field(512, description="The same.")
    restore_faces: bool = Field(False, description="Ignored: faces are not restored here.")
    tiling: bool = Field(False, description="Seamless across both borders.")
    eta: float | None = Field(None, description="As ours.")
    s_min_uncond: float = Field(0.0, description="Ignored: no step goes without guidance.")
    s_churn: float = Field(0.0, description="As ours.")
    s_tmax: float = Field(0.0, description="As ours; 0 is no limit.")
    s_tmin: float = Field(0.0, description="As ours.")
    s_noise: float = Field(1.0, description="As ours.")
    override_settings: dict[str, Any] = Field(
        {}, description="Options for this call, by the table of options below."
    )
    override_settings_restore_afterwards: bool = Field(
        True, description="False: they stay for the caller's next calls."
    )
    refiner_checkpoint: Name = Field("", description="With `refiner_switch_at`, our refiner.")
    refiner_switch_at: float | None = Field(None, description="The same.")
    disable_extra_networks: bool = Field(
        False, description="True: the `<lora:…>` of the prompt are left out."
    )
    comments: dict[str, Any] = Field(
        {}, description="Ignored: infotexts tell what made a picture, and no more."
    )
    force_task_id: Name = Field("", description="The id for `/internal/progress`.")
    script_name: Name = Field("", description="One of the scripts below, in any case.")
    script_args: list[Any] = Field([], description="By their places, as there.")
    alwayson_scripts: dict[str, Any] = Field({}, description="By the table of scripts below.")
    send_images: bool = Field(True, description="False: `images` is empty.")
    save_images: bool = Field(
        False, description="True: with several pictures their grid comes first."
    )
    do_not_save_samples: bool = Field(False, description=_AS_THERE)
    do_not_save_grid: bool = Field(False, description=_AS_THERE)
    infotext: Words = Field("", description="Fills in what the request does not set.")


class TextToImageBody(Drawing):
    """txt2img."""

    denoising_strength: float = Field(0.75, description="Of the second drawing.")
    enable_hr: bool = Field(False, description="Our Hires. fix.")
    firstphase_width: int = Field(
        0, description="The first drawing's, the second then having width × height."
    )
    firstphase_height: int = Field(0, description="The same.")
    firstpass_image: Base64 = Field("", description="Refused: enlarge it with img2img.")
    hr_scale: float = Field(2.0, description="1 to 4.")
    hr_upscaler: Name = Field("Latent", description="Ours and networks, by their names there.")
    hr_second_pass_steps: int = Field(0, description="0: as many as the first.")
    hr_resize_x: int = Field(0, description="64 to 4096, down to a multiple of 8.")
    hr_resize_y: int = Field(0, description="The same.")
    hr_checkpoint_name: Name = Field("", description="Empty or `Use same checkpoint`: the same.")
    hr_sampler_name: Name = Field("", description="Empty or `Use same sampler`: the same.")
    hr_scheduler: Name = Field("", description="Empty or `Use same scheduler`: the same.")
    hr_prompt: Words = Field("", description="Empty: the same.")
    hr_negative_prompt: Words = Field("", description="Empty: the same.")
    hr_cfg: float | None = Field(None, description="Forge's; left out: the same.")


class ImageToImageBody(Drawing):
    """img2img."""

    init_images: list[Base64] = Field(
        [], description="One for all pictures, or one for each of a batch. No web addresses."
    )
    resize_mode: int = Field(0, ge=0, le=3, description="0 to 3, our four.")
    denoising_strength: float = Field(0.75, description="0 to 1.")
    image_cfg_scale: float | None = Field(
        None, description="Without effect, as there, but on a checkpoint of pix2pix."
    )
    mask: Base64 = Field("", description="White, or opaque, is repainted; made the picture's size.")
    mask_blur: int | None = Field(None, description="0 to 64; what is beyond becomes the nearest.")
    mask_blur_x: int = Field(4, description="Where `mask_blur` is null: both have the larger.")
    mask_blur_y: int = Field(4, description="The same.")
    mask_round: bool = Field(True, description="True: gray parts become white or black.")
    inpainting_fill: int = Field(0, ge=0, le=3, description="0 to 3, our four.")
    inpaint_full_res: bool = Field(True, description="Only masked; False: the whole picture.")
    inpaint_full_res_padding: int = Field(
        0, description="0 to 256; what is beyond becomes the nearest."
    )
    inpainting_mask_invert: int = Field(0, description="1: what is not masked is repainted.")
    initial_noise_multiplier: float = Field(1.0, description="Ignored: it is 1.")
    latent_mask: Base64 = Field("", description="Counts where there is no `mask`.")
    include_init_images: bool = Field(
        False, description="True: `parameters` has the pictures that were sent."
    )


class Extras(Payload):
    """What both routes of the extras share."""

    resize_mode: int = Field(0, ge=0, le=1, description="0: by a factor, 1: to a size.")
    show_extras_results: bool = Field(True, description="Without effect, as there.")
    gfpgan_visibility: float = Field(
        0.0, ge=0, le=1, description="0; above it is refused: faces are not restored here."
    )
    codeformer_visibility: float = Field(0.0, ge=0, le=1, description="The same.")
    codeformer_weight: float = Field(0.0, ge=0, le=1, description="Without effect.")
    upscaling_resize: float = Field(2.0, gt=0, description="1 to 8.")
    upscaling_resize_w: int = Field(512, ge=1, description="Pixels.")
    upscaling_resize_h: int = Field(512, ge=1, description="Pixels.")
    upscaling_crop: bool = Field(
        True, description="What does not fit is cut off; False: the picture covers the size."
    )
    upscaler_1: Name = Field("None", description="`None`: the picture is given back as it is.")
    upscaler_2: Name = Field("None", description="Laid over the first one's picture.")
    extras_upscaler_2_visibility: float = Field(0.0, ge=0, le=1, description="How much of it.")
    upscale_first: bool = Field(False, description="Without effect: nothing else is done.")


class ExtrasBody(Extras):
    """extra-single-image."""

    image: Base64 = ""


class NamedImage(Payload):
    """A file of a batch."""

    data: Base64 = ""
    name: str = ""


class ExtrasBatchBody(Extras):
    """extra-batch-images."""

    imageList: list[NamedImage] = Field([], max_length=64)


class PngInfoBody(Payload):
    image: Base64 = ""


class InterrogateBody(Payload):
    image: Base64 = ""
    model: Name = "clip"


class DetectBody(Payload):
    """controlnet/detect."""

    controlnet_module: Name = "none"
    controlnet_input_images: list[Base64] = Field([], max_length=64)
    controlnet_images: list[Base64] = Field([], max_length=64)
    controlnet_processor_res: int = -1
    controlnet_threshold_a: float = -1.0
    controlnet_threshold_b: float = -1.0
    controlnet_masks: list[Base64] = Field([], max_length=64)


class ProgressBody(Payload):
    """/internal/progress."""

    id_task: Name = ""
    id_live_preview: int = -1
    live_preview: bool = True

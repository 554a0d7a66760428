"""img2img -> our tasks."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageChops

from studio.api.sdapi import given
from studio.api.sdapi.always_on import Taken
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.options import Options
from studio.api.sdapi.payloads import ImageToImageBody
from studio.api.sdapi.requests import common, iterations, with_infotext
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.request import GenerationRequest
from studio.domain.tasks import MASKED_CONTENTS, RESIZE_MODES

RESIZES = tuple(RESIZE_MODES)
CONTENTS = tuple(MASKED_CONTENTS)
_MOST_BLUR, _MOST_PADDING = 64, 256


def pictures(body: ImageToImageBody, desk: Desk) -> list[str]:
    """Those that it begins with, kept, as tasks name them. Raises `NotFound` where there are none,
    and `InvalidRequest` for one that is none and for more than the batch has places."""
    if not body.init_images:
        raise NotFound("Init image not found: init_images is empty.")
    if 1 < len(body.init_images) > body.batch_size:
        raise InvalidRequest(
            f"{len(body.init_images)} are more than batch_size, {body.batch_size}. Send one, or "
            "one for each picture of the batch.",
            "init_images",
        )
    return [given.kept(each, "init_images", desk.inputs) for each in body.init_images]


def image_to_image(
    body: ImageToImageBody, options: Options, taken: Taken, desk: Desk
) -> tuple[GenerationRequest, ...]:
    """One request for each iteration; of a batch of several pictures one for each of these, as
    seeds count on."""
    fields = with_infotext(body, common(body, options, taken, desk), taken.notes, desk)
    images = pictures(body, desk)
    if taken.details.alone:
        tasks = [{"kind": "details", "image": image} for image in images]
    else:
        tasks = [task(body, each, options, taken, desk) for each in images]
    if len(tasks) == 1:
        return iterations(fields | {"task": tasks[0]}, body.n_iter)
    each_alone = [fields | {"task": each, "batch_size": 1} for each in tasks]
    singles = iterations(each_alone[0], len(tasks) * body.n_iter)
    begins = [GenerationRequest.parse(each).task for each in each_alone]
    return tuple(
        single.model_copy(update={"task": begins[place % len(begins)]})
        for place, single in enumerate(singles)
    )


def task(body: ImageToImageBody, image: str, options: Options, taken: Taken, desk: Desk) -> dict:
    """What is to be done with `image`. Where only the masked is asked for and nothing is, it is
    image to image, as there."""
    fields: dict[str, Any] = {
        "kind": "image_to_image",
        "image": image,
        "strength": body.denoising_strength,
        "resize_mode": RESIZES[body.resize_mode],
        "color_correction": options.img2img_color_correction,
    }
    text = body.mask or body.latent_mask
    if not text:
        return fields
    mask = given.mask(text, rounded=body.mask_round and not taken.soft)
    if body.inpaint_full_res and _covers_nothing(mask, bool(body.inpainting_mask_invert)):
        taken.notes.say("mask: nothing of it is to be drawn, so all of the picture is.")
        return fields
    size = desk.inputs.size(image.partition(":")[2])
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.LANCZOS)
    notes, blur, padding = taken.notes, body.mask_blur, body.inpaint_full_res_padding
    if blur is None:
        blur = max(body.mask_blur_x, body.mask_blur_y)
        if body.mask_blur_x != body.mask_blur_y:
            notes.say(f"mask_blur_x and mask_blur_y: both became {blur}, the larger.")
    return fields | {
        "kind": "inpaint",
        "mask": desk.inputs.keep(given.png(mask)).ref,
        "invert": bool(body.inpainting_mask_invert),
        "mask_blur": notes.within("mask_blur", blur, 0, _MOST_BLUR),
        "masked_content": CONTENTS[body.inpainting_fill],
        "area": "only_masked" if body.inpaint_full_res else "whole_picture",
        "padding": notes.within("inpaint_full_res_padding", padding, 0, _MOST_PADDING),
        "soft": taken.soft,
    }


def _covers_nothing(mask: Image.Image, inverted: bool) -> bool:
    painted = ImageChops.invert(mask) if inverted else mask
    return painted.getextrema()[1] == 0

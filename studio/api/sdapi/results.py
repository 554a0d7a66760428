"""What was drawn -> AUTOMATIC1111's answer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from studio.api.sdapi import given
from studio.api.sdapi.acts import Drawn
from studio.api.sdapi.always_on import Taken
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.options import Options
from studio.api.sdapi.payloads import Drawing, ImageToImageBody
from studio.domain.errors import StudioError
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.domain.tasks import TextToImage
from studio.gallery.exports import Again, Export, exported
from studio.gallery.sheets import png_of, sheet
from studio.imaging import reading
from studio.provenance import xmp
from studio.version import __version__

_FORMATS = {"jpg": "jpeg"}
_NO_FACES = {"restore_faces": False, "face_restoration_model": None}
_PICTURES = ("init_images", "mask", "latent_mask")


@dataclass(frozen=True)
class Said:
    """What was sent, the options that count for it, and what its always-on scripts say."""

    body: Drawing
    options: Options
    taken: Taken


def answer(said: Said, asked: GenerationRequest, drawn: Drawn, desk: Desk) -> dict[str, Any]:
    """`asked` is told of where nothing was drawn."""
    body, options = said.body, said.options
    images: list[str] = []
    sheets = [*drawn.sheets, *_grid(body, options, drawn, desk)]
    if body.send_images:
        files = [(each, ".png") for each in sheets]
        shown = drawn.pictures if drawn.shown else []
        files += [(desk.gallery.bytes(picture.id), _suffix(picture)) for picture in shown]
        files += [(each, ".png") for each in drawn.maps]
        images = [
            given.text(encoded(data, suffix, options, desk.gallery.again)) for data, suffix in files
        ]
    return {
        "images": images,
        "parameters": _echo(body),
        "info": json.dumps(_info(said, asked, drawn, len(sheets), desk), ensure_ascii=False),
    }


def encoded(data: bytes, suffix: str, options: Options, again: Again | None) -> bytes:
    """A file of the library, in the format that the caller's options ask for; `again` as for
    `exported`."""
    name = options.samples_format
    format = _FORMATS.get(name, name)
    own = Export(format="png")  # a file that is one already leaves as it is
    lossy = Export(format=format, quality=options.jpeg_quality)
    return exported(data, suffix, own if format == "png" else lossy, again)


def _suffix(picture: Picture) -> str:
    return picture.path.suffix if picture.path else ".png"


def _grid(body: Drawing, options: Options, drawn: Drawn, desk: Desk) -> list[bytes]:
    """As there: of several pictures, where they are to be saved."""
    pictures = drawn.pictures
    wanted = body.save_images and options.return_grid and body.send_images
    if not wanted or drawn.sheets or len(pictures) < 2:
        return []
    images = [reading.picture(desk.gallery.bytes(each.id)) for each in pictures]
    across = math.ceil(math.sqrt(len(images)))
    rows = [images[at : at + across] for at in range(0, len(images), across)]
    rows[-1] += [None] * (across - len(rows[-1]))
    term = xmp.together(xmp.term(each.request) for each in pictures)
    return [png_of(desk.gallery, sheet(rows), term, pictures[0].infotext)]


def map_of(request: GenerationRequest, number: int, desk: Desk) -> bytes:
    """A PNG: what unit `number`, from 1, was led by; of a picture that prompts itself."""
    try:
        return given.png(desk.map_again(request, number))
    except StudioError:
        unit = request.controls[number - 1]
        return desk.inputs.bytes((unit.image or request.task.image).partition(":")[2])


def _echo(body: Drawing) -> dict[str, Any]:
    told = body.model_dump(mode="json")
    if isinstance(body, ImageToImageBody) and not body.include_init_images:
        told |= dict.fromkeys(_PICTURES)
    return told


def _info(
    said: Said, asked: GenerationRequest, drawn: Drawn, first: int, desk: Desk
) -> dict[str, Any]:
    pictures = drawn.pictures
    request = pictures[0].request if pictures else asked
    prompts = [each.request.prompt for each in pictures] or [request.prompt]
    negative = [each.request.negative_prompt for each in pictures] or [request.negative_prompt]
    seeds = [each.seed for each in pictures]
    varied = [each.request.variation_seed_at(each.place) for each in pictures]
    subseeds = [-1 if seed is None else seed for seed in varied]
    infotexts = [each.infotext for each in pictures]
    warnings = [text for each in pictures for text in each.warnings]
    comments = dict.fromkeys([*said.taken.notes, *warnings])
    drawn_from_words = isinstance(request.task, TextToImage)
    strength = getattr(request.hires or request.task, "strength", None)
    if drawn_from_words and not request.hires:
        strength = None
    return (
        _NO_FACES
        | _models(request, desk)
        | {
            "prompt": prompts[0],
            "all_prompts": prompts,
            "negative_prompt": negative[0],
            "all_negative_prompts": negative,
            "seed": seeds[0] if seeds else request.seed,
            "all_seeds": seeds,
            "subseed": subseeds[0] if subseeds else -1,
            "all_subseeds": subseeds,
            "subseed_strength": request.variation_strength,
            "width": request.width,
            "height": request.height,
            "sampler_name": request.scheduler,
            "cfg_scale": request.guidance_scale,
            "steps": request.steps,
            "batch_size": request.batch_size,
            "seed_resize_from_w": request.seed_resize_from_width or -1,
            "seed_resize_from_h": request.seed_resize_from_height or -1,
            "denoising_strength": strength,
            "extra_generation_params": {},
            "index_of_first_image": first,
            "infotexts": infotexts[:1] * first + infotexts,
            "styles": list(said.body.styles),
            "job_timestamp": datetime.now().strftime("%Y%m%d%H%M%S"),
            "clip_skip": request.clip_skip,
            "is_using_inpainting_conditioning": False,
            "comments": "\n".join(desk.public(text) for text in comments),
            "version": f"Latent Studio {__version__}",
        }
    )


def _models(request: GenerationRequest, desk: Desk) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for kind, label, name in (
        ("checkpoint", "model", request.checkpoint),
        ("vae", "vae", request.vae),
    ):
        ref = next((each for each in desk.catalog.refs(kind) if each.name == name), None)
        told[f"sd_{label}_name"] = name
        told[f"sd_{label}_hash"] = ref and desk.catalog.short_hash(ref)
    return told

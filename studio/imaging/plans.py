"""What an editing request comes to: the canvas, what of it may change, the runs that draw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from studio.domain import geometry
from studio.domain.detailers import Detailer, Found
from studio.domain.errors import InvalidRequest, about
from studio.domain.geometry import Box, Size
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Details, ImageToImage, Inpaint, Outpaint, Task, TextToImage, Upscale
from studio.imaging import masks, outpainting, reading, refining, sketches
from studio.imaging.blending import blended
from studio.imaging.passes import Pass
from studio.imaging.resizing import crop, resized

__all__ = ["Pass", "Plan", "detail", "of_detail", "plan", "source_size"]


@dataclass(frozen=True, eq=False)
class Plan:
    """`before` is the picture as it was, RGB at the size of the result: resized, or, for an
    outpaint, with the rim smeared over what is new. `mask` (L, same size) is 0 where every byte is
    guaranteed to stay; None: nothing is. `passes` are run one after the other, each over what the
    last one left. `profile` is the ICC profile that the picture's values are in, and so those of
    what is drawn into it; None: sRGB. `size` is that of the result where `before` is to be enlarged
    first; None: it is as it is. `sketched` (RGB, as `before`) is what is drawn over where a sketch
    lies over it; None: `before` itself."""

    before: Image.Image
    mask: Image.Image | None
    passes: tuple[Pass, ...]
    profile: bytes | None = None
    size: Size | None = None
    sketched: Image.Image | None = None

    @property
    def begun(self) -> Image.Image:
        """What is drawn over: `before`, with its sketch."""
        return self.before if self.sketched is None else self.sketched

    @property
    def undrawn(self) -> Image.Image:
        """The result where nothing is drawn: what is drawn over, as far as the mask lets it."""
        if self.sketched is None:
            return self.before
        return blended(self.before, self.sketched, self.mask)


def source_size(task: Task, image_size: Size) -> Size:
    """The size by which a request settles its own: that of the task's picture, or of the canvas of
    an outpaint. Raises InvalidRequest where an outpaint adds nothing or far too much."""
    return outpainting.canvas_size(task, image_size) if isinstance(task, Outpaint) else image_size


def plan(request: GenerationRequest, read: Callable[[str], bytes]) -> Plan | None:
    """How to run `request`, which is settled; None where it begins with no picture.

    `read` gives the bytes of a task's picture by its reference and raises what it likes. Raises
    InvalidRequest, with the field's name, for pictures that cannot be read, masks that do not
    fit or cover nothing, and sketches that do not fit.
    """
    task, size = request.task, (request.width, request.height)
    if isinstance(task, TextToImage):
        return None
    image, profile = _picture(task.image, read)
    if isinstance(task, Upscale):
        larger = task.size(image.size)
        passes = refining.passes(larger, size[0], task.tile_overlap) if task.refine else ()
        plan_ = Plan(image, None, passes, size=larger)
    elif isinstance(task, Details):
        plan_ = Plan(image, None, ())
    elif isinstance(task, Outpaint):
        plan_ = _outpaint(task, image, size)
    elif isinstance(task, Inpaint):
        sketched = _sketched(task, image, profile, read)
        plan_ = _inpaint(task, image, _mask(task.mask, read), size, sketched)
    else:
        before, pass_over = _whole(task, _sketched(task, image, profile, read) or image, size)
        plan_ = Plan(before, None, (pass_over(None, False),))
    return replace(plan_, profile=profile)


def detail(
    image: Image.Image, thing: Found, detailer: Detailer, size: Size, profile: bytes | None
) -> Plan | None:
    """How to draw `thing`, found in `image`, once more at `size`; None where its mask is shrunk to
    nothing. `profile` is that of the picture."""
    mask = Image.new("L", image.size)
    mask.paste(thing.mask or 255, thing.box)
    mask = masks.blurred(masks.grown(mask, detailer.mask_grow), detailer.mask_blur)
    if mask.getbbox() is None:
        return None
    return replace(_only_masked(of_detail(detailer), image, mask, size), profile=profile)


def of_detail(detailer: Detailer) -> Inpaint:
    """What each of its things is drawn as; its pictures are at hand."""
    return Inpaint(
        image="-",
        mask="-",
        area="only_masked",
        padding=detailer.padding,
        strength=detailer.strength,
    )


def _picture(source: str, read: Callable[[str], bytes]) -> tuple[Image.Image, bytes | None]:
    data = read(source)
    with about("image"):
        return reading.with_profile(data)


def _mask(source: str, read: Callable[[str], bytes]) -> Image.Image:
    data = read(source)
    with about("mask"):
        return reading.mask(data)


def _sketched(
    task: ImageToImage | Inpaint,
    image: Image.Image,
    profile: bytes | None,
    read: Callable[[str], bytes],
) -> Image.Image | None:
    """`image`, whose values are in `profile`, with the sketch over it; None without one."""
    if task.sketch is None:
        return None
    data = read(task.sketch)
    with about("sketch"):
        sketch = reading.sketch(data)
    return sketches.laid_over(image, sketch, profile)


def _whole(
    task: ImageToImage | Inpaint,
    image: Image.Image,
    size: Size,
    sketched: Image.Image | None = None,
) -> tuple[Image.Image, Callable[[Image.Image | None, bool], Pass]]:
    """(picture at the result's size, what makes the one pass over it from a mask and `fill`); the
    pass begins with `sketched`, of the size of `image`, where there is one."""
    own = geometry.is_own_size(size, image.size)
    before = image if own else resized(image, size, task.resize_mode)
    unscaled = None
    if task.resize_mode == "latent_upscale" and _is_smaller(image.size, size):
        begun = image if sketched is None else sketched
        unscaled = crop(begun, Box(0, 0, *geometry.rounded_up(image.size)))
    if sketched is not None and not own:
        sketched = resized(sketched, size, task.resize_mode)

    def pass_over(mask: Image.Image | None, fill: bool) -> Pass:
        box = Box(0, 0, *size)
        return Pass(
            size=size,
            box=box,
            mask=mask and crop(mask, box),
            blend=mask and crop(_blend(mask, task), box),
            fill=fill,
            color_correction=task.color_correction,
            unscaled=unscaled,
            sketched=sketched,
        )

    return before, pass_over


def _is_smaller(size: Size, than: Size) -> bool:
    """Is a picture of `size` scaled up to `than`? Scaling latents down loses more than pixels."""
    own = geometry.rounded_up(size)
    return own != than and own[0] * own[1] < than[0] * than[1]


def _inpaint(
    task: Inpaint,
    image: Image.Image,
    mask: Image.Image,
    size: Size,
    sketched: Image.Image | None,
) -> Plan:
    mask = masks.prepared(mask, task, image.size)
    if sketched is not None:
        sketched = sketches.within(mask, sketched, image)
    if task.area == "only_masked":
        return _only_masked(task, image, mask, size, sketched)
    before, pass_over = _whole(task, image, size, sketched)
    if before.size != mask.size:
        mask = resized(mask, before.size, task.resize_mode)
        if mask.getbbox() is None:
            raise InvalidRequest(
                "what it covers is cut off by the resize mode. Choose another mode, or the size "
                "of the picture.",
                "mask",
            )
    pass_ = pass_over(mask, task.masked_content == "fill")
    if (sketched := pass_.sketched) is not None:
        sketched = sketches.within(mask, sketched, before)  # scaling has carried it beyond
    return Plan(before, mask, (pass_,), sketched=sketched)


def _only_masked(
    task: Inpaint,
    image: Image.Image,
    mask: Image.Image,
    size: Size,
    sketched: Image.Image | None = None,
) -> Plan:
    box = masks.crop_box(masks.bounding_box(mask), task.padding, size, image.size)
    masked = crop(mask, box)
    pass_ = Pass(
        size=size,
        box=box,
        mask=resized(masked, size),
        blend=_blend(masked, task),
        fill=task.masked_content == "fill",
        color_correction=task.color_correction,
        sketched=sketched,
    )
    return Plan(image, mask, (pass_,), sketched=sketched)


def _blend(mask: Image.Image, task: ImageToImage | Inpaint) -> Image.Image:
    """How the drawing is laid over the picture: through the mask; but a soft inpaint has already
    kept what gray parts let it keep, and would fade twice, so only the faintest fade here."""
    soft = isinstance(task, Inpaint) and task.soft
    return mask.point([min(255, level * _FADE) for level in range(256)]) if soft else mask


_FADE = 4
"""From 1/4 gray on, a soft inpaint's drawing is taken as it is."""


def _outpaint(task: Outpaint, image: Image.Image, size: Size) -> Plan:
    canvas, mask, passes = outpainting.laid_out(task, image, size)
    return Plan(canvas, mask, passes)

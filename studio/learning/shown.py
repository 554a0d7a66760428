"""What the pages of Learn show: pictures and numbers, as they travel. No torch."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel

from studio.imaging.blurring import blurred

_LEFT = 8
"""Of a map that is blurred, so many places along its longer side are left."""


class Sheet(BaseModel):
    """Pictures of one size on one: row after row, `columns` in each.

    image          a data-URI
    count          of the pictures
    width, height  of each, in pixels
    """

    image: str
    count: int
    columns: int
    width: int
    height: int

    @classmethod
    def of(cls, pictures: Sequence[Image.Image]) -> Sheet:
        """At least one, RGB or L, all of one size."""
        width, height = pictures[0].size
        columns = math.ceil(math.sqrt(len(pictures)))
        rows = math.ceil(len(pictures) / columns)
        sheet = Image.new("RGB", (columns * width, rows * height))
        for place, picture in enumerate(pictures):
            sheet.paste(picture, (place % columns * width, place // columns * height))
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=90, method=2)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        return cls(
            image=f"data:image/webp;base64,{data}",
            count=len(pictures),
            columns=columns,
            width=width,
            height=height,
        )

    def picture(self, number: int) -> Image.Image:
        """That of a number, counted from 0; a negative one from the end."""
        return self.pictures[range(self.count)[number]]

    @property
    def pictures(self) -> list[Image.Image]:
        """All of them, RGB."""
        sheet = Image.open(io.BytesIO(base64.b64decode(self.image.partition(",")[2])))
        corners = (
            (place % self.columns * self.width, place // self.columns * self.height)
            for place in range(self.count)
        )
        size = self.width, self.height
        return [sheet.crop((x, y, x + size[0], y + size[1])) for x, y in corners]


class Numbers(BaseModel):
    """An array of float32: its `shape`, and its values row after row, least byte first, in
    base64."""

    shape: list[int]
    data: str

    @classmethod
    def of(cls, values: Any) -> Self:
        """Those of a tensor on the CPU, or of an array."""
        array = np.ascontiguousarray(np.asarray(values, dtype="<f4"))
        return cls(shape=list(array.shape), data=base64.b64encode(array.tobytes()).decode("ascii"))

    def array(self) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.data), "<f4").reshape(self.shape)


class Maps(Numbers):
    """Numbers in which a picture can be seen: (…, h, w), a map for each channel or word."""

    def blurred(self) -> Maps:
        """The same of which no shape can be made out: each place the mean of those around it. That
        is linear, so that what is reckoned with them by hand stays true."""
        array = self.array()
        for axis in (-2, -1):
            side = array.shape[axis]
            begins = np.arange(0, side, math.ceil(max(array.shape[-2:]) / _LEFT))
            counts = np.diff([*begins, side])
            sums = np.add.reduceat(array, begins, axis)
            means = sums / (counts if axis == -1 else counts[:, None])
            array = np.repeat(means, counts, axis)
        return Maps.of(array)


class Part(BaseModel):
    """A page, or what one has several of."""

    def veiled(self) -> Self:
        """The same, all pictures and maps in it blurred."""
        return self.model_copy(update={name: _veiled(value) for name, value in self})


def _veiled(value: Any) -> Any:
    if isinstance(value, Sheet):
        return Sheet.of([blurred(picture) for picture in value.pictures])
    if isinstance(value, Maps):
        return value.blurred()
    if isinstance(value, Part):
        return value.veiled()
    return [_veiled(each) for each in value] if isinstance(value, list) else value


class Shown(Part):
    """`blurred`: the owner's filter found something in one of its pictures, so that all of them,
    and its maps, are shown blurred: they show the same thing in other ways."""

    blurred: bool = False


class NoiseInShown(Shown):
    """A picture going under in noise.

    caption         what the scene is; "" of a picture of one's own
    alphas_cumprod  ᾱ of each timestep of the training
    timesteps       those that the sheets show
    closed          z_t at once, with the one ε of the seed
    walked          z_t after t + 1 small steps, each with fresh noise
    apart           of each of `timesteps`, the largest difference of any number of z_t between the
                    walk and the closed form with the noise that the walk has gathered
    gathered        mean and standard deviation of that noise
    """

    caption: str
    alphas_cumprod: list[float]
    timesteps: list[int]
    closed: Sheet
    walked: Sheet
    apart: list[float]
    gathered: list[tuple[float, float]]


class NoiseOutShown(Shown):
    """A drawing, step by step, under DDIM. With n steps and latents of (C, h, w):

    timesteps       (n)
    alphas_cumprod  ᾱ of each step, and of what it leads to: (n + 1)
    latents         (n + 1, C, h, w), what each step begins with, and the end
    negative        (n, C, h, w), the noise predicted under the negative prompt
    positive        the same under the prompt
    estimates       n pictures: what the guided prediction says the end will be
    unguided        n pictures: what the prompt alone says, without guidance
    differences     n pictures: how far these two are apart, three times as strong
    picture         one: the end
    """

    guidance_scale: float
    timesteps: list[float]
    alphas_cumprod: list[float]
    latents: Maps
    negative: Maps
    positive: Maps
    estimates: Sheet
    unguided: Sheet
    differences: Sheet
    picture: Sheet


class TokenShown(BaseModel):
    """A token: what it stands for, its number in the vocabulary, and the number of the word of the
    prompt that it belongs to; -1: of none, as the marks at begin and end."""

    text: str
    id: int
    word: int


class PlaceShown(BaseModel):
    """A word on the map: `kind` is what sort of thing it names, or "prompt"."""

    word: str
    kind: str
    x: float
    y: float


class WordsShown(Shown):
    """How words act on a drawing. With n steps, w words and maps of (h, w):

    tokens      of the prompt, without what fills it up to `chunk`
    map         words as the text encoder reads them, laid flat by their two principal components,
                which hold the share `told` of what there is to tell them apart
    words       those of the prompt that are looked at
    attention   (n, w, h, w): how much each place reads each word at each step
    estimates   n pictures, what the drawing will be as far as is known at each step
    with_negative, without_negative, differences
                one picture each: the end, the same without the negative prompt, and how far they
                are apart, three times as strong
    """

    tokens: list[TokenShown]
    chunk: int
    map: list[PlaceShown]
    told: float
    words: list[str]
    attention: Maps
    estimates: Sheet
    with_negative: Sheet
    without_negative: Sheet
    differences: Sheet


class LatentSpaceShown(Shown):
    """The latent space: there and back, and walks through it.

    caption         what the scene is; "" of a picture of one's own
    pixels, latents  so many numbers are the picture, and its latents
    there, back, differences   one picture each: as it was, after the VAE, and how far they are
                    apart, three times as strong
    psnr_db         how alike the first two are
    shares          how far along the walks are looked at, 0 to 1
    mixed           pictures on the way from one to the other, mixed as pixels
    walked          the same as latents
    seeds           drawings on the arc from one seed's noise to the other's
    straight        one picture: half way on the straight line instead
    spreads         standard deviation of the noise half way, on the arc and on the straight line
    """

    caption: str
    pixels: int
    latents: int
    there: Sheet
    back: Sheet
    differences: Sheet
    psnr_db: float
    shares: list[float]
    mixed: Sheet
    walked: Sheet
    seeds: Sheet
    straight: Sheet
    spreads: tuple[float, float]


class LevelShown(Part):
    """What a ControlNet adds at one level of the U-Net: `channels` maps, of which the mean size is
    shown, (h, w), and `mean`, that of all of them."""

    channels: int
    mean: float
    size: Maps


class SteeringShown(Shown):
    """Ways to steer a drawing.

    caption      what the scene is; "" of a picture of one's own
    picture      one: what it begins with
    strengths    of image to image that are shown
    timesteps    at which each of them begins
    begun, drawn  a picture for each: what it begins with, and the end
    mask         one picture: white is drawn anew
    cells        (h, w), the same as the latents know it
    inpainted    one picture
    outside      how much any number of the latents changed where the mask is black
    map          one picture: the edges that the ControlNet sees
    levels       what it adds in the first step, from the first level down to the middle
    led, unled   one picture each, from the same noise: with the ControlNet, and without
    """

    caption: str
    picture: Sheet
    strengths: list[float]
    timesteps: list[float]
    begun: Sheet
    drawn: Sheet
    mask: Sheet
    cells: Numbers
    inpainted: Sheet
    outside: float
    map: Sheet
    levels: list[LevelShown]
    led: Sheet
    unled: Sheet


class TrainingShown(Shown):
    """A tiny network that learns one picture, as it is now.

    caption     what the scene is; "" of a picture of one's own
    parameters  so many numbers it has to learn
    steps       that it has learned so far, in so many `seconds`, looks and waits included
    losses      the mean square of what is wrong with its answers, from the first step to the last;
                each the mean of several
    picture     one: what it draws, from the noise of the seed
    done        nothing more will come
    """

    caption: str
    parameters: int
    steps: int
    seconds: float
    losses: list[float]
    picture: Sheet
    done: bool

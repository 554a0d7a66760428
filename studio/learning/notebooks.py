"""Pages of Learn as Jupyter notebooks (nbformat 4.5), whose cells ask the installed studio."""

from __future__ import annotations

import json
from typing import Any

from studio.learning import code
from studio.learning.pages import Page

_BEGIN = """\
from studio import Studio

studio = Studio(data_dir="learn-data")  # keeps what it remembers in this folder
shown = studio.learn("{name}")  # the real model at work: some seconds
print(shown.__doc__)"""

_ROW = """\
from PIL import Image

sheet = shown.{sheet}
row = Image.new("RGB", (6 * sheet.width, sheet.height))
for place in range(6):
    number = place * (sheet.count - 1) // 5
    row.paste(sheet.picture(number), (place * sheet.width, 0))
row
"""

_NOISE_IN = f"""\
The closed form jumps to any timestep at once. Here are some, from the picture to noise.
# %%
{_ROW.format(sheet="closed")}
# %%
The thousand small steps come to the same: the largest difference of any number.
# %%
max(shown.apart)
# %%
How much of the picture and how much noise is in it.
# %%
for timestep in shown.timesteps[::8]:
    level = shown.alphas_cumprod[timestep]
    print(timestep, "picture", round(level**0.5, 3), "noise", round((1 - level) ** 0.5, 3))
"""

_NOISE_OUT = f"""\
What the model believes the picture will be, at some of the steps.
# %%
{_ROW.format(sheet="estimates")}
# %%
One step by hand: guidance, the estimate of the clean latents, and the way to the next noise level.
The studio came to the same numbers.
# %%
import numpy as np

k = len(shown.timesteps) // 2
z = shown.latents.array()
levels = shown.alphas_cumprod
negative, positive = shown.negative.array()[k], shown.positive.array()[k]
noise = negative + shown.guidance_scale * (positive - negative)
clean = (z[k] - (1 - levels[k]) ** 0.5 * noise) / levels[k] ** 0.5
after = levels[k + 1] ** 0.5 * clean + (1 - levels[k + 1]) ** 0.5 * noise
float(np.abs(after - z[k + 1]).max())
"""

_WORDS = """\
The prompt as the model reads it.
# %%
[(token.text, token.id) for token in shown.tokens]
# %%
Which words are near "house" for the text encoder.
# %%
import math

house = next(one for one in shown.map if one.word == "house")
away = {one.word: math.dist((one.x, one.y), (house.x, house.y)) for one in shown.map}
sorted(away, key=away.get)[:8]
# %%
Where each word is read most, in the mean over all steps: row, column of the latents.
# %%
import numpy as np

maps = shown.attention.array().mean(0)
for word, each in zip(shown.words, maps):
    print(word, np.unravel_index(each.argmax(), each.shape), float(each.max()))
# %%
With the negative prompt.
# %%
shown.with_negative.picture(0)
# %%
Without it.
# %%
shown.without_negative.picture(0)
"""

_LATENT_SPACE = """\
There and back through the VAE: what is lost.
# %%
print(shown.pixels, "numbers as pixels,", shown.latents, "as latents:", shown.psnr_db, "dB")
shown.back.picture(0)
# %%
Half way between two pictures, as latents.
# %%
shown.walked.picture(2)
# %%
Half way between two seeds, on the arc; and the spread of the noise there and on the straight line.
# %%
print(shown.spreads)
shown.seeds.picture(2)
"""

_TRAINING = """\
How wrong its answers were, from the first steps to the last.
# %%
[round(loss, 3) for loss in shown.losses[:: max(1, len(shown.losses) // 10)]]
# %%
What it draws now.
# %%
print(shown.parameters, "numbers learned in", shown.steps, "steps")
shown.picture.picture(0)
"""

_STEERING = """\
Image to image: the strength says at which timestep it begins.
# %%
list(zip(shown.strengths, shown.timesteps))
# %%
The picture at a strength of a half.
# %%
shown.drawn.picture(1)
# %%
Inpainted: outside the mask no number of the latents changed by more than this.
# %%
print(shown.outside)
shown.inpainted.picture(0)
# %%
What the ControlNet adds, from the first level to the middle: channels, size, mean.
# %%
[(level.channels, level.size.shape, level.mean) for level in shown.levels]
# %%
Drawn with the ControlNet, from the edges of the picture.
# %%
shown.led.picture(0)
"""

_CELLS = {
    "noise-in": _NOISE_IN,
    "noise-out": _NOISE_OUT,
    "latent-space": _LATENT_SPACE,
    "words": _WORDS,
    "training": _TRAINING,
    "steering": _STEERING,
}
"""Page -> words and code in turn, parted by lines `# %%`."""


def notebook(page: Page) -> str:
    """The page as the text of an .ipynb file."""
    cells = [
        _words(f"# {page.title}\n\n$${page.equation}$$\n\n{page.paper}"),
        _code(_BEGIN.format(name=page.name)),
    ]
    for number, text in enumerate(_CELLS[page.name].split("# %%\n")):
        cells.append((_code if number % 2 else _words)(text.strip()))
    for where in page.code:
        found = code.excerpt(*where)
        text = f"`{found.file}`, line {found.line}:\n\n```python\n{found.text}\n```"
        cells.append(_words(text))
    cells.append(_code("studio.close()"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": [cell | {"id": f"cell-{number}"} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1)


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    empty = {"execution_count": None, "metadata": {}, "outputs": []}
    return {"cell_type": "code", "source": text} | empty

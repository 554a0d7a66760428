"""The pictures that the LoRA `blueprint` learns from: `python -m studio.picturebook.blueprint
FOLDER` draws them, each with its caption beside it, as `studio train lora FOLDER` reads them.

They are scenes of picturebook's own world, recoloured, under their usual captions, so that nothing
but the look is new. All seeds are fixed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from studio.picturebook.world import TRAINED, Scene

SEED = 77
SIZES = ((256, 256), (320, 192), (192, 320), (128, 128))
INK, PAPER = (236, 244, 255), (18, 52, 120)


def blueprint(picture):
    """The picture in white ink on blue paper: uint8 (height, width, 3) in and out.

    Light stays light, so that a prompt's day and night can be told apart still.
    """
    light = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    light = light[..., None] ** 1.3
    return (np.array(PAPER) * (1 - light) + np.array(INK) * light).round().astype(np.uint8)


def write(folder, count):
    """Draw `count` pictures, of SIZES in turn, into `folder`, with a caption beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    for number in range(count):
        scene = Scene.random(rng, pairs=TRAINED)
        picture = blueprint(np.asarray(scene.draw(SIZES[number % len(SIZES)])))
        Image.fromarray(picture).save(folder / f"{number:03}.png")
        (folder / f"{number:03}.txt").write_text(scene.caption(rng))


def main(argv=None):
    """Draw them; returns the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m studio.picturebook.blueprint")
    arguments.description = "Draws the pictures that the LoRA blueprint learns from."
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--count", type=int, default=160)
    options = arguments.parse_args(argv)
    write(options.folder, options.count)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A golden set: forty requests, and the sha256 of the pixels that each draws.

`python -m tests.golden record FILE` writes it, `python -m tests.golden check FILE` draws again and
says which pictures are others now: for changes that must not change a byte. Pictures depend on the
machine, so a record is made before such a change, on the machine where it is checked after it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from studio import GenerationRequest, Settings, Studio
from studio.settings import assets_dir

THREADS = 1
SIZE = (96, 96)
WORDS = {"prompt": "a red house on a meadow", "seed": 7, "steps": 6, "width": 96, "height": 96}
INPAINT = {"kind": "inpaint", "image": "scene.png", "mask": "mask.png"}
ONLY_MASKED = {**INPAINT, "area": "only_masked", "padding": 8}
TO_IMAGE = {"kind": "image_to_image", "image": "scene.png", "strength": 0.6}
OUTPAINT = {"kind": "outpaint", "image": "scene.png"}


def sampler(name: str, schedule: str = "automatic", **fields: Any) -> dict[str, Any]:
    return {"scheduler": name, "noise_schedule": schedule, **fields}


def unit(kind: str, preprocessor: str, **fields: Any) -> dict[str, Any]:
    name = f"picturebook-controlnet-{kind}"
    return {"controlnet": name, "preprocessor": preprocessor, "image": "scene.png", **fields}


REQUESTS: dict[str, dict[str, Any]] = {
    # samplers and noise schedules
    "plain": {},
    "euler karras": sampler("Euler", "karras"),
    "euler churn": sampler("Euler", s_churn=10, s_tmin=0.1, s_noise=1.01),
    "euler a": sampler("Euler a"),
    "euler a eta": sampler("Euler a", "exponential", eta=0.5),
    "2m sde": sampler("DPM++ 2M SDE", "karras"),
    "sde": sampler("DPM++ SDE", steps=4),
    "3m sde": sampler("DPM++ 3M SDE", "exponential"),
    "heun": sampler("Heun", "sgm_uniform", steps=4),
    "2s a": sampler("DPM++ 2S a", "polyexponential", steps=4),
    "dpm adaptive": sampler("DPM adaptive"),
    "dpm fast": sampler("DPM fast"),
    "cfg++": sampler("Euler CFG++", guidance_scale=6),
    "lcm": sampler("LCM", guidance_scale=1.5),
    "tcd": sampler("TCD", eta=0.4),
    "ddim eta": sampler("DDIM", eta=0.7),
    "unipc beta": sampler("UniPC", "beta"),
    "lms": sampler("LMS", "kl_optimal", steps=8),
    "restart": sampler("Restart", "simple"),
    "plms": sampler("PLMS", steps=8),
    "ays": sampler("DPM++ 2M", "align_your_steps", steps=8),
    # words, guidance, sizes
    "negative": {"negative_prompt": "night, snow", "guidance_scale": 9},
    "guidance 1": {"guidance_scale": 1},
    "rescale": {"guidance_rescale": 0.7, "guidance_scale": 12},
    "clip skip": {"clip_skip": 2},
    "long prompt": {"prompt": ", ".join(["a green tree by the sea at sunset"] * 14), "width": 64},
    "empty, wide": {"prompt": "", "width": 128, "height": 64},
    "batch": {"batch_size": 3, "width": 64, "height": 64},
    # LoRAs
    "lora": {"loras": ["blueprint:1"]},
    "lora by halves": {"loras": ["blueprint:0.5:0"], **sampler("Euler a")},
    "lora, negative": {"loras": ["blueprint:-0.4:0.7"], "batch_size": 2, "steps": 4},
    # pictures
    "image to image": {"task": TO_IMAGE},
    "image to image, fitted": {
        "task": {**TO_IMAGE, "resize_mode": "crop_and_resize", "color_correction": True},
        "width": 128,
        "height": 64,
        **sampler("Heun"),
    },
    "inpaint": {"task": {**INPAINT, "strength": 0.9, "mask_grow": 2}, **sampler("DPM++ 2M SDE")},
    "inpaint, soft": {"task": {**INPAINT, "soft": True, "strength": 1, "mask_blur": 8}},
    "inpaint, only masked": {"task": {**ONLY_MASKED, "masked_content": "latent_noise"}},
    "outpaint": {"task": {**OUTPAINT, "right": 32, "top": 16}, "width": None, "height": None},
    # ControlNets
    "canny": {"controls": [unit("canny", "canny", settings={"low_threshold": 60})]},
    "scribble in a region": {
        "controls": [
            unit("scribble", "scribble_xdog", scale=0.8, end=0.7, mode="control", mask="mask.png")
        ],
        "loras": ["blueprint:0.8"],
    },
    "segmentation, two units": {
        "controls": [
            unit("segmentation", "segmentation", mode="prompt"),
            unit("canny", "lineart_standard", scale=0.6, start=0.2),
        ],
        "task": {**INPAINT, "strength": 0.8},
    },
}


def write_pictures(folder: Path) -> None:
    """A small landscape, and a mask with gray in it."""
    scene = Image.new("RGB", SIZE, (150, 200, 240))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, 60, 96, 96), fill=(90, 160, 70))
    draw.rectangle((24, 40, 60, 74), fill=(200, 60, 50))
    draw.polygon([(20, 40), (42, 20), (64, 40)], fill=(110, 60, 40))
    draw.ellipse((70, 8, 86, 24), fill=(250, 230, 120))
    scene.save(folder / "scene.png")
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[30:80, 40:88] = 255
    mask[30:80, 60:70] = 140
    Image.fromarray(mask).save(folder / "mask.png")


def placed(value: Any, folder: Path) -> Any:
    """`value` with the names of our pictures as paths in `folder`."""
    if isinstance(value, dict):
        return {key: placed(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [placed(inner, folder) for inner in value]
    return str(folder / value) if value in ("scene.png", "mask.png") else value


def machine() -> dict[str, Any]:
    """What pictures depend on beside the code."""
    weights = hashlib.sha256()
    for path in sorted((assets_dir() / "models").rglob("*.safetensors")):
        weights.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "weights": weights.hexdigest(),
    }


def draw_all() -> dict[str, list[str]]:
    """Name of a request -> sha256 of each of its pictures' pixels, drawn on the CPU."""
    drawn = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder)
        settings = Settings(device="cpu", dtype="float32", data_dir=folder / "data")
        with Studio(settings) as studio:
            for title, fields in REQUESTS.items():
                since_s = time.monotonic()
                request = GenerationRequest.parse(placed({**WORDS, **fields}, folder))
                images = [picture.image for picture in studio.generate(request)]
                drawn[title] = [
                    hashlib.sha256(
                        f"{image.mode} {image.size} ".encode() + image.tobytes()
                    ).hexdigest()
                    for image in images
                ]
                print(f"{time.monotonic() - since_s:6.2f} s  {title}", flush=True)
    return drawn


def check(record: dict[str, Any]) -> list[str]:
    """What differs from `record`, in lines."""
    now = machine()
    wrong = [
        f"another machine: {name} was {record['machine'][name]} and is {now[name]}"
        for name in now
        if record["machine"][name] != now[name]
    ]
    drawn = draw_all()
    for title in sorted(drawn.keys() | record["pictures"].keys()):
        if drawn.get(title) != record["pictures"].get(title):
            wrong.append(f"another picture: {title}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("do", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    if given.do == "record":
        record = {"machine": machine(), "pictures": draw_all()}
        given.file.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        print(f"{len(record['pictures'])} requests recorded in {given.file}")
        return 0
    wrong = check(json.loads(given.file.read_text("utf-8")))
    print("\n".join(wrong) or "all pictures are the same bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

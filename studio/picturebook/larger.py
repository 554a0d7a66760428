"""Pictures of twice the native size, for `evaluate --hires`: by a second drawing, and at once."""

from functools import partial

import numpy as np
import torch

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.picturebook.training import MODEL_DIR
from studio.residence.manager import ModelManager

WAYS = ("hires", "plain")
HIRES = {"factor": 2, "upscaler": "Lanczos", "strength": 0.3}
"""Little is drawn anew: the second drawing is as new to the model as a plain one of that size. By
half of it, or as much as is usual, one object in three became another."""


def larger_pictures(prompts, steps, native, device, ways=WAYS):
    """Each of `ways` -> float (prompts, 3, native, native) in -1..1: drawn at twice that size,
    then scaled down to what the judge reads."""
    catalog = Catalog((MODEL_DIR.parent,))
    ref = catalog.find("picturebook")
    engine = StableDiffusionEngine(ModelManager(device), partial(select, catalog))
    common = {"steps": steps, "guidance_scale": ref.family.guidance_scale}
    own = {
        "hires": {"width": native, "height": native, "hires": HIRES},
        "plain": {"width": 2 * native, "height": 2 * native},
    }
    found = {way: [] for way in ways}
    for seed, prompt in enumerate(prompts):
        for way in ways:
            request = GenerationRequest(prompt=prompt, seed=seed, **common, **own[way])
            image = _drawn(engine, request.settled(ref.name, ref.family))
            pixels = np.asarray(image.resize((native, native)), np.float32) / 127.5 - 1
            found[way].append(torch.from_numpy(pixels).permute(2, 0, 1))
    return {way: torch.stack(pictures) for way, pictures in found.items()}


def _drawn(engine, request):
    event = ended(engine, request)
    if not isinstance(event, Finished):
        raise RuntimeError(event)
    return event.pictures[0].image

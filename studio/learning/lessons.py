"""The pages of Learn at work: each a generator that is run in pieces by the device's thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import Any

import torch
from PIL import Image

from studio.domain.control import ControlInput
from studio.domain.request import GenerationRequest
from studio.engine.run import Resources
from studio.jobs.errands import NotNow
from studio.learning.asked import Asked, OfPicture
from studio.learning.bench import Bench
from studio.learning.latent_space import latent_space
from studio.learning.noise_in import noise_in
from studio.learning.noise_out import noise_out
from studio.learning.scenes import picture_of
from studio.learning.small_training import training
from studio.learning.steering import CONTROLNET, steering
from studio.learning.words import words

Lesson = Callable[[Bench, Any, Image.Image | None], Generator[None, None, Any]]

LESSONS: Mapping[str, Lesson] = {
    "noise-in": noise_in,
    "noise-out": noise_out,
    "latent-space": latent_space,
    "words": words,
    "training": training,
    "steering": steering,
}
"""Those of `pages.PAGES`."""

_SEEN = {"words"}
"""Of these it is looked at where words act."""

_LED_BY = {"steering": (ControlInput(controlnet=CONTROLNET, preprocessor="canny"),)}
"""The ControlNet units that these need."""


class _Looking:
    """Who borrows."""


def pieces(
    resources: Resources,
    page: str,
    asked: Asked,
    request: GenerationRequest,
    own: Image.Image | None,
    kept: dict[str, Any] | None = None,
) -> Generator[None, None, Any]:
    """What `page` shows of `asked`; `request` is that of `asked`, settled, `own` its picture.
    `kept` is what a page that lasts keeps from look to look. Raises `NotNow` while others hold what
    it needs."""
    request = request.model_copy(update={"controls": _LED_BY.get(page, ())})
    work = _work(resources, page, asked, request, own, {} if kept is None else kept)
    try:
        while True:
            with torch.inference_mode():  # as whatever else the models are asked for
                try:
                    next(work)
                except StopIteration as end:
                    return end.value
            yield
    finally:
        with suppress(RuntimeError):
            work.close()


def _work(
    resources: Resources,
    page: str,
    asked: Asked,
    request: GenerationRequest,
    own: Image.Image | None,
    kept: dict[str, Any],
) -> Generator[None, None, Any]:
    manager, owner, size = resources.manager, _Looking(), (request.width, request.height)
    with manager.borrow(resources.select(request), owner) as lease:
        for _ in manager.prepare(lease):
            if lease.waits_for:
                raise NotNow(lease.waits_for)
            yield
        canvas = None
        if isinstance(asked, OfPicture):
            canvas, _ = picture_of(asked.scene, own, size)
        bench = Bench(lease, request, resources, canvas=canvas, is_seen=page in _SEEN)
        bench.kept = kept
        return (yield from LESSONS[page](bench, asked, own))

"""What a model knows already, in pictures that it draws itself before it learns anything: learnt
beside the new ones they keep it there (prior preservation, arXiv:2208.12242, section 3.2).

They stay latents. Nobody looks at them, and a VAE's way to pixels and back would only blur them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from studio.diffusion import guidance, shared_call
from studio.diffusion.conditioning import Conditioning, Prompt
from studio.diffusion.denoise import Ask, denoise
from studio.diffusion.latents import generators, initial_noise
from studio.domain.errors import EngineError, SaveError
from studio.domain.sampling import Sampling
from studio.domain.training import LoraTraining, Preparing
from studio.training import keeping
from studio.training.dataset import Dataset, without_trigger
from studio.training.models import Pictures, Trainee


def prompts(training: LoraTraining, dataset: Dataset) -> list[str]:
    """Of each picture that is to be drawn, in turn those that there are; those of the folder `reg`
    need not be drawn."""
    missing = training.prior_pictures - len(dataset.prior)
    own = (without_trigger(each.caption, training.trigger) for each in dataset.pictures)
    different = training.prior_prompts or tuple(dict.fromkeys(own))
    return [different[place % len(different)] for place in range(missing)]


def draw(
    wanted: Sequence[str], trainee: Trainee, training: LoraTraining, folder: Path, into: Pictures
) -> Iterator[Preparing]:
    """Put a picture for each of the prompts `wanted` into `into`, square and of the training's
    resolution, telling after each call of the U-Net. `trainee` must know nothing new yet.

    Each is kept in `folder`, and taken from there when the training goes on. Raises `EngineError`
    where the model draws none.
    """
    side = training.resolution
    for place, prompt in enumerate(wanted):
        seed = training.seed + place
        path = folder / f"{_digest(trainee, prompt, seed, side)}.pt"
        latents = _kept(path)
        if latents is None:
            latents = yield from _drawn(trainee, prompt, seed, (place, len(wanted)), side)
            with suppress(SaveError):  # it can be drawn again
                keeping.write(path, lambda partial, drawn=latents: torch.save(drawn, partial))
        into.add(latents, (side, side), prompt)
        yield Preparing("prior pictures", place + 1, len(wanted))


def _digest(trainee: Trainee, *told: str | int) -> str:
    """Names a picture by all that it depends on."""
    of = trainee.ref.name, trainee.ref.file.size_bytes, str(trainee.unet.dtype)
    return hashlib.sha256(json.dumps([*of, *told]).encode()).hexdigest()[:24]


def _kept(path: Path) -> torch.Tensor | None:
    try:
        return torch.load(path, weights_only=True)
    except Exception:  # there is none, or it is broken: it is drawn again
        return None


def _drawn(
    trainee: Trainee, prompt: str, seed: int, told: tuple[int, int], side: int
) -> Generator[Preparing, None, torch.Tensor]:
    """Its latents (1, C, h, w) float32, in host memory."""
    family, sampling = trainee.family, _sampling(trainee)
    with torch.no_grad():
        texts = trainee.read([prompt, ""])
    positive, negative = (
        Prompt(((1.0, family.at_size(text, is_negative, (side, side))),))
        for text, is_negative in zip(texts, (False, True), strict=True)
    )
    conditioning = Conditioning((positive,), negative, sampling.guidance_scale)
    chance, cells = generators([seed]), side // family.vae_factor
    noise = initial_noise(chance, family.latent_channels, cells, cells).to(trainee.device)
    predictor = family.predictor(trainee.unet)
    scheduler = family.scheduler(trainee.ref, sampling, [seed])
    loop, answer = denoise(noise, scheduler, sampling.steps, conditioning, chance), None
    while True:
        try:
            asked = loop.send(answer)
        except StopIteration as ended:
            latents = ended.value
            break
        answer = None
        if isinstance(asked, Ask):
            with torch.no_grad():
                [predicted] = shared_call.predict(predictor, [guidance.rows(asked)])
            answer = guidance.mix(asked, predicted, family.guided)
            yield Preparing("prior pictures", *told)
    if not torch.isfinite(latents).all():
        raise EngineError(
            f"{trainee.ref.name} draws no picture of {prompt!r}: its numbers leave their range. "
            "Train with --precision float32, or without --prior-pictures."
        )
    return latents.cpu()


def _sampling(trainee: Trainee) -> Sampling:
    family = trainee.family
    return Sampling(steps=family.steps, guidance_scale=family.guidance_scale)

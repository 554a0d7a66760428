"""The models of a lease, conditioned by a drawing's prompts: what answers its passes' asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence

import torch
from PIL import Image

from studio.diffusion import guidance, preview
from studio.diffusion.approximation import Approximation
from studio.diffusion.attention import Attention
from studio.diffusion.conditioning import Conditioning, Prompt, TextModels, Word
from studio.diffusion.denoise import Ask, Guided
from studio.diffusion.rows import Unit
from studio.domain import prompt_dialects as dialects
from studio.domain.control import ControlInput
from studio.domain.geometry import Size
from studio.domain.prompt_mixtures import mixture
from studio.domain.seamless import TilingName
from studio.engine import word_places
from studio.engine.controlling import Controls
from studio.engine.recipe import Draw
from studio.engine.run import Predict, Resources
from studio.engine.texts import read_texts
from studio.engine.vae import Vae
from studio.imaging.passes import Pass
from studio.residence.lease import Lease

_NO_CROSS_ATTENTION = (
    "Where the words act cannot be told: {} does not read them by cross attention. Take a "
    "checkpoint of Stable Diffusion."
)
_NO_UNET = (
    "{} has no U-Net of which deep layers could be left out: at most the negative prompt was, in "
    "the last steps."
)
_ALL_EXACT = (
    "Nothing could be approximated: that takes more steps, a sampler that does not choose them by "
    "itself, and a prompt that does not change at each of them."
)
_BLENDED = (
    "Where the words act cannot be told of texts that are blended. Leave .blend and .and out of "
    "the prompt."
)


class Conditioned:
    """`lease` at the disposal of `draw`.

    controls  the ControlNet units, whose nets are among the models
    canvas    RGB, what units without a picture of their own make their maps from; None: there is
              none
    is_seen   where the words of the prompt act is to be looked at
    """

    def __init__(
        self,
        lease: Lease,
        draw: Draw,
        controls: Sequence[ControlInput],
        canvas: Image.Image | None,
        resources: Resources,
        *,
        is_seen: bool = False,
    ) -> None:
        self._lease, self._models = lease, lease.models
        self._controls = Controls(controls, lease.selection, resources.read, resources.map_of)
        self.family = self._models.ref.family
        if self._models.image_encoders:
            lease.bring("image_encoder")
            nets, encoders = self._models.controlnets, self._models.image_encoders
            self._controls.look(nets, encoders, canvas)
        lease.bring(*self.family.text_parts, "vae")
        self.vae = Vae(lease)
        execution = resources.execution if lease.stays else None
        self._predictor = self.family.predictor(self._models.backbone, execution)
        self._sampling, self._is_seen = draw.sampling, is_seen
        self._is_blended = False
        self._prompts, self._negative = self._read(draw, resources.manager.device)

    @property
    def takes_mask(self) -> bool:
        """Its backbone takes mask and masked latents beside the latents (9 channels)."""
        return self._models.backbone.config.in_channels > self.family.latent_channels

    @property
    def untold(self) -> tuple[str, ...]:
        """Why it cannot be told where the words of the prompt act, if it cannot."""
        if not self.family.tells_words:
            return (_NO_CROSS_ATTENTION.format(self.family.name),)
        return (_BLENDED,) if self._is_blended else ()

    def conditioning(self, size: Size, tiling: TilingName) -> Conditioning:
        """What a picture of `size` is steered by."""
        negative = self._negative and self._at_size(self._negative, True, size)
        return Conditioning(
            tuple(self._at_size(prompt, False, size) for prompt in self._prompts),
            negative,
            self._sampling.guidance_scale,
            self._sampling.guidance_rescale if negative else 0.0,
            tiling=tiling,
        )

    def units(self, pass_: Pass, canvas: Image.Image | None, tiling: TilingName) -> list[Unit]:
        """The ControlNet units for `pass_` over `canvas` (as above)."""
        self._lease.bring(self.family.backbone)
        if not self._controls.units:
            return []
        return self._controls.at_work(self._models.controlnets, pass_, canvas, tiling)

    def predict(
        self,
        ask: Ask,
        units: Sequence[Unit],
        attention: Attention | None = None,
        approximation: Approximation | None = None,
    ) -> Generator[Predict, torch.Tensor | None, torch.Tensor | Guided | None]:
        """The answer to `ask`, with the help of `units`; None where nobody waits for it any
        more. What is seen of the words on the way goes to `attention`, in calls of all blocks; with
        `approximation` it is answered by as little as that allows."""
        acting = [unit for unit in units if unit.acting.covers(ask)]
        way = approximation or guidance
        rows = way.rows(ask, acting)
        if attention is not None and not rows.is_shallow:
            texts = [prompt.at(ask.begun) for prompt in ask.conditioning.prompts]
            watched = attention.watched(texts, ask.begun, rows.negatives)
            rows = dataclasses.replace(rows, watched=watched)
        predicted = yield Predict(self._models.backbone, self._predictor, rows)
        return None if predicted is None else way.mix(ask, predicted, self.family.guided)

    def approximation(self) -> Approximation | None:
        """Of the pass that begins; None where everything is to be exact."""
        if not self._sampling.approximate:
            return None
        return Approximation(self.family.has_deep_blocks)

    def remarks(self, approximation: Approximation) -> tuple[str, ...]:
        """What is to be said of a pass that was to be approximated, once it is over."""
        if not self.family.has_deep_blocks:
            return (_NO_UNET.format(self.family.name),)
        return (_ALL_EXACT,) if approximation.is_exact else ()

    def previewer(self) -> preview.Previewer:
        factors = self.family.preview_factors, self.family.preview_bias
        return preview.previewer(factors, self._models.preview_decoder, self._models.tiny_vae)

    def _at_size(self, prompt: Prompt, is_negative: bool, size: Size) -> Prompt:
        texts = [
            (until, self.family.at_size(text, is_negative, size)) for until, text in prompt.texts
        ]
        return dataclasses.replace(prompt, texts=tuple(texts))

    def _read(self, draw: Draw, device: torch.device) -> tuple[tuple[Prompt, ...], Prompt | None]:
        """The prompts, and the negative one where guidance is on or several are mixed: each text
        that any of them is at some step is read once, all together."""
        models, steps = self._models, draw.steps
        dialect = draw.sampling.prompt_dialect
        parts = dialects.reading(draw.prompt, dialect).parts
        positive = [
            (dialects.schedule(part.text, dialect, steps, draw.begun), part.weight)
            for part in parts
        ]
        is_guided = draw.sampling.guidance_scale > 1 or len(parts) > 1
        against = dialects.reading(draw.negative_prompt, dialect).text
        negative = dialects.schedule(against, dialect, steps, draw.begun)
        asked = dict.fromkeys((text, False) for texts, _ in positive for _, text in texts)
        if is_guided:
            asked |= dict.fromkeys((text, True) for _, text in negative)
        emphasis = draw.sampling.emphasis if self.family.takes_weights else "none"
        text_models = TextModels(
            self.family, models.tokenizers, models.text_encoders, models.embeddings
        )
        told = draw.sampling.clip_skip, draw.sampling.emphasis, dialect, emphasis
        known = self._lease.once(
            ("texts", *asked, *told),
            lambda: read_texts(asked, draw.sampling, emphasis, text_models, device),
        )

        def prompt(texts: list[tuple[int, str]], weight: float, is_negative: bool) -> Prompt:
            of_time = [(end / steps, known[text, is_negative]) for end, text in texts]
            return Prompt(tuple(of_time), weight)

        prompts = tuple(prompt(texts, weight, False) for texts, weight in positive)
        if self._is_seen:
            words = word_places.words(draw, emphasis, text_models)
            all_texts = (text for texts, _ in positive for _, text in texts)
            self._is_blended = any(mixture(text, dialect).how != "one" for text in all_texts)
            prompts = tuple(map(_with_words, prompts, words))
        return prompts, prompt(negative, 1.0, True) if is_guided else None


def _with_words(prompt: Prompt, words: Sequence[tuple[Word, ...]]) -> Prompt:
    """`prompt`, the words of its texts told."""
    texts = [
        (until, dataclasses.replace(text, words=own))
        for (until, text), own in zip(prompt.texts, words, strict=True)
    ]
    return dataclasses.replace(prompt, texts=tuple(texts))

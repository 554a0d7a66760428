"""What is learnt, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from studio.domain.refs import ModelRef
from studio.domain.training import AnyTraining
from studio.training import buckets
from studio.training.models import Pictures


@dataclass(frozen=True)
class Lessons:
    """training    with the resolution chosen
    ref         the checkpoint
    dtype       what is computed with
    learnt_from, repeats
                pictures, and how often each of them counts in an epoch
    tested_on   those of the validation
    prior       those of what the model knows already
    """

    training: AnyTraining
    ref: ModelRef
    dtype: torch.dtype
    learnt_from: Pictures
    repeats: list[int]
    tested_on: Pictures
    prior: Pictures = field(default_factory=Pictures)

    def subjects(self) -> list[Subject]:
        """What has a batch in each step: the pictures, and those of what is known already."""
        training = self.training
        found = [Subject(self.learnt_from, self.repeats, training)]
        if self.prior.latents:
            weight = training.prior_loss_weight
            found.append(Subject(self.prior, [1] * len(self.prior.latents), training, weight, 1))
        return found


class Subject:
    """Pictures that have a batch in each step, whose error counts `weight` times; `key` keeps their
    order and how their captions are read apart from those of others."""

    def __init__(
        self,
        pictures: Pictures,
        repeats: list[int],
        training: AnyTraining,
        weight: float = 1.0,
        key: int = 0,
    ) -> None:
        self.pictures, self.weight = pictures, weight
        self._repeats, self._training, self._key = repeats, training, key
        self._batches: Iterator[list[int]] = iter(())

    def begin(self, step: int) -> None:
        """The next batch is the first of those that come after `step` steps."""
        training = self._training
        seed, size = training.seed + self._key, training.batch_size
        whole = buckets.batches(self.pictures.sizes, self._repeats, size, seed)
        self._batches = islice(whole, step * training.gradient_accumulation_steps, None)

    @property
    def batches_of_epoch(self) -> int:
        sizes, size = self.pictures.sizes, self._training.batch_size
        counts = Counter()
        for each, count in zip(sizes, self._repeats, strict=True):
            counts[each] += count
        return sum(-(-count // size) for count in counts.values())

    def batch(self, number: int) -> tuple[list[int], list[str]]:
        """(places, captions) of batch `number`, the next one; captions as they are read then."""
        places = next(self._batches)
        rng = np.random.default_rng((self._training.seed, 2 + self._key, number))
        captions = [
            self._training.read_as(self.pictures.captions[place], chance)
            for place, chance in zip(places, rng.random(len(places)), strict=True)
        ]
        return places, captions

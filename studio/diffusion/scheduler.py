"""What the denoise loop asks of a scheduler. Our samplers answer it themselves, the classes of
diffusers through one adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch

from studio.diffusion.laws import Law


class Level(NamedTuple):
    """Of the sample of a U-Net call: the weights of the clean latents and of the noise in it, and
    the share of the run that is behind it, 0 to 1. Sigma and progress are (B, 1, 1, 1) where each
    picture has its own pace."""

    signal: float
    sigma: float | torch.Tensor
    progress: float | torch.Tensor


CLEAN = Level(1.0, 0.0, 1.0)
"""That of what a run ends with."""


class Beginning(NamedTuple):
    """The index of the first U-Net call, and what unit noise is multiplied by to begin there with
    noise alone."""

    index: int
    noise_sigma: float | torch.Tensor


@dataclass(frozen=True, eq=False)
class Traits:
    """What stays the same for a whole run.

    law              what `step` takes samples and the model's answers for
    wants_negative   `step` needs the prediction under the negative prompt too
    guidance_factor  what the guidance scale is multiplied by
    """

    law: Law
    wants_negative: bool = False
    guidance_factor: float = 1.0


class Scheduler(Protocol):
    """Made for one run, and of no use after it: it has state. Its U-Net calls are told by their
    index in `timesteps`, from that of `begin` on, one after the other.

    timesteps  one a U-Net call, (calls,) on the host: in none of them anything waits for the
               device. An adaptive one replaces them as it goes, and has one for each row,
               (calls, B)
    """

    timesteps: torch.Tensor

    @property
    def traits(self) -> Traits: ...

    def begin(self, steps: int, strength: float = 1.0) -> Beginning:
        """Fix the run. Of the `steps` the share `strength`, above 0 to 1, is gone through, rounded
        down as diffusers does, but always one."""
        ...

    def scaled(self, latents: torch.Tensor, index: int) -> torch.Tensor:
        """What the model is to see of `latents`: what its law of time says at that timestep."""
        ...

    def step(
        self,
        noise_pred: torch.Tensor,
        index: int,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
        negative_pred: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The latents of the next call, from the prediction for those of this one. Noise that is
        added comes from each row's own generator, on the CPU."""
        ...

    def level(self, index: int) -> Level:
        """Of the latents of the call that comes next, whose index it is; `CLEAN` after the
        last."""
        ...


def steps_left_out(steps: int, strength: float) -> int:
    """So many of the first are not gone through."""
    return steps - max(1, int(steps * strength))

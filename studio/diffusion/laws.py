"""Laws of time: how much of the clean latents and of the noise is in a sample at a timestep, and
what a prediction says of the clean ones. A model obeys the one that it was trained under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class Law(Protocol):
    def level(self, timesteps: torch.Tensor) -> torch.Tensor:
        """What `clean` needs to know of each of these timesteps, float32 of their shape, on the
        host."""
        ...

    def clean(
        self, sample: torch.Tensor, prediction: torch.Tensor, level: float | torch.Tensor
    ) -> torch.Tensor:
        """The clean latents that `prediction` implies for `sample`, both (B, C, h, w), at a
        `level` that is a number or (B, 1, 1, 1)."""
        ...


@dataclass(frozen=True, eq=False)
class VariancePreserving:
    """x = √ᾱ·x₀ + √(1−ᾱ)·ε, as Stable Diffusion is trained; the level is ᾱ.

    prediction_type  what the model's answer is: "epsilon" or "v_prediction"
    alphas_cumprod   ᾱ of each timestep of the training, (1000,) float32 on the host
    """

    prediction_type: str
    alphas_cumprod: torch.Tensor

    def level(self, timesteps: torch.Tensor) -> torch.Tensor:
        """Of a fractional timestep what lies between its neighbours."""
        table = self.alphas_cumprod.to("cpu", torch.float32)
        exact = timesteps.to("cpu", torch.float32).clamp(0, len(table) - 1)
        low = exact.floor().long()
        high = (low + 1).clamp(max=len(table) - 1)
        return torch.lerp(table[low], table[high], exact - low)

    def clean(
        self, sample: torch.Tensor, prediction: torch.Tensor, level: float | torch.Tensor
    ) -> torch.Tensor:
        """Every scheduler hands the model such an x (its own scaling undone), so one formula serves
        all: x₀ = (x − √(1−ᾱ)·ε)/√ᾱ (DDPM, arXiv:2006.11239, eq. 15), or √ᾱ·x − √(1−ᾱ)·v
        (progressive distillation, arXiv:2202.00512, appendix D). Timesteps rounded to whole numbers
        make it inexact in the third digit."""
        signal, noise = level**0.5, (1 - level) ** 0.5
        if self.prediction_type == "v_prediction":
            return signal * sample - noise * prediction
        return (sample - noise * prediction) / signal


TRAIN_TIMESTEPS = 1000


class Flow:
    """x = (1−σ)·x₀ + σ·ε, and the model's answer is dx/dσ = ε − x₀ (rectified flow,
    arXiv:2209.03003; arXiv:2403.03206). The level is σ, a thousandth of the timestep."""

    def level(self, timesteps: torch.Tensor) -> torch.Tensor:
        return timesteps.to("cpu", torch.float32) / TRAIN_TIMESTEPS

    def clean(
        self, sample: torch.Tensor, prediction: torch.Tensor, level: float | torch.Tensor
    ) -> torch.Tensor:
        return sample - level * prediction

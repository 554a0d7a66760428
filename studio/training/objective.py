"""What a U-Net is asked while it learns, and what its answer costs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from studio.diffusion.noise_schedules import BETA_END, BETA_START, TRAIN_TIMESTEPS
from studio.domain.refs import ModelRef
from studio.domain.training import Training


@dataclass(frozen=True)
class Question:
    """noisy      (B, C, h, w)
    timesteps  (B,)
    target     (B, C, h, w), the right answer: the noise, or v (arXiv:2202.00512)
    weights    (B,), what each one's error counts
    """

    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    weights: torch.Tensor

    def loss(self, predicted: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The mean squared error, weighted; `mask` (B, 1, h, w), 0 to 1: how much that of a cell
        counts, as kohya's trainer has it."""
        errors = (predicted.float() - self.target).square()
        if mask is not None:
            errors = errors * mask
        return (errors.mean((1, 2, 3)) * self.weights).mean()


class Objective:
    """The noise schedule of the checkpoint `ref`, and what `training` makes of it: an offset of
    the noise, weights by min-SNR (arXiv:2303.09556, eq. 6)."""

    def __init__(self, ref: ModelRef, training: Training) -> None:
        self._training = training
        self._schedule = DDPMScheduler(
            num_train_timesteps=TRAIN_TIMESTEPS,
            beta_start=BETA_START,
            beta_end=BETA_END,
            beta_schedule="scaled_linear",
            prediction_type=ref.prediction_type or "epsilon",
            rescale_betas_zero_snr=ref.zero_snr,
        )

    def question(self, latents: torch.Tensor, source: torch.Generator) -> Question:
        """About clean `latents` (B, C, h, w) float32; noise and timesteps are drawn from `source`,
        a generator on the CPU, in the order of diffusers' examples."""
        count, channels = latents.shape[:2]
        noise = torch.randn(latents.shape, generator=source)
        if offset := self._training.noise_offset:
            noise = noise + offset * torch.randn((count, channels, 1, 1), generator=source)
        timesteps = torch.randint(0, TRAIN_TIMESTEPS, (count,), generator=source)
        noise, timesteps = noise.to(latents.device), timesteps.to(latents.device)
        noisy = self._schedule.add_noise(latents, noise, timesteps)
        predicts_v = self._schedule.config.prediction_type == "v_prediction"
        target = self._schedule.get_velocity(latents, noise, timesteps) if predicts_v else noise
        return Question(noisy, timesteps, target, self._weights(timesteps, predicts_v))

    def _weights(self, timesteps: torch.Tensor, predicts_v: bool) -> torch.Tensor:
        if not self._training.min_snr_gamma:
            return torch.ones(len(timesteps), device=timesteps.device)
        snr = compute_snr(self._schedule, timesteps)
        return snr.clamp(max=self._training.min_snr_gamma) / (snr + 1 if predicts_v else snr)

"""Multistep methods of diffusers that could only begin at the beginning.

Begun part-way they take themselves to have a past: their first steps come out too long or too
short, and noise is left in the picture.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import LMSDiscreteScheduler, PNDMScheduler


class Lms(LMSDiscreteScheduler):
    """diffusers' class, whose order follows the slopes it knows, not its place in the run."""

    def step(
        self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **kwargs: Any
    ) -> Any:
        order = min(kwargs.pop("order", 4), len(self.derivatives) + 1)
        return super().step(model_output, timestep, sample, order=order, **kwargs)


class Plms(PNDMScheduler):
    """diffusers' class. The first step takes two calls, so the second timestep comes twice; begun
    part-way, it is that of its own second step that must."""

    def leave_out(self, steps: int) -> None:
        """Of the run that was set, the first `steps` are not made."""
        once = torch.cat([self.timesteps[:1], self.timesteps[2:]])[steps:]
        self.timesteps = torch.cat([once[:1], once[1:2], once[1:]])

"""DPM-Solver++ multistep with noise, whose amount can be set: DPM++ 2M SDE, 2M SDE Heun, 3M SDE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler


class SdeMultistep(DPMSolverMultistepScheduler):
    """diffusers' class with an `eta` and an `s_noise`, and a right third order.

    With both at 1, first and second order are diffusers' own. Its third order has a wrong sign in
    the last term (+½ there is −½), which leaves the picture too contrasty.
    """

    eta = 1.0
    s_noise = 1.0

    def dpm_solver_first_order_update(
        self, model_output: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        if self.eta == 1:
            kwargs["noise"] = kwargs["noise"] * self.s_noise
            return super().dpm_solver_first_order_update(model_output, **kwargs)
        return self._update([model_output], **kwargs)

    def multistep_dpm_solver_second_order_update(
        self, model_output_list: Sequence[torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        if self.eta == 1:
            kwargs["noise"] = kwargs["noise"] * self.s_noise
            return super().multistep_dpm_solver_second_order_update(model_output_list, **kwargs)
        return self._update(model_output_list[-2:], **kwargs)

    def multistep_dpm_solver_third_order_update(
        self, model_output_list: Sequence[torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        return self._update(model_output_list[-3:], **kwargs)

    def _update(
        self, clean: Sequence[torch.Tensor], sample: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """The sample of the next step, from the estimates of the `clean` latents at this step (the
        last) and at those before it: arXiv:2211.01095, eq. 9, with noise in the part `eta` of λ."""
        alpha, sigma = self._level(1)
        h = self._half_log(1) - self._half_log(0)
        wide = (1 + self.eta) * h
        kept = torch.exp(-self.eta * h) if self.eta else torch.ones(())
        x = sigma / self._level(0)[1] * kept * sample + alpha * (1 - torch.exp(-wide)) * clean[-1]
        if len(clean) > 1:
            x = x + alpha * self._correction(clean, h, wide)
        return x + sigma * torch.sqrt(1 - kept**2) * self.s_noise * noise

    def _correction(
        self, clean: Sequence[torch.Tensor], h: torch.Tensor, wide: torch.Tensor
    ) -> torch.Tensor:
        """What the first and second differences of the estimates add."""
        lately = (self._half_log(0) - self._half_log(-1)) / h
        slope = (clean[-1] - clean[-2]) / lately
        shrinks = 1 - torch.exp(-wide)
        if len(clean) == 2:
            if self.config.solver_type == "heun":
                return (1 - shrinks / wide) * slope
            return 0.5 * shrinks * slope
        before = (self._half_log(-1) - self._half_log(-2)) / h
        bend = (slope - (clean[-2] - clean[-3]) / before) / (lately + before)
        slope = slope + lately * bend
        return (1 - shrinks / wide) * slope + ((shrinks - wide) / wide**2 + 0.5) * bend

    def _level(self, offset: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(√ᾱ, √(1−ᾱ)) `offset` steps from the present one."""
        return self._sigma_to_alpha_sigma_t(self.sigmas[self.step_index + offset])

    def _half_log(self, offset: int) -> torch.Tensor:
        """λ = log(√ᾱ/√(1−ᾱ)) there."""
        alpha, sigma = self._level(offset)
        return torch.log(alpha) - torch.log(sigma)

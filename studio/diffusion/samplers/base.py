"""The base of our own samplers: an algorithm written as it is published, behind the interface that
the denoise loop asks for.

A sampler is a coroutine. `_step(x, i)` takes x from σᵢ to σᵢ₊₁ and yields a `Call` wherever it
needs the model; it is sent an `Answer`. x is the clean picture plus σ times noise. The timesteps
of all calls are found by running the same coroutine once on nothing, so they cannot disagree with
what is run, and whoever drives the sampler knows all of them beforehand.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor

from studio.diffusion.laws import Law, VariancePreserving
from studio.diffusion.noise_schedules import NoiseSchedule
from studio.diffusion.scheduler import CLEAN, Beginning, Level, Traits, steps_left_out
from studio.domain.schedulers import SamplerOptions

MAX_CHURN = 2**0.5 - 1
"""Of a step: more would not leave the sum of noise independent (arXiv:2206.00364, algorithm 2)."""


class Call(NamedTuple):
    """Wanted: what the model makes of `x` (B, C, h, w) at noise level `sigma`, 0-dim float32."""

    x: torch.Tensor
    sigma: torch.Tensor


class Answer(NamedTuple):
    """x            the sample of the call, as whoever drives the loop left it
    denoised     the model's estimate of the clean picture
    negative     the same under the negative prompt alone, for those that `wants_negative`
    """

    x: torch.Tensor
    denoised: torch.Tensor
    negative: torch.Tensor


Calls = Generator[Call, Answer, torch.Tensor]


class Sampler:
    """See the module, and `scheduler.Scheduler` for its public members."""

    wants_negative = False
    guidance_factor = 1.0
    whole_timesteps: frozenset[str] = frozenset()
    """Noise schedules whose timesteps are rounded, as diffusers does: pictures depend on it."""
    lands_on_points = True
    """All calls are at points of the noise schedule; else only the first of each step is."""

    def __init__(
        self,
        schedule: NoiseSchedule,
        prediction_type: str,
        seeds: Sequence[int],
        options: SamplerOptions,
    ) -> None:
        self.schedule = schedule
        law = self._law(prediction_type)
        self.traits = Traits(law, self.wants_negative, self.guidance_factor)
        self._seeds = list(seeds)
        self._options = options
        self.timesteps = torch.empty(0)
        self._begin_step = 0
        self._calls: Calls | None = None
        self._generators: Sequence[torch.Generator] = ()

    def _law(self, prediction_type: str) -> Law:
        return VariancePreserving(prediction_type, self.schedule.alphas_cumprod)

    def begin(self, steps: int, strength: float = 1.0) -> Beginning:
        self._set_steps(steps)
        self._first = self._begin_after(steps_left_out(steps, strength))
        return Beginning(self._first, self._sigma)

    def scaled(self, latents: torch.Tensor, index: int) -> torch.Tensor:
        return latents / ((self._sigma**2 + 1) ** 0.5)

    def step(
        self,
        noise_pred: torch.Tensor,
        index: int,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
        negative_pred: torch.Tensor | None = None,
    ) -> torch.Tensor:
        denoised = self._denoised(noise_pred, latents)
        negative = denoised
        if negative_pred is not None:
            negative = self._denoised(negative_pred, latents)
        return self._advance(Answer(latents, denoised, negative), generators)

    def level(self, index: int) -> Level:
        total = len(self.timesteps)
        if index >= total:
            return CLEAN
        return Level(1.0, float(self._sigma), (index - self._first) / (total - self._first))

    def _set_steps(self, steps: int) -> None:
        """Lay out the whole run; everything stays on the host."""
        points, timesteps = self._points(steps)
        if self.schedule.name in self.whole_timesteps:
            timesteps = timesteps.round()
        self.sigmas = torch.from_numpy(np.append(points, 0.0).astype(np.float32))
        self._begin_step, self._index, self._calls = 0, 0, None
        self._called, self._first_calls = self._rehearse()
        called = torch.from_numpy(self.schedule.timesteps_of(self._called.numpy()))
        calls = dict(zip(self.sigmas.tolist(), timesteps.tolist(), strict=False))
        exact = range(len(called)) if self.lands_on_points else self._first_calls
        for call in exact:
            called[call] = calls.get(float(self._called[call]), called[call])
        self.timesteps = called.to("cpu", torch.float32)

    def _begin_after(self, steps: int) -> int:
        """Leave the first `steps` of the run out: what comes in has the noise that is left then.
        Returns the index of the first U-Net call."""
        return self._begin_at(self._first_calls[steps])

    def _begin_at(self, call: int) -> int:
        """Begin at that U-Net call, the first of a step, and return it."""
        # Of several steps that begin there the last: those before it make no call.
        last = len(self._first_calls) - 1
        self._begin_step = last - self._first_calls[::-1].index(call)
        self._index, self._calls = call, None
        return call

    @property
    def _sigma(self) -> torch.Tensor:
        """The noise level of the present call."""
        return self._called[self._index]

    def _points(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """(σ, timesteps) of the steps, without the 0 at the end."""
        return self.schedule.points(steps)

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        """Take x from σᵢ to σᵢ₊₁."""
        raise NotImplementedError

    def _advance(self, answer: Answer, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Go on until the next call, and return its x; at the end the clean latents."""
        if self._calls is None:
            self._generators = list(generators)
            self._calls = self._run(answer.x)
            next(self._calls)
        try:
            following = self._calls.send(answer).x
        except StopIteration as end:
            following = end.value
        self._index += 1
        return following

    def _run(self, x: torch.Tensor) -> Calls:
        for i in range(self._begin_step, len(self.sigmas) - 1):
            x = yield from self._step(x, i)
        return x

    def _rehearse(self) -> tuple[torch.Tensor, list[int]]:
        """(σ of every call, the index of the first call of every step): a run on nothing."""
        called, firsts, nothing = [], [], torch.zeros(())
        for i in range(len(self.sigmas) - 1):
            firsts.append(len(called))
            calls, answer = self._step(nothing, i), None
            while True:
                try:
                    call = calls.send(answer)
                except StopIteration:
                    break
                called.append(call.sigma)
                answer = Answer(nothing, nothing, nothing)
        return torch.stack(called), firsts

    def _denoised(self, model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """The clean picture that the model's output at the present call implies."""
        sigma = self._sigma
        if self.traits.law.prediction_type == "v_prediction":
            return model_output * (-sigma / (sigma**2 + 1) ** 0.5) + sample / (sigma**2 + 1)
        return sample - sigma * model_output

    def _noise(self, x: torch.Tensor) -> torch.Tensor:
        """Fresh noise of the shape of x, from each picture's own generator, times s_noise."""
        if x.dim() == 0:
            return x
        noise = _sent(randn_tensor(x.shape, generator=self._generators, dtype=x.dtype), x.device)
        return noise if self._options.s_noise == 1 else noise * self._options.s_noise

    def _churned(self, x: torch.Tensor, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(x, σ) before step i, with noise stirred in if that is wished (algorithm 2 there).

        The first step's x is made of noise by whoever begins, and already has the larger σ.
        """
        sigma, options = self.sigmas[i], self._options
        highest = float("inf") if options.s_tmax is None else options.s_tmax
        if options.s_churn == 0 or not options.s_tmin <= sigma <= highest:
            return x, sigma
        more = sigma * (1 + min(options.s_churn / (len(self.sigmas) - 1), MAX_CHURN))
        if i > self._begin_step:
            x = x + self._noise(x) * (more**2 - sigma**2) ** 0.5
        return x, more

    def _ancestral(
        self, sigma: torch.Tensor, following: torch.Tensor, default_eta: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(σ to go down to, σ of the noise to add then) for a step to noise level `following`."""
        eta = default_eta if self._options.eta is None else self._options.eta
        if eta == 0:
            return following, torch.zeros(())
        up = (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5
        if eta != 1:
            up = torch.minimum(following, up * eta)
        return (following**2 - up**2) ** 0.5, up


def slope(x: torch.Tensor, sigma: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
    """dx/dσ of the probability flow (arXiv:2206.00364, eq. 3)."""
    return (x - denoised) / sigma


def _sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`tensor`, of host memory, on `device`. A GPU takes it in its turn: nobody waits until it has
    done what it was asked for before."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

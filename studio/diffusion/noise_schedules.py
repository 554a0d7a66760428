"""Noise schedules: how the noise levels of a run are spread over its steps.

σ is the spread of the noise where the signal has weight one: σ² = (1−ᾱ)/ᾱ. Every schedule is a
function of (steps, the table of all 1,000 σ) that gives falling timesteps or falling σ; whichever
it gives, the other follows by interpolation in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
import scipy.stats
import torch
from diffusers.schedulers.scheduling_euler_discrete import rescale_zero_terminal_snr

TRAIN_TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Of Stable Diffusion 1.x, 2.x and XL alike: √β rises linearly."""

_ALMOST_NO_SIGNAL = 2**-24
"""ᾱ of the last timestep of a zero-SNR schedule, where 0 would make σ infinite."""


@cache
def alphas_cumprod(zero_snr: bool) -> torch.Tensor:
    """ᾱ of every training timestep, (1000,) float32 on the host. Not to be written to.

    With `zero_snr` the schedule is stretched to end in pure noise (arXiv:2305.08891, 3.1).
    """
    roots = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_TIMESTEPS, dtype=torch.float32)
    betas = rescale_zero_terminal_snr(roots**2) if zero_snr else roots**2
    table = torch.cumprod(1.0 - betas, dim=0)
    if zero_snr:
        table[-1] = _ALMOST_NO_SIGNAL
    return table


@cache
def _sigma_table(zero_snr: bool) -> np.ndarray:
    table = alphas_cumprod(zero_snr)
    return (((1 - table) / table) ** 0.5).numpy()


class NoiseSchedule:
    """One schedule, ready to be asked for any number of steps.

    `name` is one of `domain.noise_schedules.NOISE_SCHEDULES` without "automatic"; `optimal_sigmas`
    is the table of the model's family that Align Your Steps interpolates.
    """

    def __init__(self, name: str, optimal_sigmas: Sequence[float], zero_snr: bool = False) -> None:
        self.name = name
        self.alphas_cumprod = alphas_cumprod(zero_snr)
        self._table = _sigma_table(zero_snr)
        self._logs = np.log(self._table)
        self._optimal = optimal_sigmas

    @property
    def sigma_min(self) -> float:
        return float(self._table[0])

    @property
    def sigma_max(self) -> float:
        return float(self._table[-1])

    def points(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """(σ, timesteps) of the steps, both (steps,) and falling, without the σ of 0 that ends."""
        if self.name in _BY_TIMESTEP:
            timesteps = _BY_TIMESTEP[self.name](steps)
            return np.interp(timesteps, np.arange(len(self._table)), self._table), timesteps
        if self.name == "align_your_steps":
            # The end of the table is where the last step goes to, as 0 does elsewhere.
            sigmas = _log_linear(self._optimal, steps + 1)[:-1]
        else:
            sigmas = _BY_SIGMA[self.name](steps, self.sigma_min, self.sigma_max)
        return sigmas, self.timesteps_of(sigmas)

    def timesteps_of(self, sigmas: np.ndarray) -> np.ndarray:
        """The fractional timesteps of `sigmas`, linear in log σ; those outside are clamped."""
        logs = np.log(np.maximum(sigmas, np.asarray(1e-10, dtype=sigmas.dtype)))
        below = np.searchsorted(self._logs, logs, side="right") - 1
        below = below.clip(0, len(self._logs) - 2)
        low, high = self._logs[below], self._logs[below + 1]
        weight = np.clip((low - logs) / (low - high), 0, 1)
        whole = below.astype(sigmas.dtype)
        return (1 - weight) * whole + weight * (whole + 1)


def _evenly(steps: int) -> np.ndarray:
    """From the last timestep to the first, both included."""
    if steps == 1:
        return np.array([TRAIN_TIMESTEPS - 1], dtype=np.float32)
    return np.linspace(0, TRAIN_TIMESTEPS - 1, steps, dtype=np.float32)[::-1].copy()


def _trailing(steps: int) -> np.ndarray:
    """From the last timestep down in equal strides that would reach 0 after the last step."""
    strides = np.arange(TRAIN_TIMESTEPS, 0, -TRAIN_TIMESTEPS / steps)
    return (strides.round() - 1).astype(np.float32)


def _leading(steps: int) -> np.ndarray:
    """Multiples of a whole stride, plus one: where DDIM was first run. Begins below the top."""
    stride = max(TRAIN_TIMESTEPS // steps, 1)
    return (np.arange(steps) * stride + 1)[::-1].astype(np.float32)


def _simple(steps: int) -> np.ndarray:
    """Every n-th of the thousand, counted from the top."""
    places = np.arange(steps) * (TRAIN_TIMESTEPS / steps)
    return (TRAIN_TIMESTEPS - 1 - places.astype(int)).astype(np.float32)


def karras(steps: int, low: float, high: float, rho: float = 7.0) -> np.ndarray:
    """`steps` falling σ from `high` to `low` (arXiv:2206.00364, eq. 5)."""
    ramp = np.linspace(0, 1, steps)
    return (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho


def _exponential(steps: int, low: float, high: float) -> np.ndarray:
    return np.exp(np.linspace(np.log(high), np.log(low), steps))


def _polyexponential(steps: int, low: float, high: float, rho: float = 1.0) -> np.ndarray:
    """Exponential in ramp^ρ. With the usual ρ of 1 it is the exponential schedule."""
    ramp = np.linspace(1, 0, steps) ** rho
    return np.exp(ramp * (np.log(high) - np.log(low)) + np.log(low))


def _kl_optimal(steps: int, low: float, high: float) -> np.ndarray:
    """Even in arctan σ (Align Your Steps, arXiv:2404.14507, 3.1)."""
    return np.tan(np.linspace(np.arctan(high), np.arctan(low), steps))


def _beta(steps: int, low: float, high: float, shape: float = 0.6) -> np.ndarray:
    """Quantiles of a Beta(0.6, 0.6) distribution: dense at both ends (arXiv:2407.12173)."""
    quantiles = scipy.stats.beta.ppf(1 - np.linspace(0, 1, steps), shape, shape)
    return low + quantiles * (high - low)


def _log_linear(table: Sequence[float], steps: int) -> np.ndarray:
    """`table`, falling, stretched to `steps` points, linear in log σ."""
    places = np.linspace(0, len(table) - 1, steps)
    return np.exp(np.interp(places, np.arange(len(table)), np.log(table)))


_BY_TIMESTEP: Mapping[str, Callable[[int], np.ndarray]] = MappingProxyType(
    {
        "normal": _evenly,
        "uniform": _evenly,
        "sgm_uniform": _trailing,
        "turbo": _trailing,
        "simple": _simple,
        "ddim": _leading,
    }
)
_BY_SIGMA: Mapping[str, Callable[[int, float, float], np.ndarray]] = MappingProxyType(
    {
        "karras": karras,
        "exponential": _exponential,
        "polyexponential": _polyexponential,
        "kl_optimal": _kl_optimal,
        "beta": _beta,
    }
)

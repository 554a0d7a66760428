"""Which noise schedules exist: how the noise levels are spread over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOISE_SCHEDULES: Mapping[str, str] = MappingProxyType(
    {
        "automatic": "Automatic",
        "normal": "Normal",
        "uniform": "Uniform",
        "karras": "Karras",
        "exponential": "Exponential",
        "polyexponential": "Polyexponential",
        "sgm_uniform": "SGM Uniform",
        "kl_optimal": "KL Optimal",
        "align_your_steps": "Align Your Steps",
        "simple": "Simple",
        "ddim": "DDIM",
        "beta": "Beta",
        "turbo": "Turbo",
    }
)
"""Name in a request -> label artists know."""

ALIGN_YOUR_STEPS = (
    14.6146412293,
    6.4745760956,
    3.8636745985,
    2.6946151520,
    1.8841921177,
    1.3943805092,
    0.9642583904,
    0.6523686016,
    0.3977456272,
    0.1515232662,
    0.0291671582,
)
"""σ of ten steps that NVIDIA found best for Stable Diffusion 1.5 (arXiv:2404.14507)."""

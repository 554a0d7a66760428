"""A request as the text that AUTOMATIC1111 writes into its pictures, so that every tool of the
field can read ours. Foreign names (CFG scale, Sampler, …) live here and nowhere deeper."""

from __future__ import annotations

import json
import re

from studio.domain.request import GenerationRequest
from studio.domain.schedulers import NOISE_SCHEDULES, SCHEDULERS
from studio.version import __version__


def write(request: GenerationRequest, seed: int) -> str:
    """The infotext of the picture that `seed` gave. `request` is settled."""
    schedule = SCHEDULERS[request.scheduler].noise_schedule(request.noise_schedule)
    settings = {
        "Steps": request.steps,
        "Sampler": request.scheduler,
        "Schedule type": NOISE_SCHEDULES[schedule],
        "CFG scale": f"{request.guidance_scale:g}",
        "Seed": seed,
        "Size": f"{request.width}x{request.height}",
        "Model": request.checkpoint,
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        **_noise_settings(request),
        "CFG Rescale": f"{request.guidance_rescale:g}" if request.guidance_rescale else None,
        "RNG": "CPU",
        "Version": f"Latent Studio {__version__}",
    }
    lines = [request.prompt] if request.prompt else []
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    lines.append(", ".join(f"{k}: {_quoted(k, v)}" for k, v in settings.items() if v is not None))
    return "\n".join(lines)


_ETA_LABELS = {"DDIM": "Eta DDIM"}
"""Sampler -> what its eta is called, where not "Eta"."""


def _noise_settings(request: GenerationRequest) -> dict[str, str]:
    """What was not left at its default and changed the picture."""
    eta = None if request.eta is None else f"{request.eta:g}"
    settings = {"eta": (_ETA_LABELS.get(request.scheduler, "Eta"), eta)}
    if request.s_churn:
        settings["s_churn"] = ("Sigma churn", f"{request.s_churn:g}")
        if request.s_tmin:
            settings["s_tmin"] = ("Sigma tmin", f"{request.s_tmin:g}")
        if request.s_tmax is not None:
            settings["s_tmax"] = ("Sigma tmax", f"{request.s_tmax:g}")
    if request.s_noise != 1:
        settings["s_noise"] = ("Sigma noise", f"{request.s_noise:g}")
    honoured = SCHEDULERS[request.scheduler].honours
    return {label: value for name, (label, value) in settings.items() if name in honoured and value}


def _quoted(key: str, value: object) -> str:
    """JSON quotes where a bare value would be read back wrongly."""
    text = str(value)
    looks_like_size = key != "Size" and re.fullmatch(r"\d+x\d+", text)
    if re.search(r'[,:\n]|^"|"$', text) or looks_like_size:
        return json.dumps(text, ensure_ascii=False)
    return text

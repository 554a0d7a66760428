"""What others call the networks that come with the studio."""

from __future__ import annotations

from studio.domain.refs import ModelRef
from studio.reading.draft import Draft

_CALLED = {
    "r-esrgan 4x+": "Real-ESRGAN x4plus",
    "realesrgan_x4plus": "Real-ESRGAN x4plus",
    "realesrgan 4x plus": "Real-ESRGAN x4plus",
    "r-esrgan 4x+ anime6b": "Real-ESRGAN x4plus anime",
    "realesrgan_x4plus_anime_6b": "Real-ESRGAN x4plus anime",
    "realesrgan 4x plus anime 6b": "Real-ESRGAN x4plus anime",
    "r-esrgan animevideo": "Real-ESRGAN animevideov3",
    "realesr-animevideov3": "Real-ESRGAN animevideov3",
}
"""In AUTOMATIC1111, as files, in SD.Next, small -> here."""


def network(name: str, draft: Draft) -> ModelRef | None:
    """The upscaler of that name, or that is called so elsewhere; None where it is not here."""
    found = draft.named(name, "upscaler")
    if found is None:
        stem = name.rpartition("/")[2].removesuffix(".pth").removesuffix(".safetensors")
        own = _CALLED.get(stem.strip().casefold())
        found = draft.named(own, "upscaler") if own else None
    return found

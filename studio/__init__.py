"""Latent Studio: a browser-based interactive studio for Stable Diffusion.

>>> from studio import GenerationRequest, Studio
>>> with Studio() as studio:
...     pictures = studio.generate(GenerationRequest(prompt="a red house on a meadow"))
"""

from studio.app import Studio
from studio.domain.control import ControlInput
from studio.domain.detailers import Detail, Detailer
from studio.domain.errors import StudioError
from studio.domain.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Loading,
    Picture,
    Preview,
    Progress,
    Queued,
    Started,
)
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Details, ImageToImage, Inpaint, Outpaint, TextToImage, Upscale
from studio.settings import Settings
from studio.version import __version__

__all__ = [
    "Cancelled",
    "ControlInput",
    "Detail",
    "Detailer",
    "Details",
    "Event",
    "Failed",
    "Finished",
    "GenerationRequest",
    "ImageToImage",
    "Inpaint",
    "Loading",
    "Outpaint",
    "Picture",
    "Preview",
    "Progress",
    "Queued",
    "Settings",
    "Started",
    "Studio",
    "StudioError",
    "TextToImage",
    "Upscale",
    "__version__",
]

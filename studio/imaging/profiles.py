"""Colour profiles (ICC) of pictures that come in: one rule for all of them.

A profile of RGB values is carried along with the picture, whose values stay as they are, and is
written into what is made of it. Every other picture with a profile is brought to sRGB here, and
one whose profile is damaged or of another kind is taken as if it had none.
"""

from __future__ import annotations

import io

from PIL import Image, ImageCms

MAX_CARRIED_BYTES = 2**20
"""A larger one would weigh more than the pictures it is written into."""

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_MAX_READ_BYTES = 16 * 2**20
_CLASSES = ("scnr", "mntr", "prtr", "spac")
"""Of profiles that describe a device or a space: not those that lead from one to another."""
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Mode of a picture -> the colour space of a profile that fits it."""


def brought(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """(RGB, RGBA or L; the profile to carry, None for sRGB) of `image`, which is RGB, RGBA, L, LA
    or CMYK, and has the ICC profile `profile`, if any."""
    mode = {"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode)
    whole = _opened(profile)
    space = whole and whole.profile.xcolor_space
    if space == "RGB " and mode in ("RGB", "L") and len(profile) <= MAX_CARRIED_BYTES:
        return _without_cmyk(image), profile
    if whole is None or space != _SPACES[mode]:
        return _without_cmyk(image), None
    try:
        return _to_srgb(image, mode, whole), None
    except ImageCms.PyCMSError:
        return _without_cmyk(image), None


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB whose values are in `profile` (None: sRGB), brought to sRGB."""
    whole = _opened(profile)
    if whole is None:
        return image
    try:
        return _to_srgb(image, image.mode, whole)
    except ImageCms.PyCMSError:
        return image


def from_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB whose values are sRGB's, brought to those of `profile` (None: sRGB)."""
    whole = _opened(profile)
    if whole is None:
        return image
    try:
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, srgb, whole, outputMode="RGB")
    except ImageCms.PyCMSError:  # one that leads in a single direction
        return image


def from_lab(image: Image.Image) -> Image.Image:
    """RGB of a picture in CIE L*a*b*."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _opened(profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _MAX_READ_BYTES:
        return None
    try:
        whole = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return whole if whole.profile.device_class in _CLASSES else None
    except Exception:  # whatever it stumbles over
        return None


def _to_srgb(image: Image.Image, mode: str, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Raises PyCMSError for a profile that lacks what it needs."""
    colours = image if image.mode == mode else image.convert(mode)
    srgb = ImageCms.createProfile("sRGB")
    changed = ImageCms.profileToProfile(colours, profile, srgb, outputMode="RGB")
    if image.mode in ("RGBA", "LA"):
        changed.putalpha(image.getchannel("A"))
    return changed


def _without_cmyk(image: Image.Image) -> Image.Image:
    """CMYK by the plain formula; grays with transparency as RGBA."""
    mode = {"CMYK": "RGB", "LA": "RGBA"}.get(image.mode)
    return image.convert(mode) if mode else image

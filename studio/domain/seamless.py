"""Pictures that go on without a seam where they are laid side by side."""

from __future__ import annotations

from typing import Literal

TilingName = Literal["none", "x", "y", "both"]

TILINGS: dict[str, str] = {
    "none": "Off",
    "x": "Left to right",
    "y": "Top to bottom",
    "both": "Both ways",
}
"""Across which borders a picture goes on at the other side -> as the page calls it."""


def across(tiling: str) -> bool:
    """Whether the right border goes on at the left one."""
    return tiling in ("x", "both")


def down(tiling: str) -> bool:
    """Whether the lower border goes on at the upper one."""
    return tiling in ("y", "both")

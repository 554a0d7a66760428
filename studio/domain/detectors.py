"""Detectors: what finds things in pictures, and the two that the studio has of its own."""

from __future__ import annotations

from typing import Literal

DetectorKind = Literal["faces", "segmenter", "yolo"]

FACES = "Faces (BlazeFace)"
SEGMENTER = "picturebook segmenter"
OWN: dict[str, DetectorKind] = {FACES: "faces", SEGMENTER: "segmenter"}
"""Name -> kind of those that are no model files of the artist's."""

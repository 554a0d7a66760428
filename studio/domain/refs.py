"""Names for what lies on disk: enough to show it in a menu and to load it, nothing loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.domain.family import ModelFamily


@dataclass(frozen=True)
class CheckpointRef:
    """A checkpoint in diffusers layout.

    name             unique in the catalog, as it stands in requests and menus
    path             the folder that holds model_index.json
    prediction_type  what the U-Net predicts: "epsilon" or "v_prediction"
    """

    name: str
    path: Path
    family: ModelFamily
    prediction_type: str

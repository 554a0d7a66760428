"""What networks answer, as maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def near_is_light(nearness: torch.Tensor) -> np.ndarray:
    """Nearness (height, width), whatever its unit, as uint8: the nearest 255, the farthest 0;
    black where all is equally near."""
    values = nearness.float().cpu().numpy()
    values = values - values.min()
    most = float(values.max())
    return (values / most * 255).round().astype(np.uint8) if most > 0 else values.astype(np.uint8)

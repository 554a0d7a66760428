"""Networks of transformers, loaded from a folder on disk and asked for one map.

Pixels are RGB, uint8 (height, width, 3); maps are uint8, (height, width) or (height, width, 3), of
the same size.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.domain.errors import CheckpointError
from studio.domain.imports import IMPORTING
from studio.preprocessors.loading import annotator
from studio.preprocessors.shades import near_is_light

if TYPE_CHECKING:
    import torch

Settings = Mapping[str, float]

_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, which these networks were trained on."""
_DEPTH_SHORT_SIDE, _DEPTH_PATCH = 518, 14
_SEGMENTATION_SHORT_SIDE, _SEGMENTATION_STRIDE = 512, 32


def load_depth_anything(paths: Mapping[str, Path], device: str):
    with IMPORTING:
        from transformers import DepthAnythingForDepthEstimation

    return _loaded(DepthAnythingForDepthEstimation, paths, device)


def load_upernet(paths: Mapping[str, Path], device: str):
    with IMPORTING:
        from transformers import UperNetForSemanticSegmentation

    return _loaded(UperNetForSemanticSegmentation, paths, device)


def depth(network, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """The network sees the picture at the size it was trained at: short side 518, in patches of
    14."""
    height, width = pixels.shape[:2]
    values = _normal(pixels, _sides(height, width, _DEPTH_SHORT_SIDE, _DEPTH_PATCH), network.device)
    return near_is_light(_stretched(network(values).predicted_depth[:, None], height, width)[0, 0])


def segmentation(network, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Each pixel in the colour that ADE20K's palette gives its class."""
    height, width = pixels.shape[:2]
    sides = _sides(height, width, _SEGMENTATION_SHORT_SIDE, _SEGMENTATION_STRIDE)
    logits = network(_normal(pixels, sides, network.device)).logits
    classes = _stretched(logits, height, width)[0].argmax(0).cpu().numpy()
    return np.array(annotator("util").ade_palette(), np.uint8)[classes]


def _loaded(kind: type, paths: Mapping[str, Path], device: str):
    """A network of that class from the folder that `paths` lie in, in float32."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = paths["config.json"].parent
    try:
        network, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # whatever a damaged file makes a foreign library raise
        raise _unusable(folder, str(error) or type(error).__name__) from None
    if report["missing_keys"]:
        raise _unusable(folder, f"it lacks {', '.join(sorted(report['missing_keys'])[:3])}")
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()  # nothing stays mapped onto the file
    return network.eval().to(device)


def _unusable(folder: Path, cause: str) -> CheckpointError:
    return CheckpointError(
        f"The network in {folder} cannot be loaded: {' '.join(cause.split())[:160]}. "
        "Remove the folder and download it again."
    )


def _sides(height: int, width: int, short: int, multiple: int) -> tuple[int, int]:
    """(height, width) of the same shape with that short side, as multiples."""
    factor = short / min(height, width)
    rows, columns = (max(1, round(side * factor / multiple)) for side in (height, width))
    return rows * multiple, columns * multiple


def _normal(pixels: np.ndarray, sides: tuple[int, int], device: torch.device) -> torch.Tensor:
    """float32 (1, 3, height, width), of mean 0 and spread 1 over ImageNet, at the size `sides`."""
    import torch

    values = torch.tensor(pixels, dtype=torch.float32, device=device).permute(2, 0, 1)[None] / 255
    values = torch.nn.functional.interpolate(
        values, sides, mode="bicubic", align_corners=False, antialias=True
    )
    mean, spread = (torch.tensor(each, device=device).view(3, 1, 1) for each in (_MEAN, _SPREAD))
    return (values - mean) / spread


def _stretched(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    import torch

    return torch.nn.functional.interpolate(
        values, (height, width), mode="bilinear", align_corners=False
    )

"""Which network makes which map, and the one that is in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from studio.domain.errors import OutOfMemory, is_out_of_memory
from studio.domain.preprocessor_spec import PreprocessorSpec
from studio.preprocessors import annotators, transformer_networks


@dataclass(frozen=True)
class Network:
    """load(paths, device) gives what ask(it, pixels, settings) makes a map with."""

    load: Callable[[Mapping[str, Path], str], Any]
    ask: Callable[[Any, np.ndarray, Mapping[str, float]], np.ndarray]


_EDGE, _POSE = annotators.soft_edge, annotators.poses
_HED, _PIDINET = annotators.load_hed, annotators.load_pidinet

NETWORKS: dict[str, Network] = {
    "depth_anything_v2": Network(
        transformer_networks.load_depth_anything, transformer_networks.depth
    ),
    "depth_anything": Network(transformer_networks.load_depth_anything, transformer_networks.depth),
    "depth_midas": Network(annotators.load_midas, annotators.midas_depth),
    "normal_bae": Network(annotators.load_normal_bae, annotators.normals),
    "openpose": Network(annotators.load_openpose, _POSE),
    "openpose_hand": Network(annotators.load_openpose, partial(_POSE, hand=True)),
    "openpose_face": Network(annotators.load_openpose, partial(_POSE, face=True)),
    "openpose_faceonly": Network(annotators.load_openpose, partial(_POSE, body=False, face=True)),
    "openpose_full": Network(annotators.load_openpose, partial(_POSE, hand=True, face=True)),
    "mlsd": Network(annotators.load_mlsd, annotators.straight_lines),
    "softedge_pidinet": Network(_PIDINET, _EDGE),
    "softedge_pidisafe": Network(_PIDINET, partial(_EDGE, safe=True)),
    "softedge_hed": Network(_HED, _EDGE),
    "softedge_hedsafe": Network(_HED, partial(_EDGE, safe=True)),
    "scribble_hed": Network(_HED, partial(_EDGE, scribble=True)),
    "scribble_pidinet": Network(_PIDINET, partial(_EDGE, safe=True, scribble=True)),
    "lineart_realistic": Network(annotators.load_lineart, annotators.line_art),
    "lineart_coarse": Network(annotators.load_lineart, annotators.line_art),
    "lineart_anime": Network(annotators.load_lineart_anime, annotators.line_art),
    "seg_ade20k": Network(transformer_networks.load_upernet, transformer_networks.segmentation),
}
"""Preprocessor -> its network. Those with the same loader and files share one in memory."""


class OneNetwork:
    """Loads a network when it is asked for, and drops the former. Not for two threads at once."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._held: tuple[object, Any] | None = None

    def run(
        self,
        spec: PreprocessorSpec,
        paths: Mapping[str, Path],
        pixels: np.ndarray,
        settings: Mapping[str, float],
    ) -> np.ndarray:
        """The map of RGB `pixels`, uint8 (height, width, 3): (height, width) or with 3 channels.

        Raises CheckpointError, OutOfMemory.
        """
        import torch

        network = NETWORKS[spec.name]
        key = network.load, tuple(paths.values())
        try:
            with torch.inference_mode():
                if self._held is None or self._held[0] != key:
                    self.release()
                    self._held = key, network.load(paths, self._device)
                return np.ascontiguousarray(network.ask(self._held[1], pixels, settings))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.release()
            raise OutOfMemory(
                f"{spec.title} does not fit into the memory of {self._device}. Lower its "
                "resolution, or choose a smaller preprocessor."
            ) from None

    def release(self) -> None:
        if self._held is None:
            return
        import torch

        self._held = None
        if torch.device(self._device).type == "cuda":
            torch.cuda.empty_cache()

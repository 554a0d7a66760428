"""Maps for ControlNets: made from pictures, kept, their networks' weights found or downloaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.geometry import Size
from studio.domain.preprocessor_spec import (
    RESOLUTION_LEAST,
    RESOLUTION_MOST,
    Availability,
    PreprocessorSpec,
)
from studio.domain.preprocessors import find
from studio.domain.tasks import RESIZE_MODES, ResizeMode
from studio.fetching.fetch import Progress
from studio.imaging.reading import check_size
from studio.imaging.resizing import resized
from studio.preprocessors import lines, tones
from studio.preprocessors.holes import with_hole
from studio.preprocessors.map_cache import MapCache, digest
from studio.preprocessors.networks import OneNetwork
from studio.preprocessors.placing import placed, working_size
from studio.preprocessors.weights import WeightFolders

KEPT_BYTES = 64 * 2**20
"""Maps made last are kept up to so many bytes."""

_WEIGHT_FREE: dict[str, Callable[[np.ndarray, Mapping[str, float]], np.ndarray]] = {
    "canny": lines.canny,
    "invert": lines.invert,
    "lineart_standard": lines.lineart_standard,
    "scribble": lines.scribble,
    "scribble_xdog": lines.scribble_xdog,
    "threshold": lines.threshold,
    "shuffle": tones.shuffle,
    "tile_resample": tones.tile_resample,
    "blur_gaussian": tones.blur_gaussian,
    "recolor_luminance": tones.recolor_luminance,
    "recolor_intensity": tones.recolor_intensity,
}
_AS_IT_IS = ("none", "segmentation")


class Preprocessors:
    """Runs the preprocessors that `domain.preprocessors` lists.

    folders          searched for weights, besides download_folder
    download_folder  where downloads go
    device           for networks, as torch names it
    offline          downloads are refused

    A run reads files and never the network. One network at a time is in memory; a run that needs
    one waits for another's. On a device that a worker thread owns, run those in that thread.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        download_folder: Path,
        device: str = "cpu",
        offline: bool = False,
    ) -> None:
        self._weights = WeightFolders(folders, download_folder)
        self._offline = offline
        self._network = OneNetwork(device)
        self._cache = MapCache(KEPT_BYTES)
        self._turn = threading.RLock()

    def available(self, name: str) -> Availability:
        """Can it run, and if not, what it needs. Raises InvalidRequest for an unknown name."""
        return self._weights.available(find(name))

    def download(self, name: str, report: Callable[[Progress], None] = lambda _: None) -> None:
        """Bring the files that `name` needs and that are not there; returns when they are.

        report  called with the progress over all of them, about ten times a second; raises
                `fetch.Stopped` to end the download, which goes on from there the next time

        Raises InvalidRequest, DownloadError.
        """
        available = self.available(name)
        if self._offline and not available.ready:
            raise InvalidRequest(f"The studio is offline. {available.message}")
        self._weights.download(available.spec, report)

    def check(self, unit: ControlInput, has_mask: bool) -> None:
        """Could the map of `unit` be made, in a task that has a mask or none?

        Raises InvalidRequest, with what to do.
        """
        available = self.available(unit.preprocessor)
        if available.spec.needs_mask and not has_mask:
            raise InvalidRequest(
                f"{unit.preprocessor} needs a mask, and this task has none. Inpaint or outpaint, "
                "or choose another preprocessor."
            )
        if not available.ready:
            raise InvalidRequest(f"{available.message} {_how_to_download(unit.preprocessor)}")

    def of_unit(
        self, unit: ControlInput, image: Image.Image, size: Size, mask: Image.Image | None = None
    ) -> Image.Image:
        """The map of a ControlNet unit, from `image`; see `run`."""
        return self.run(
            unit.preprocessor,
            image,
            size,
            unit.settings,
            resolution=unit.resolution,
            resize_mode=unit.resize_mode,
            mask=mask,
        )

    def release(self) -> None:
        """Drop the network that is in memory."""
        with self._turn:
            self._network.release()

    def run(
        self,
        name: str,
        image: Image.Image,
        size: Size,
        settings: Mapping[str, float] | None = None,
        *,
        resolution: int | None = None,
        resize_mode: ResizeMode = "crop_and_resize",
        mask: Image.Image | None = None,
    ) -> Image.Image:
        """The map of `image` (RGB) at `size`, RGB; RGBA with a hole for `inpaint_only`, and for
        `none` where `image` has one. The same arguments give the same map.

        resolution   the short side that the picture is looked at with; None: pixel perfect
        resize_mode  how a picture of another shape becomes `size`
        mask         "L" of the image's size, white where the hole is; only used by those that need
                     one. What lies beyond the picture (resize_and_fill) is in the hole too.

        Raises InvalidRequest for what cannot be and for absent weights, CheckpointError for broken
        ones, OutOfMemory.
        """
        spec, size = find(name), tuple(size)
        settled = spec.settled(settings)
        _check(spec, image, size, resolution, resize_mode, mask)
        key = (
            name,
            digest(image),
            digest(mask) if spec.needs_mask else None,
            *settled.values(),
            size,
            resolution,
            resize_mode,
        )
        if (cached := self._cache.get(key)) is not None:
            return cached
        with self._turn if spec.weights else nullcontext():
            if (cached := self._cache.get(key)) is not None:  # made while this one waited
                return cached
            if spec.needs_mask:
                map = _hollow(image, mask, size, resize_mode)
            elif name in _AS_IT_IS:
                map = _as_it_is(spec, image, size, resize_mode)
            else:
                at = working_size(image.size, size, resolution, resize_mode)
                rgb = image if image.mode == "RGB" else image.convert("RGB")
                map = self._preprocessed(spec, resized(rgb, at), settled)
                map = placed(map, size, resize_mode, nearest=spec.nearest)
            self._cache.put(key, map)
        return map

    def _preprocessed(
        self, spec: PreprocessorSpec, image: Image.Image, settings: Mapping[str, float]
    ) -> Image.Image:
        """The map at the size of `image`."""
        pixels = np.asarray(image)
        if spec.weights is None:
            map = _WEIGHT_FREE[spec.name](pixels, settings)
        else:
            available = self.available(spec.name)
            if not available.ready:
                raise InvalidRequest(available.message)
            map = self._network.run(spec, self._weights.find(spec.weights), pixels, settings)
        return Image.fromarray(map).convert("RGB")


def _how_to_download(name: str) -> str:
    return (
        "The page downloads it at the unit, the command line with 'studio preprocessors download "
        f"{name}', the API with POST /studio/v1/preprocessors/{name}/download. Or choose a "
        "preprocessor that needs none."
    )


def _check(
    spec: PreprocessorSpec,
    image: Image.Image,
    size: Size,
    resolution: int | None,
    resize_mode: str,
    mask: Image.Image | None,
) -> None:
    check_size(image.size)
    check_size(size, "the map")
    if resolution is not None and not (
        isinstance(resolution, int) and RESOLUTION_LEAST <= resolution <= RESOLUTION_MOST
    ):
        raise InvalidRequest(
            f"{shorten(resolution)} is not allowed, it must be a whole number from "
            f"{RESOLUTION_LEAST} to {RESOLUTION_MOST}, or none to suit the result.",
            "resolution",
        )
    if resize_mode not in RESIZE_MODES:
        raise InvalidRequest(
            f"{shorten(resize_mode)} is unknown. Use: {', '.join(RESIZE_MODES)}.", "resize_mode"
        )
    if not spec.needs_mask:
        return
    if mask is None:
        raise InvalidRequest(f"{spec.name} needs a mask. Paint one, or choose another.")
    if mask.size != image.size:
        raise InvalidRequest(
            f"{spec.name}: the mask has {mask.width} × {mask.height} pixels, the picture "
            f"{image.width} × {image.height}. Give a mask of the picture's size."
        )


def _hollow(image: Image.Image, mask: Image.Image, size: Size, mode: ResizeMode) -> Image.Image:
    picture = placed(image.convert("RGB"), size, mode)
    return with_hole(picture, placed(mask.convert("L"), size, mode, background=255))


def _as_it_is(
    spec: PreprocessorSpec, image: Image.Image, size: Size, mode: ResizeMode
) -> Image.Image:
    """A ready-made map. One of two colours is a drawing of lines, whose edges stay hard."""
    picture = image.convert("RGB")
    nearest = spec.nearest or picture.getcolors(2) is not None
    map = placed(picture, size, mode, nearest=nearest)
    if image.mode != "RGBA" or image.getchannel("A").getextrema()[0] == 255:
        return map
    alpha = placed(image.getchannel("A"), size, mode, background=0)
    return with_hole(map, alpha.point(lambda value: 255 - value))

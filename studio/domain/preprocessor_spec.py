"""What there is to know of a preprocessor before it runs, and the kinds of ControlNet there are.

The preprocessors themselves are listed in `studio.domain.preprocessors`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from studio.domain.errors import InvalidRequest, shorten

RESOLUTION_LEAST, RESOLUTION_MOST, RESOLUTION = 64, 2048, 512
"""The short side in pixels that a preprocessor works at: its range, and its default where it is not
chosen to suit the result (pixel-perfect)."""


@dataclass(frozen=True)
class Setting:
    """A number that the artist may change: one slider, from `minimum` to `maximum`."""

    name: str
    title: str
    minimum: float
    maximum: float
    default: float
    step: float
    description: str = ""

    @property
    def is_whole(self) -> bool:
        return float(self.step).is_integer() and float(self.minimum).is_integer()

    def checked(self, value: object) -> float:
        """`value` as a number of this setting; whole where its step is. Raises InvalidRequest."""
        if value is None:
            return self._number(self.default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not self.minimum <= value <= self.maximum:
            raise InvalidRequest(
                f"{self.name}: {shorten(value)} is not allowed, it must be a number from "
                f"{self.minimum:g} to {self.maximum:g}."
            )
        return self._number(value)

    def _number(self, value: float) -> float:
        return round(value) if self.is_whole else float(value)


@dataclass(frozen=True)
class WeightFile:
    """A file of a repository; `size_bytes` is about what comes, for people."""

    name: str
    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Weights:
    """What a preprocessor must have on disk.

    repo    the Hugging Face repository that `files` are from
    folder  the folder they lie in, side by side ("" for the place where all such files lie)
    terms   what their licence asks beyond the usual, for people
    """

    repo: str
    files: tuple[WeightFile, ...]
    folder: str = ""
    terms: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class PreprocessorSpec:
    """One entry of the preprocessor menu.

    control_types  the kinds of ControlNet that its map is for, the closest first
    nearest        values of the map must not be mixed (two values, or class colours), so it is
                   resized by the nearest pixel
    needs_mask     works on a part of the picture
    weights        None where it needs none
    """

    name: str
    title: str
    control_types: tuple[str, ...]
    description: str
    settings: tuple[Setting, ...] = ()
    weights: Weights | None = None
    nearest: bool = False
    needs_mask: bool = False

    @property
    def group(self) -> str:
        """The name of the control type under which menus list it; "" for those that fit all."""
        return self.control_types[0] if len(self.control_types) < len(CONTROL_TYPES) else ""

    def settled(self, settings: Mapping[str, float] | None = None) -> dict[str, float]:
        """All of its settings: those given, checked, and the defaults of the others.

        Raises InvalidRequest, which names the preprocessor, the setting and what is allowed.
        """
        given = dict(settings or {})
        names = {setting.name for setting in self.settings}
        if unknown := [name for name in given if name not in names]:
            has = (
                f"It has: {', '.join(s.name for s in self.settings)}." if names else "It has none."
            )
            raise InvalidRequest(
                f"the preprocessor {self.name} has no setting {shorten(unknown[0])}. {has}"
            )
        try:
            return {each.name: each.checked(given.get(each.name)) for each in self.settings}
        except InvalidRequest as error:
            raise InvalidRequest(f"{self.name}: {error}") from None


@dataclass(frozen=True)
class Availability:
    """Whether a preprocessor can run, and what it waits for.

    found    where its files lie
    missing  those that are not there; `ready` if none
    source   the web address of the repository they are from
    folder   where a download puts them, and where they may be put by hand
    """

    spec: PreprocessorSpec
    found: tuple[Path, ...] = ()
    missing: tuple[WeightFile, ...] = ()
    source: str = ""
    folder: Path | None = None

    @property
    def ready(self) -> bool:
        return not self.missing

    @property
    def size_bytes(self) -> int:
        """What there is to download."""
        return sum(file.size_bytes for file in self.missing)

    @property
    def message(self) -> str:
        """What is missing, how large, from where and where to put it; "" if it is ready."""
        if self.ready:
            return ""
        files = " and ".join(f"{one.name} ({_megabytes(one.size_bytes)})" for one in self.missing)
        place = f"put by hand into {self.folder}."
        return f"{self.spec.title} needs {files} from {self.source}, to be downloaded or {place}"


def _megabytes(size_bytes: int) -> str:
    if size_bytes < 10**6:
        return f"{max(1, round(size_bytes / 10**3))} kB"
    return f"{size_bytes / 10**6:.0f} MB"


@dataclass(frozen=True)
class ControlType:
    """A kind of ControlNet: its title for people and the preprocessor that suits it first.
    `reads_holes`: what is transparent in its maps is to be filled, not black."""

    title: str
    default: str
    reads_holes: bool = False


CONTROL_TYPES: Mapping[str, ControlType] = MappingProxyType(
    {
        "canny": ControlType("Canny", "canny"),
        "depth": ControlType("Depth", "depth_anything_v2"),
        "normal": ControlType("Normal map", "normal_bae"),
        "openpose": ControlType("OpenPose", "openpose"),
        "mlsd": ControlType("Straight lines (MLSD)", "mlsd"),
        "lineart": ControlType("Line art", "lineart_standard"),
        "softedge": ControlType("Soft edge", "softedge_pidinet"),
        "scribble": ControlType("Scribble", "scribble"),
        "segmentation": ControlType("Segmentation", "segmentation"),
        "shuffle": ControlType("Shuffle", "shuffle"),
        "tile": ControlType("Tile / blur", "tile_resample"),
        "inpaint": ControlType("Inpaint", "inpaint_only", reads_holes=True),
        "recolor": ControlType("Recolour", "recolor_luminance"),
        "instruct": ControlType("Instruct pix2pix", "none"),
    }
)
"""Name -> what kinds of ControlNet there are, by the map they were trained on."""

UNION_PLACES: Mapping[str, int] = MappingProxyType(
    {
        "openpose": 0,
        "depth": 1,
        "softedge": 2,
        "scribble": 2,
        "canny": 3,
        "lineart": 3,
        "mlsd": 3,
        "normal": 4,
        "segmentation": 5,
        "tile": 6,
        "inpaint": 7,
    }
)
"""Control type -> its place among those that a ControlNet-Union is told of. The first version knows
six of them, its ProMax version all eight (xinsir/controlnet-union-sdxl-1.0, its README)."""


def union_types(count: int | None) -> tuple[str, ...]:
    """The control types of a ControlNet-Union that is told of `count`; None: not known, six."""
    return tuple(name for name, place in UNION_PLACES.items() if place < (count or 6))

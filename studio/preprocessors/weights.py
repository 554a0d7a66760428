"""Where the weights of preprocessors lie, and how they come there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from studio.domain.preprocessor_spec import (
    Availability,
    PreprocessorSpec,
    WeightFile,
    Weights,
)
from studio.fetching import hub
from studio.fetching.fetch import Progress

ANNOTATORS = "annotators"
"""The folder for files that lie side by side, below the one for downloads."""


class WeightFolders:
    """Looks for weights in `folders` and in `download_folder`, and downloads to the latter.

    Found are a file as its repository calls it or, converted, with the suffix .safetensors; in the
    folder itself, one or two folders below (as AUTOMATIC1111 and Forge keep them), or in a cache of
    the Hugging Face hub.
    """

    def __init__(self, folders: Iterable[Path], download_folder: Path) -> None:
        self._download_folder = Path(download_folder)
        self._folders = (self._download_folder, *(Path(folder) for folder in folders))
        self._downloading = threading.Lock()

    def available(self, spec: PreprocessorSpec) -> Availability:
        """What of `spec`'s files is there and what is not."""
        if spec.weights is None:
            return Availability(spec)
        found = self.find(spec.weights)
        return Availability(
            spec,
            found=tuple(found.values()),
            missing=tuple(file for file in spec.weights.files if file.name not in found),
            source=f"{hub.endpoint()}/{spec.weights.repo}",
            folder=self._target(spec.weights),
        )

    def find(self, weights: Weights) -> dict[str, Path]:
        """A file's name in the repository -> where it is; those of a model that is a folder lie
        together."""
        if not weights.folder:
            places = {file.name: self._annotator(file.name, weights) for file in weights.files}
            return {name: path for name, path in places.items() if path}
        best: dict[str, Path] = {}
        for folder in self._model_folders(weights):
            here = {file.name: _in(folder, file.name) for file in weights.files}
            here = {name: path for name, path in here.items() if path}
            if len(here) > len(best):
                best = here
        return best

    def download(self, spec: PreprocessorSpec, report: Callable[[Progress], None]) -> None:
        """Bring what is missing, one file after another; `report` hears of all as one.

        Raises `DownloadError`, or what `report` raises to end it.
        """
        with self._downloading:
            missing = self.available(spec).missing
            done = 0
            for number, file in enumerate(missing):
                later = sum(other.size_bytes for other in missing[number + 1 :])

                def tell(now: Progress, before: int = done, later: int = later) -> None:
                    total = None if now.total_bytes is None else before + now.total_bytes + later
                    report(replace(now, done_bytes=before + now.done_bytes, total_bytes=total))

                done += self._fetch(spec.weights, file, tell)

    def _fetch(self, weights: Weights, file: WeightFile, report: Callable) -> int:
        """Bytes of what came."""
        folder = self._target(weights)
        path = hub.download(
            weights.repo,
            folder,
            report,
            file=file.name,
            sha256=file.sha256,
            pickles=True,  # only tensors are read from them
            guarded=True,
        )
        if path.name != file.name:  # a name that says nothing was made the repository's
            path = path.replace(folder / file.name)
        return path.stat().st_size

    def _target(self, weights: Weights) -> Path:
        return self._download_folder / (weights.folder or ANNOTATORS)

    def _annotator(self, name: str, weights: Weights) -> Path | None:
        for folder in self._folders:
            for place in (folder, *self._snapshots(folder, weights)):
                if path := _in(place, name):
                    return path
            for stem in _names(name):
                for pattern in (f"*/{stem}", f"*/*/{stem}"):
                    for path in sorted(folder.glob(pattern)):
                        if path.is_file():
                            return path
        return None

    def _model_folders(self, weights: Weights) -> Iterator[Path]:
        for folder in self._folders:
            if folder.name == weights.folder:
                yield folder
            yield folder / weights.folder
            yield from sorted(folder.glob(f"*/{weights.folder}"))
            yield from self._snapshots(folder, weights)

    @staticmethod
    def _snapshots(folder: Path, weights: Weights) -> list[Path]:
        return sorted(folder.glob(f"models--{weights.repo.replace('/', '--')}/snapshots/*"))


def _in(folder: Path, name: str) -> Path | None:
    return next((folder / stem for stem in _names(name) if (folder / stem).is_file()), None)


def _names(name: str) -> tuple[str, ...]:
    """What the file may be called: the safetensors kind first."""
    path = PurePath(name)
    if path.suffix in (".json", ".safetensors"):
        return (name,)
    stem = "model" if path.stem == "pytorch_model" else path.stem
    return (f"{stem}.safetensors", name)

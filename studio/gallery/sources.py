"""Where the pictures of a request come from: their names -> bytes.

input:ID      kept by `Inputs`, as all are once the request is submitted
picture:ID    a result in the gallery
data:…        a data-URI with base64
anything else the path of a file; only where the caller may read this machine's files
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable
from pathlib import Path

from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest, NotFound, about, shorten
from studio.domain.files import read_file
from studio.domain.geometry import Size
from studio.domain.request import GenerationRequest
from studio.domain.sources import Record, is_path, named_in
from studio.domain.tasks import Inpaint, Task
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.imaging import masks, reading, sketches

MAX_FILE_BYTES = 512 * 2**20
"""Of a file on this machine: 64 MP with four channels of 16 bits."""

_MOST_REMEMBERED = 256
"""Masks that are known to fit; a mask is named by its content."""

_DATA_URI = re.compile(r"data:[\w/+.-]{0,100}(?:;[\w=.-]{0,100}){0,4};base64,", re.ASCII)


class Sources:
    """Reads and keeps what requests name."""

    def __init__(self, inputs: Inputs, gallery: Gallery) -> None:
        self._inputs = inputs
        self._gallery = gallery
        self._checking = threading.Lock()
        self._fitting: dict[tuple, None] = {}

    def read(self, source: str) -> bytes:
        """What `input:ID` or `picture:ID` stands for; no path is ever opened.

        Raises `NotFound` if it is gone, and `InvalidRequest` for any other kind of name.
        """
        kind, _, id = source.partition(":")
        if kind == "input":
            return self._inputs.bytes(id)
        if kind == "picture":
            return self._gallery.bytes(id)
        raise InvalidRequest(
            "this is no upload, and files of the server are not read. Upload the picture to "
            "/studio/v1/uploads and name it input:ID, or send a data-URI."
        )

    def read_any(self, source: str) -> bytes:
        """As `read`, and what a data-URI holds. Raises `InvalidRequest` for one that is none."""
        return _decoded(source) if source.startswith("data:") else self.read(source)

    def kept(self, request: GenerationRequest) -> GenerationRequest:
        """`request` with every picture kept and named `input:ID`. Refuses paths.

        Raises `InvalidRequest` (no picture, damaged, too large, gone; a mask that does not fit or
        covers nothing; a sketch of another size) and `SaveError`.
        """
        request = self._renamed(request, self._from_caller)
        task = request.task
        if sketch := named_in(task).get("sketch"):
            sketches.require_fit(self._inputs.size(sketch.partition(":")[2]), self.size(task))
        if isinstance(task, Inpaint):
            self._check_mask(task)
        return request

    def _check_mask(self, task: Inpaint) -> None:
        """Each once for a picture of some size, in whatever number of requests."""
        size = self.size(task)
        key = task.mask, size, task.resize_mask, task.invert, task.mask_grow
        with self._checking:
            if key in self._fitting:
                return
            sharp = task.model_copy(update={"mask_blur": 0})  # the blur takes long and hides none
            masks.prepared(reading.mask(self.read(task.mask)), sharp, size)
            while len(self._fitting) >= _MOST_REMEMBERED:
                self._fitting.pop(next(iter(self._fitting)))
            self._fitting[key] = None

    def with_files_kept(self, request: GenerationRequest) -> GenerationRequest:
        """`request` with those pictures kept and renamed that are files on this machine.

        Raises as `kept` does.
        """
        return self._renamed(request, lambda name: file_bytes(name) if is_path(name) else None)

    def size(self, task: Task) -> Size | None:
        """(width, height) of the picture that `task`, which is kept, begins with, if any."""
        image = named_in(task).get("image")
        return image and self._inputs.size(image.partition(":")[2])

    def use(self, request: GenerationRequest) -> None:
        """A job will need the pictures of `request`, which are kept: they stay."""
        for record in (request.task, *request.controls):
            for source in named_in(record).values():
                self._inputs.use(source.partition(":")[2])

    def _from_caller(self, source: str) -> bytes | None:
        if source.startswith("input:"):
            self._inputs.size(source.partition(":")[2])
            return None
        return self.read_any(source)

    def _renamed(
        self, request: GenerationRequest, read: Callable[[str], bytes | None]
    ) -> GenerationRequest:
        """`read` gives the bytes to keep, or None for a name that stays as it is."""
        changes = {
            "task": self._record(request.task, read),
            "controls": self._units(request.controls, read),
        }
        return request.model_copy(update=changes)

    def _units(
        self, units: tuple[ControlInput, ...], read: Callable[[str], bytes | None]
    ) -> tuple[ControlInput, ...]:
        renamed = []
        for place, unit in enumerate(units):
            with about(f"controls.{place}"):
                renamed.append(self._record(unit, read))
        return tuple(renamed)

    def _record(self, record: Record, read: Callable[[str], bytes | None]) -> Record:
        names = {}
        for field, source in named_in(record).items():
            try:
                data = read(source)
                if data is not None:
                    names[field] = self._inputs.keep(data).ref
            except (InvalidRequest, NotFound) as error:
                what = f"{shorten(source, 200)}: " if is_path(source) else ""
                raise InvalidRequest(f"{what}{error}", field) from None
        return record.model_copy(update=names)


def _decoded(uri: str) -> bytes:
    head = _DATA_URI.match(uri)
    if not head:
        raise InvalidRequest(
            f"{shorten(uri)} is not a data-URI with base64, as in data:image/png;base64,iVBOR…"
        )
    try:
        return base64.b64decode(uri[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"{shorten(uri)} is cut off, or holds what is not base64. Encode the file anew."
        ) from None


def file_bytes(name: str | Path) -> bytes:
    """The content of a regular file of this machine. Raises `InvalidRequest`."""
    path = Path(name).expanduser()
    try:
        return read_file(path, MAX_FILE_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"the file cannot be read: {cause}.") from None

"""Pictures as PNG files that carry their own settings.

A picture is written under a temporary name and renamed, so nobody ever sees half a file. Where it
cannot be written (disk full, folder read-only) it stays in memory, and says so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.events import Picture
from studio.domain.files import as_text, is_full
from studio.domain.provenance import Provenance, WrittenMark
from studio.domain.request import GenerationRequest
from studio.gallery.held import Held
from studio.gallery.packing import details_in, encode, noted, nsfw_in
from studio.gallery.places import Found, Places, not_found
from studio.imaging import reading
from studio.provenance.credentials import Notary
from studio.reading.metadata import metadata

log = logging.getLogger(__name__)

KEPT_IN_MEMORY = 64
"""How many unsaved pictures are kept, the newest; each is a few hundred kB to a few MB."""
WHILE_IT_IS_HERE = " Download this one now: it is kept in memory only."
"""The end of what is said of one of these."""


@dataclass(frozen=True)
class Stored:
    """A file that is about to have its name.

    path        below the outputs
    hash        the first 32 hex digits of its sha256, as inputs are named
    created_us  microseconds since 1970, later than those of all before; the file's own time too
    """

    id: str
    path: str
    hash: str
    created_us: int


def hash_of(data: bytes) -> str:
    """The first 32 hex digits of the sha256."""
    return hashlib.sha256(data).hexdigest()[:32]


class Gallery:
    """Keeps pictures in `outputs`, as `YYYY-MM-DD/NNNNN-seed.png`, or flat as `NNNNN-seed.png`.

    notary  signs their files; None: nobody does

    Numbers go on after a restart, and no two threads or processes get the same one. `held` are
    those that nobody has asked to keep.
    """

    def __init__(self, outputs: Path, flat: bool = False, notary: Notary | None = None) -> None:
        self._notary = notary
        self.again = notary.again if notary else None
        self.together = notary.together if notary else None
        self.places = Places(outputs, flat)
        self.held = Held()
        self._unsaved: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._kept = 0
        self._newest_us = 0

    @property
    def folder(self) -> Path:
        """Below which the pictures lie."""
        return self.places.outputs

    @property
    def kept(self) -> int:
        """How many pictures were kept since the start."""
        return self._kept

    def keep(self, picture: Picture, claim: Callable[[Stored], None] = lambda _: None) -> Picture:
        """Store `picture` and return it with its `id` and `path`; never raises for the disk.
        `claim` is told of the file before it is there: if the process ends in between, either
        the claim stands for no file or the file has its claim.

        If it cannot be written it is kept in memory (the newest 64), with `path` None and a
        warning more for the artist.
        """
        png, picture = self._signed(picture)
        with self._lock:
            self._kept += 1
        try:
            stored = self.store(png, picture.seed, ".png", claim)
        except OSError as error:
            warning = _warning(self.folder, error)
            log.warning("%s", warning)
            return dataclasses.replace(
                picture, id=self._remember(png), warnings=(*picture.warnings, warning)
            )
        return dataclasses.replace(picture, id=stored.id, path=self.folder / stored.path)

    def file(self, picture: Picture) -> bytes:
        """That which `keep` would store."""
        return self._signed(picture)[0]

    def _signed(self, picture: Picture) -> tuple[bytes, Picture]:
        """Its file, and it without what only signing needs; with a warning more where it cannot be
        signed."""
        png, bare = encode(picture), dataclasses.replace(picture, source=None)
        try:
            return self._notary.signed(png, picture) if self._notary else png, bare
        except InvalidRequest as error:
            warning = f"The picture has no content credentials: {error}"
            log.warning("%s", warning)
            bare = dataclasses.replace(bare, warnings=(*bare.warnings, warning))
            return encode(bare), bare

    def store(
        self,
        data: bytes,
        seed: int,
        suffix: str,
        claim: Callable[[Stored], None],
        created_us: int | None = None,
    ) -> Stored:
        """A file of these bytes, in the folder of the day of `created_us` (None: now). Raises
        OSError."""
        created_us = self._time_us() if created_us is None else created_us
        day = datetime.fromtimestamp(created_us / 10**6).date().isoformat()
        folder = self.places.folder(day)
        folder.mkdir(parents=True, exist_ok=True)
        number, partial, file = self.places.claim_number(folder)
        path = folder / f"{number:05}-{seed}{suffix}"
        name = path.relative_to(self.folder).as_posix()
        stored = Stored(self.places.id(day, path.stem), name, hash_of(data), created_us)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())  # or a loss of power would leave a claim on half a file
            os.utime(partial, ns=(created_us * 1000, created_us * 1000))
            claim(stored)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return stored

    def bytes(self, id: str) -> bytes:
        """The file's. Raises `NotFound`."""
        with self._lock:
            if id in self._unsaved:
                return self._unsaved[id]
        held = self.held.bytes(id)
        if held is not None:
            return held
        try:
            return self.found(id).path.read_bytes()
        except OSError:
            raise not_found(id) from None

    def picture(self, id: str) -> Picture:
        """It as it was kept; its pixels are read when they are asked for. Raises `NotFound`, also
        where its file does not tell what made it."""
        image, request, path = self._opened(id), self.request(id), self.path(id)
        difference, warnings = noted(image.info)
        return Picture(
            image=image,
            seed=int(id.rpartition("-")[2]) if path else request.seed,
            request=request,
            infotext=image.info.get("parameters", ""),
            place=request.batch_place or 0,
            partial="studio-partial" in image.info,
            id=id,
            path=path,
            warnings=warnings,
            outside_mask_max_difference=difference,
            profile=image.info.get("icc_profile"),
            provenance=Provenance.read(image.info.get("studio-provenance", "")),
            origin=image.info.get("studio-origin"),
            base=image.info.get("studio-base"),
            details=details_in(image.info),
            mark=WrittenMark.read(image.info.get("studio-watermark", "")),
            mixed="studio-mixed" in image.info,
            nsfw=nsfw_in(image.info),
        )

    def clear(self) -> None:
        """Delete what a studio that was ended left half-written. Only for whoever has the folder
        for himself."""
        for partial in self.places.partials():
            with suppress(OSError):
                partial.unlink()

    def request(self, id: str) -> GenerationRequest:
        """What made the picture. Raises `NotFound`, also where its file does not tell."""
        try:
            return GenerationRequest.parse(metadata(self.bytes(id)).texts.get("studio", ""))
        except InvalidRequest as error:
            raise NotFound(f"The settings inside picture {id} cannot be read: {error}") from None

    def path(self, id: str) -> Path | None:
        """The file, or None if the picture is only in memory. Raises `NotFound`."""
        with self._lock:
            if id in self._unsaved:
                return None
        return None if self.held.bytes(id) else self.found(id).path

    def found(self, id: str) -> Found:
        """Where the file is, in the trash too. Raises `NotFound`."""
        found = self.places.find(id)
        if found is None:
            raise not_found(id)
        return found

    def _opened(self, id: str) -> Image.Image:
        try:
            return Image.open(io.BytesIO(self.bytes(id)), formats=reading.FORMATS)
        except (OSError, SyntaxError, ValueError) as error:
            raise NotFound(f"The file of picture {id} cannot be read: {error}.") from None

    def _time_us(self) -> int:
        """Now, but later than ever before."""
        with self._lock:
            self._newest_us = max(time.time_ns() // 1000, self._newest_us + 1)
            return self._newest_us

    def _remember(self, png: bytes) -> str:
        id = f"unsaved-{secrets.token_urlsafe(12)}"
        with self._lock:
            self._unsaved[id] = png
            while len(self._unsaved) > KEPT_IN_MEMORY:
                self._unsaved.popitem(last=False)
        return id


def _warning(folder: Path, error: OSError) -> str:
    cause = error.strerror or str(error)
    step = "Choose another folder with --data-dir, or make this one writable."
    if is_full(error):
        step = "Free some disk space."
    return as_text(f"The picture could not be saved in {folder}: {cause}. {step}{WHILE_IT_IS_HERE}")

"""Pictures as PNG files that carry their own settings.

A picture is written under a temporary name and renamed, so nobody ever sees half a file. Where it
cannot be written (disk full, folder read-only) it stays in memory, and says so.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import logging
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.events import Picture
from studio.domain.files import as_text
from studio.domain.request import GenerationRequest

log = logging.getLogger(__name__)

KEPT_IN_MEMORY = 64
"""How many unsaved pictures are kept, the newest; each is a few hundred kB to a few MB."""

_COMPRESS_LEVEL = 1
"""zlib's fastest: a third of the default's time for a few per cent more bytes."""

_ID = re.compile(r"(?:(\d{4}-\d{2}-\d{2})_)?(\d{5,12})-(\d{1,20})", re.ASCII)
_NAME = re.compile(r"(\d{5,12})-\d{1,20}\.png", re.ASCII)
_PARTIAL = re.compile(r"\.(\d{5,12})\.part", re.ASCII)


class Gallery:
    """Keeps pictures in `outputs`, as `YYYY-MM-DD/NNNNN-seed.png`, or flat as `NNNNN-seed.png`.

    Numbers go on after a restart, and no two threads or processes get the same one.
    """

    def __init__(self, outputs: Path, flat: bool = False) -> None:
        self._outputs = outputs
        self._flat = flat
        self._unsaved: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._kept = 0

    @property
    def folder(self) -> Path:
        """Below which the pictures lie."""
        return self._outputs

    @property
    def kept(self) -> int:
        """How many pictures were kept since the start."""
        return self._kept

    def keep(self, picture: Picture, claim: Callable[[str], None] = lambda id: None) -> Picture:
        """Store `picture` and return it with its `id` and `path`; never raises for the disk.
        `claim` is told the id before the file is there: if the process ends in between, either
        the claim stands for no file or the file has its claim.

        If it cannot be written it is kept in memory (the newest 64), with `path` None and a
        warning more for the artist.
        """
        png = encode(picture)
        with self._lock:
            self._kept += 1
        try:
            id, path = self._write(png, picture.seed, claim)
        except OSError as error:
            warning = _warning(self._outputs, error)
            log.warning("%s", warning)
            return dataclasses.replace(
                picture, id=self._remember(png), warnings=(*picture.warnings, warning)
            )
        return dataclasses.replace(picture, id=id, path=path)

    def png(self, id: str) -> bytes:
        """The file's bytes. Raises `NotFound`."""
        with self._lock:
            if id in self._unsaved:
                return self._unsaved[id]
        try:
            return self._path(id).read_bytes()
        except OSError:
            raise _not_found(id) from None

    def picture(self, id: str) -> Picture:
        """It as it was kept; its pixels are read when they are asked for. Raises `NotFound`, also
        where its file does not tell what made it."""
        image, request, path = self._opened(id), self.request(id), self.path(id)
        difference, warnings = _told(image)
        return Picture(
            image=image,
            seed=int(id.rpartition("-")[2]) if path else request.seed,
            request=request,
            infotext=image.info.get("parameters", ""),
            partial="studio-partial" in image.info,
            id=id,
            path=path,
            warnings=warnings,
            outside_mask_max_difference=difference,
            profile=image.info.get("icc_profile"),
        )

    def clear(self) -> None:
        """Delete what a studio that was ended left half-written. Only for whoever has the folder
        for himself."""
        for partial in self._outputs.glob(".*.part" if self._flat else "*/.*.part"):
            if _PARTIAL.fullmatch(partial.name):
                with suppress(OSError):
                    partial.unlink()

    def request(self, id: str) -> GenerationRequest:
        """What made the picture. Raises `NotFound`, also where its file does not tell."""
        text = self._opened(id).info.get("studio")
        try:
            return GenerationRequest.parse(text or "")
        except InvalidRequest as error:
            raise NotFound(f"The settings inside picture {id} cannot be read: {error}") from None

    def path(self, id: str) -> Path | None:
        """The file, or None if the picture is only in memory. Raises `NotFound`."""
        with self._lock:
            if id in self._unsaved:
                return None
        path = self._path(id)
        if not path.is_file():
            raise _not_found(id)
        return path

    def _opened(self, id: str) -> Image.Image:
        try:
            return Image.open(io.BytesIO(self.png(id)), formats=["PNG"])
        except (OSError, SyntaxError, ValueError) as error:
            raise NotFound(f"The file of picture {id} cannot be read: {error}.") from None

    def _path(self, id: str) -> Path:
        """Where `id` must lie. An id is three numbers at most, so it cannot lead elsewhere."""
        match = _ID.fullmatch(id)
        if not match or self._flat != (match[1] is None):
            raise _not_found(id)
        day, number, seed = match.groups()
        folder = self._outputs if self._flat else self._outputs / day
        return folder / f"{number}-{seed}.png"

    def _write(self, png: bytes, seed: int, claim: Callable[[str], None]) -> tuple[str, Path]:
        day = date.today().isoformat()
        folder = self._outputs if self._flat else self._outputs / day
        folder.mkdir(parents=True, exist_ok=True)
        number, partial, file = _claim_number(folder)
        name = f"{number:05}-{seed}"
        id, path = (name if self._flat else f"{day}_{name}"), folder / f"{name}.png"
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(png)
                stream.flush()
                os.fsync(stream.fileno())  # or a loss of power would leave a claim on half a file
            claim(id)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return id, path

    def _remember(self, png: bytes) -> str:
        id = f"unsaved-{secrets.token_urlsafe(12)}"
        with self._lock:
            self._unsaved[id] = png
            while len(self._unsaved) > KEPT_IN_MEMORY:
                self._unsaved.popitem(last=False)
        return id


def _told(image: Image.Image) -> tuple[int | None, tuple[str, ...]]:
    """What `encode` wrote about the mask, and the warnings; nothing where somebody else did."""
    try:
        difference = image.info.get("outside_mask_max_difference")
        warnings = json.loads(image.info.get("studio-warnings", "[]"))
        return None if difference is None else int(difference), tuple(map(str, warnings))
    except (ValueError, TypeError):
        return None, ()


def encode(picture: Picture) -> bytes:
    """PNG bytes with the text chunks `parameters` (infotext), `studio` (the request that makes
    this very picture again: of a batch, with its place in it), for one that was stopped
    `studio-partial`, for one with a mask `outside_mask_max_difference`, and where there are
    warnings `studio-warnings`, a JSON list; with the picture's colour profile and no other.

    Pillow writes a chunk as iTXt (UTF-8) where tEXt (Latin-1) cannot hold the text.
    """
    request, place = picture.request, picture.seed - picture.request.seed
    if request.batch_size > 1:
        # What a device computes depends on how many pictures it draws at once.
        request = request.model_copy(update={"batch_place": place})
    texts = PngInfo()
    texts.add_text("parameters", picture.infotext)
    texts.add_text("studio", request.model_dump_json())
    if picture.partial:
        texts.add_text("studio-partial", "true")
    if picture.outside_mask_max_difference is not None:
        texts.add_text("outside_mask_max_difference", str(picture.outside_mask_max_difference))
    if picture.warnings:
        texts.add_text("studio-warnings", json.dumps(picture.warnings, ensure_ascii=False))
    buffer = io.BytesIO()
    picture.image.save(
        buffer,
        "PNG",
        pnginfo=texts,
        compress_level=_COMPRESS_LEVEL,
        icc_profile=picture.profile,
    )
    return buffer.getvalue()


def _claim_number(folder: Path) -> tuple[int, Path, int]:
    """The next free number, the temporary file that claims it, and its open descriptor.

    The temporary file is created exclusively, so one number has one claimant at a time. Another
    may have claimed, written and renamed between our look and our claim: hence the second look,
    which must see that picture, for its rename came before our claim.
    """
    while True:
        number = 1 + max(_numbers(folder, _NAME) | _numbers(folder, _PARTIAL), default=0)
        partial = folder / f".{number:05}.part"
        try:
            file = os.open(
                partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            )
        except FileExistsError:
            continue
        if number not in _numbers(folder, _NAME):
            return number, partial, file
        os.close(file)
        partial.unlink(missing_ok=True)


def _numbers(folder: Path, pattern: re.Pattern[str]) -> set[int]:
    return {int(match[1]) for name in os.listdir(folder) if (match := pattern.fullmatch(name))}


def _warning(folder: Path, error: OSError) -> str:
    cause = error.strerror or str(error)
    step = "Choose another folder with --data-dir, or make this one writable."
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        step = "Free some disk space."
    return as_text(
        f"The picture could not be saved in {folder}: {cause}. {step} "
        "Download this one now: it is kept in memory only."
    )


def _not_found(id: str) -> NotFound:
    return NotFound(
        f"There is no picture {id[:80]!r} (any more). Look for it in the outputs folder."
    )

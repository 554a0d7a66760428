"""Datasets drawn: in the caller's thread, or beside everything else, for the page."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from studio.datasets import formats, photos, starting
from studio.datasets import spec as specs
from studio.datasets.folder import DatasetFolder, Row, write
from studio.datasets.generating import DatasetEvent, generate, write_all
from studio.datasets.labels import Label, clipped
from studio.datasets.spec import DatasetSpec
from studio.datasets.starting import Desk
from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest, NotFound, SaveError, StudioError

Act = Literal["accept", "reject", "redraw"]
State = Literal["drawing", "stopped", "done", "failed"]

_ID = re.compile(r"[\w-][\w .-]{0,99}")


@dataclass
class Dataset:
    """One of the page's. `message` says why it failed."""

    id: str
    owner: str
    spec: DatasetSpec
    folder: DatasetFolder
    state: State = "stopped"
    message: str = ""
    seconds_left: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Datasets:
    """Drawn by what `desk` offers; those of the page lie in `folder`. Safe from many threads."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self._desk, self._folder = desk, folder
        self._closing = threading.Event()
        self._known: dict[str, Dataset] = {}
        self._making: set[str] = set()
        self._lock = threading.RLock()

    def generate(
        self,
        spec: DatasetSpec,
        folder: Path,
        resume: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DatasetEvent]:
        """Draw `spec` into `folder`, event by event; `stopped` is asked between pictures. Raises as
        `starting.task` and `generating.generate` do."""
        task = starting.task(spec, folder, self._desk)
        return generate(task, resume, lambda: self._closing.is_set() or stopped())

    def all(self) -> list[Dataset]:
        """Those of the page, by name."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                with contextlib.suppress(StudioError):
                    self.get(path.name)
        with self._lock:
            return [self._known[id] for id in sorted(self._known)]

    def get(self, id: str) -> Dataset:
        """Raises `NotFound`."""
        with self._lock:
            if id not in self._known:
                path = self._folder / id
                folder = DatasetFolder(path)
                if not _ID.fullmatch(id) or not folder.spec_path.is_file():
                    raise NotFound(f"There is no dataset {id[:100]!r} (any more).")
                spec = folder.load()
                owner = LOCAL
                with contextlib.suppress(OSError):
                    owner = _owner_file(path).read_text("utf-8")
                one = Dataset(id, owner, spec, folder)
                one.state = "done" if folder.is_complete(spec.count) else "stopped"
                self._known[id] = one
            return self._known[id]

    def create(
        self, spec: DatasetSpec, owner: str = LOCAL, given: Sequence[photos.GivenPhoto] = ()
    ) -> Dataset:
        """Begin a new one, of the account `owner`, with the photos `given`. Raises `InvalidRequest`
        for what cannot be drawn, and where one is called so already; `SaveError`."""
        if spec.photos:
            raise InvalidRequest(
                "a folder of this machine is read by the command line alone: studio dataset "
                "generate. Send the photos beside the specification.",
                "photos",
            )
        id = re.sub(r"[^\w .-]+", "-", spec.name).strip(" .-")[:100] or "dataset"
        folder = DatasetFolder(self._folder / id)
        with self._lock:
            if folder.spec_path.exists() or id in self._making:
                raise InvalidRequest(
                    f"there is a dataset {id!r} already. Name it otherwise.", "name"
                )
            self._making.add(id)
        try:
            if given:
                photos.keep(given, folder.photos_path, self._desk.read)
                spec = specs.changed(spec, photos=str(folder.photos_path))
            task = starting.task(spec, folder.path, self._desk_of(owner))
            try:  # before it can be found
                write(_owner_file(folder.path), owner.encode())
            except OSError as error:
                raise SaveError(
                    f"{folder.path} cannot be written: {error.strerror or error}."
                ) from None
            folder.open(task.spec, False)
            folder.close()
            with self._lock:
                self._known[id] = Dataset(id, owner, task.spec, folder)
                return self._begin(self._known[id], task)
        except StudioError:
            shutil.rmtree(folder.photos_path, ignore_errors=True)
            raise
        finally:
            self._making.discard(id)

    def start(self, id: str) -> Dataset:
        """Go on with it, in a thread of its own. Raises as `starting.task`."""
        with self._lock:
            one = self.get(id)
            if one.state == "drawing":
                return one
            task = starting.task(one.spec, one.folder.path, self._desk_of(one.owner))
            return self._begin(one, task)

    def _desk_of(self, owner: str) -> Desk:
        return dataclasses.replace(self._desk, submit=partial(self._desk.submit, owner=owner))

    def _begin(self, one: Dataset, task: starting.DatasetTask) -> Dataset:
        one.stop.clear()
        one.state, one.message = "drawing", ""
        one.thread = threading.Thread(
            target=self._draw, args=(one, task), daemon=True, name=f"dataset {one.id}"
        )
        one.thread.start()
        return one

    def stop(self, id: str) -> Dataset:
        """End it once what the device is at is drawn; what is done stays."""
        one = self.get(id)
        one.stop.set()
        return one

    def delete(self, id: str) -> None:
        """It and all its files. Raises `InvalidRequest` while it is drawn."""
        with self._lock:
            one = self.get(id)
            if one.state == "drawing":
                raise InvalidRequest(f"{id} is being drawn. Stop it first.")
            shutil.rmtree(one.folder.path, ignore_errors=True)
            self._known.pop(id, None)

    def rows(self, id: str, status: str) -> list[Row]:
        """Its pictures of a status, in order."""
        rows = self.get(id).folder.rows.copy()
        return [rows[n] for n in sorted(rows) if rows[n].status == status]

    def row(self, id: str, number: int) -> Row:
        """One of its pictures. Raises `NotFound`."""
        row = self.get(id).folder.rows.get(number)
        if row is None:
            raise NotFound(f"{id} has no picture {number}.")
        return row

    def judge(
        self, id: str, number: int, act: Act, labels: Sequence[tuple[str, Sequence[float]]] | None
    ) -> Row:
        """What somebody says of a picture: it joins the dataset, with `labels` (class, box in
        pixels) if they are corrected; it goes; or it is drawn once more. Raises `NotFound`, and
        `InvalidRequest` for a label that cannot be."""
        with self._lock:
            one, row = self.get(id), self.row(id, number)
            if row.status in ("rejected", "again") and act == "accept":
                raise NotFound(f"The picture {number} is gone. Draw it again.")
            changes: dict[str, object] = {"judged_by": "hand", "reason": ""}
            changes["status"] = {"accept": "accepted", "reject": "rejected", "redraw": "again"}[act]
            if labels is not None:
                changes["labels"] = tuple(_corrected(one.spec, row, each) for each in labels)
            row = dataclasses.replace(row, **changes)
            one.folder.keep(row, None, lambda each: formats.yolo_label(one.spec, each))
            if one.state != "drawing":
                write_all(one.folder, one.spec, self._sha256(one))
            if act == "redraw":
                self.start(id)
            return row

    def files(self, id: str) -> list[Path]:
        """What is given away of it: all but what waits for review and the studio's own."""
        path = self.get(id).folder.path
        own = (".studio", "review")
        return sorted(
            file
            for file in path.rglob("*")
            if file.is_file() and file.relative_to(path).parts[0] not in own
        )

    def close(self) -> None:
        """End what is drawn."""
        self._closing.set()
        for one in [*self._known.values()]:
            one.stop.set()
            if one.thread is not None:
                one.thread.join(2)

    def _draw(self, one: Dataset, task: starting.DatasetTask) -> None:
        try:
            for event in generate(task, True, one.stop.is_set, one.folder):
                one.seconds_left = event.seconds_left
                ended = event.ended
            one.state = "stopped" if ended == "stopped" else "done"
        except StudioError as error:
            one.state = "stopped" if self._closing.is_set() or one.stop.is_set() else "failed"
            one.message = str(error) if one.state == "failed" else ""
        except Exception as error:
            one.state, one.message = "failed", f"{type(error).__name__}: {error}"
            raise

    def _sha256(self, one: Dataset) -> str | None:
        with contextlib.suppress(StudioError):
            return self._desk.sha256(self._desk.checkpoint(one.spec.checkpoint))
        return None


def _owner_file(path: Path) -> Path:
    return path / ".studio" / "owner"


def _corrected(spec: DatasetSpec, row: Row, told: tuple[str, Sequence[float]]) -> Label:
    name, box = told
    if name not in spec.classes:
        raise InvalidRequest(f"{name!r} is none of its classes: {', '.join(spec.names)}.", "labels")
    try:
        whole = clipped(box, row.size)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(str(error), "labels") from None
    before = next((one for one in row.labels if one.name == name and one.box == whole), None)
    return before or Label(name, whole)

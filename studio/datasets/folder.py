"""A dataset's folder: what lies where, and which pictures are done.

    images/train/000012.png     labels/train/000012.txt      (and val, test)
    review/000013.png           what waits for somebody's word
    dataset.yaml  annotations/  provenance.csv  README.md
    .studio/spec.yaml           what it is drawn by
    .studio/ledger.jsonl        a line for each picture that is done; the last one counts
    .studio/photos/             photos that came over HTTP, to be drawn into

A picture's files are there before its line is. After any end of the process what has no line is
drawn again, over whatever lies there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from studio.datasets import spec as specs
from studio.datasets.labels import Label
from studio.datasets.spec import SPLITS, DatasetSpec, Split
from studio.domain.errors import InvalidRequest, SaveError
from studio.domain.files import as_text
from studio.domain.geometry import Size
from studio.domain.locks import FileLock

Status = Literal["accepted", "review", "rejected", "again"]
_GONE = ("rejected", "again")
_OWN = ".studio"


@dataclass(frozen=True)
class Row:
    """One picture that is done.

    status     accepted: it is in the dataset; review: somebody is to look; rejected: it is gone;
               again: it is to be drawn once more
    name       of its file, without the folders
    strays     what was seen besides the labels
    attempts   how many drawings it took
    judged_by  "check": the second look; "hand": somebody; "": nobody looked
    reason     why it is not accepted
    looks      what it looks like, to find pictures that are almost the same
    """

    number: int
    status: Status
    split: Split
    name: str
    size: Size
    labels: tuple[Label, ...]
    prompt: str
    seed: int
    strays: tuple[Label, ...] = ()
    conditions: dict[str, str] | None = None
    template: int = 0
    attempts: int = 1
    judged_by: str = ""
    reason: str = ""
    source: str | None = None
    looks: str = ""

    def as_json(self) -> str:
        told = vars(self) | {
            "labels": [label.as_json() for label in self.labels],
            "strays": [label.as_json() for label in self.strays],
        }
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Row:
        """Raises ValueError, KeyError and TypeError for what is none."""
        told: dict[str, Any] = json.loads(line)
        for field in ("labels", "strays"):
            told[field] = tuple(Label.from_json(each) for each in told[field])
        return cls(**told | {"size": tuple(told["size"])})

    @property
    def agreement(self) -> float | None:
        """The least of its labels'; None where nobody looked."""
        if self.judged_by == "":
            return None
        return min((label.agreement or 0.0 for label in self.labels), default=1.0)


class DatasetFolder:
    """Of one process at a time, in any threads. All raise `SaveError` where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[int, Row] = {}
        self._lock: FileLock | None = None
        self._keeping = threading.Lock()

    def image(self, row: Row) -> Path:
        """Where the picture of `row` lies; of one that is rejected, nowhere any more."""
        if row.status == "review":
            return self.path / "review" / row.name
        return self.path / "images" / row.split / row.name

    def label(self, row: Row) -> Path:
        return (self.path / "labels" / row.split / row.name).with_suffix(".txt")

    @property
    def spec_path(self) -> Path:
        return self.path / _OWN / "spec.yaml"

    @property
    def _ledger(self) -> Path:
        return self.path / _OWN / "ledger.jsonl"

    def open(self, spec: DatasetSpec, resume: bool) -> None:
        """Make it, or go on with it. Raises `InvalidRequest` for a folder that holds something
        else, that is drawn into already, or that was begun otherwise."""
        try:
            begun = self.spec_path.is_file()
            others = (each.name != _OWN for each in self._lying())
            if not begun and any(others):
                raise InvalidRequest(
                    f"{as_text(self.path)} is not empty and holds no dataset of the studio. Name "
                    "another folder."
                )
            if begun and not resume:
                raise InvalidRequest(
                    f"{as_text(self.path)} holds a dataset already. Go on with it by --resume, or "
                    "name another folder."
                )
            (self.path / _OWN).mkdir(parents=True, exist_ok=True)
            self._take()
            if begun:
                self._require_same(spec)
            write(self.spec_path, self._told(spec).as_yaml().encode())
            for kind in ("images", "labels"):
                for split in SPLITS:
                    (self.path / kind / split).mkdir(parents=True, exist_ok=True)
            (self.path / "review").mkdir(exist_ok=True)
            self.rows = self._read()
        except OSError as error:
            self.close()
            raise _refused(self.path, error) from None
        except BaseException:
            self.close()
            raise

    def load(self) -> DatasetSpec:
        """Read what is there, to look at or to change single pictures; its specification. Raises
        `InvalidRequest` where it holds no dataset."""
        try:
            self.rows = self._read()
        except OSError as error:
            raise _refused(self.path, error) from None
        return specs.from_file(self.spec_path)

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def photos_path(self) -> Path:
        """Where photos lie that belong to it."""
        return self.path.resolve() / _OWN / "photos"

    def _told(self, spec: DatasetSpec) -> DatasetSpec:
        """`spec` so that it stays right in a folder that is moved."""
        if spec.photos == self.photos_path:
            return spec.model_copy(update={"photos": Path(self.photos_path.name)})
        return spec

    def _lying(self) -> list[Path]:
        return list(self.path.iterdir()) if self.path.is_dir() else []

    def _take(self) -> None:
        lock = FileLock(self.path / _OWN / "lock")
        if not lock.try_take():
            raise InvalidRequest(
                f"{as_text(self.path)} is being drawn into already, here or by another process. "
                "Wait for its end, or stop it."
            )
        self._lock = lock

    def _require_same(self, spec: DatasetSpec) -> None:
        before = specs.from_file(self.spec_path)
        if before.fingerprint == spec.fingerprint:
            return
        was, now = before.model_dump(), spec.model_dump()
        changed = [name for name in was if was[name] != now[name] and name not in specs.GROWS]
        raise InvalidRequest(
            f"{as_text(self.path)} was begun with another specification: {', '.join(changed)} "
            "changed. Only count and checks may. Name another folder."
        )

    def _read(self) -> dict[int, Row]:
        rows: dict[int, Row] = {}
        with suppress(FileNotFoundError):
            for line in self._ledger.read_text("utf-8", "replace").splitlines():
                # What a process was killed over ends in the middle: its picture is drawn again.
                with suppress(ValueError, KeyError, TypeError):
                    row = Row.from_json(line)
                    rows[row.number] = row
        return {n: row for n, row in rows.items() if row.status in _GONE or self._lies(row)}

    def _lies(self, row: Row) -> bool:
        return self.image(row).is_file() and (row.status == "review" or self.label(row).is_file())

    def keep(self, row: Row, image: bytes | None, label_text: Callable[[Row], str]) -> None:
        """`row` is done: its files, its line, and what an earlier row of its number left behind.
        `image` None: the picture that this one has stays."""
        with self._keeping:
            self._keep(row, image, label_text)

    def _keep(self, row: Row, image: bytes | None, label_text: Callable[[Row], str]) -> None:
        before = self.rows.get(row.number)
        try:
            moves = before is not None and self.image(before) != self.image(row)
            if image is None and moves and row.status not in _GONE and before.status not in _GONE:
                image = self.image(before).read_bytes()
            if row.status == "accepted":
                write(self.label(row), label_text(row).encode())
            if image is not None and row.status not in _GONE:
                write(self.image(row), image)
            self._append(row)
            self.rows[row.number] = row
            self._sweep(before, row)
        except OSError as error:
            raise _refused(self.path, error) from None

    def _append(self, row: Row) -> None:
        with self._ledger.open("ab+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():  # after a torn line a new one begins
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
            else:
                torn = False
            file.write((b"\n" if torn else b"") + row.as_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _sweep(self, before: Row | None, row: Row) -> None:
        """Files of `before` that are none of `row`'s."""
        if before is None:
            before = replace(row, status="review" if row.status != "review" else "accepted")
        if row.status in _GONE or self.image(before) != self.image(row):
            self.image(before).unlink(missing_ok=True)
        if row.status != "accepted" or self.label(before) != self.label(row):
            self.label(before).unlink(missing_ok=True)

    def counts(self) -> dict[Status, int]:
        """How many pictures are accepted, in review, rejected."""
        counts: dict[Status, int] = {"accepted": 0, "review": 0, "rejected": 0}
        for row in self.rows.copy().values():
            if row.status != "again":
                counts[row.status] += 1
        return counts

    def is_complete(self, count: int) -> bool:
        """Whether nothing of so many pictures is to be drawn."""
        return all(self.is_done(number) for number in range(count))

    def is_done(self, number: int) -> bool:
        """Whether nothing is to be drawn for it."""
        return number in self.rows and self.rows[number].status != "again"

    def per_class(self, names: tuple[str, ...]) -> dict[str, int]:
        """Class -> labels of accepted pictures."""
        counts = dict.fromkeys(names, 0)
        for row in self.rows.copy().values():
            if row.status == "accepted":
                for label in row.labels:
                    counts[label.name] = counts.get(label.name, 0) + 1
        return counts

    def accepted(self) -> list[Row]:
        """Those of the dataset, in order."""
        rows = self.rows.copy()
        return [rows[n] for n in sorted(rows) if rows[n].status == "accepted"]


def write(path: Path, data: bytes) -> None:
    """All of it or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _refused(path: Path, error: OSError) -> SaveError:
    return SaveError(
        f"{as_text(path)} cannot be written: {error.strerror or error}. Free some space, make it "
        "writable, or name another folder. What is done stays; go on with --resume."
    )

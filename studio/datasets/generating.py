"""A dataset drawn: pictures under way, each tried until its labels agree with what is seen."""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image

from studio.datasets import formats
from studio.datasets.datasheet import datasheet
from studio.datasets.folder import DatasetFolder, Row, Status
from studio.datasets.labels import Agreement, Label, compared
from studio.datasets.looks import Looks
from studio.datasets.plan import PlannedPicture
from studio.datasets.spec import DatasetSpec
from studio.datasets.steering import Drawing, Steering, silhouette
from studio.domain.detailers import Found
from studio.domain.errors import QueueFull, SaveError
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest

AT_ONCE = 4
"""Pictures under way: enough for the engine to draw them together where it pays."""
_WRITE_EVERY = 100
_FULL_S = 0.5
"""Between two tries to order where the queue is full."""
_JPEG = {"quality": 95, "subsampling": 0}


class Order(Protocol):
    """A drawing that was ordered."""

    def picture(self, stopped: Callable[[], bool]) -> Picture | None:
        """Wait for it; None where it was not begun yet when `stopped` said so. Raises the
        `StudioError` that it failed with."""

    def cancel(self) -> None: ...


@dataclass(frozen=True)
class DatasetTask:
    """A specification with nothing left open, and all that it takes.

    spec     its checkpoint, size and guidance are fixed
    planned  the pictures, in order
    order    has a picture drawn; raises `QueueFull` where too many wait already
    look     what is seen in a picture; None: nobody looks
    encode   a picture, what of it is shown (its image, in another size perhaps), "png" or "jpeg" ->
             the bytes of its file
    sources  what the photos are called
    """

    spec: DatasetSpec
    folder: Path
    planned: Callable[[], Iterator[PlannedPicture]]
    steering: Steering
    order: Callable[[GenerationRequest], Order]
    look: Callable[[Image.Image], list[Found]] | None
    encode: Callable[[Picture, Image.Image, Literal["png", "jpeg"]], bytes]
    sha256: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetEvent:
    """Where it stands.

    row        the picture that is done; None: none is yet, or it ended
    counts     pictures accepted, in review, rejected
    per_class  class -> labels that are in the dataset
    ended      "" while it goes on; "done", or "stopped": what is done stays, to be gone on with
    seconds_left  None until it is known
    """

    spec: DatasetSpec
    counts: dict[Status, int]
    per_class: dict[str, int]
    row: Row | None = None
    ended: str = ""
    seconds_left: float | None = None


def generate(
    task: DatasetTask,
    resume: bool,
    stopped: Callable[[], bool] = lambda: False,
    folder: DatasetFolder | None = None,
) -> Iterator[DatasetEvent]:
    """Draw it, picture by picture, into its folder, whose files are whole whenever this ends.
    `stopped` ends it once what the device is at is drawn: what waits in the queue is given up.
    `folder`: through which others look at it, and change single pictures, meanwhile.

    Raises as `DatasetFolder.open` does, the `StudioError` that a drawing failed with, and
    `SaveError`; what is done stays.
    """
    folder = folder or DatasetFolder(task.folder)
    folder.open(task.spec, resume)
    try:
        run = _Run(task, folder, stopped)
        yield run.event()
        try:
            yield from run.work()
        finally:
            write_all(folder, task.spec, task.sha256)
        left = not all(folder.is_done(p.number) for p in task.planned())
        yield run.event(ended="stopped" if left else "done")
    finally:
        folder.close()


@dataclass
class _Attempt:
    """One drawing of a picture under way, and the best of those before it. `order` None: nothing
    was to be drawn, `made` is there already."""

    planned: PlannedPicture
    number: int
    first: int
    drawing: Drawing
    best: tuple[float, Row, bytes] | None
    order: Order | None = None
    made: tuple[Image.Image, list[Label]] | None = None


class _Stopped(Exception):
    """What is under way is given up."""


class _Run:
    def __init__(
        self, task: DatasetTask, folder: DatasetFolder, stopped: Callable[[], bool]
    ) -> None:
        self._task, self._folder, self._stopped = task, folder, stopped
        self._looks = Looks()
        for row in folder.rows.values():
            if row.status == "accepted" and row.looks:
                self._looks.add(row.looks, row.number)
        self._unwritten = 0
        self._started_s, self._done = time.monotonic(), 0

    def work(self) -> Iterator[DatasetEvent]:
        waiting = self._waiting()
        under_way: deque[_Attempt] = deque()
        try:
            while not self._stopped():
                for planned in islice(waiting, AT_ONCE - len(under_way)):
                    before = self._folder.rows.get(planned.number)
                    first = before.attempts if before else 0
                    under_way.append(self._begun(planned, first, None))
                if not under_way:
                    return
                attempt = under_way.popleft()
                try:
                    following = self._gone_on(attempt)
                except BaseException:
                    under_way.appendleft(attempt)
                    raise
                if isinstance(following, _Attempt):
                    under_way.append(following)
                else:
                    yield self._kept(following)
        except _Stopped:
            return
        finally:
            for attempt in under_way:
                if attempt.order:
                    attempt.order.cancel()

    def _waiting(self) -> Iterator[PlannedPicture]:
        """What is to be drawn; once the plan is at its end, what is to be drawn again by then."""
        begun: set[tuple[int, int]] = set()
        while True:
            some = False
            for planned in self._task.planned():
                row = self._folder.rows.get(planned.number)
                key = planned.number, row.attempts if row else 0
                if not self._folder.is_done(planned.number) and key not in begun:
                    some = True
                    begun.add(key)
                    yield planned
            if not some:
                return

    def event(self, row: Row | None = None, ended: str = "") -> DatasetEvent:
        folder, spec = self._folder, self._task.spec
        per_class = folder.per_class(spec.names)
        left_s = None
        if self._done:
            each_s = (time.monotonic() - self._started_s) / self._done
            left_s = each_s * max(0, spec.count - sum(folder.counts().values()))
        return DatasetEvent(spec, folder.counts(), per_class, row, ended, left_s)

    def _begun(
        self,
        planned: PlannedPicture,
        number: int,
        best: tuple[float, Row, bytes] | None,
        first: int | None = None,
    ) -> _Attempt:
        """The drawing `number`; `first` was that with which it began, None: this one."""
        first = number if first is None else first
        drawing = self._task.steering.draw(planned, number)
        attempt = _Attempt(planned, number, first, drawing, best)
        self._continued(attempt, None)
        return attempt

    def _continued(self, attempt: _Attempt, image: Image.Image | None) -> None:
        """Order what it asks for next, having been given `image`."""
        try:
            request = attempt.drawing.send(image)
        except StopIteration as end:
            attempt.made = end.value
        else:
            attempt.order = self._ordered(request)

    def _ordered(self, request: GenerationRequest) -> Order:
        """Where too many wait already, once there is room."""
        while True:
            try:
                return self._task.order(request)
            except QueueFull as error:
                if "closing" in error.message:
                    raise
            if self._stopped():
                raise _Stopped
            time.sleep(_FULL_S)

    def _gone_on(self, attempt: _Attempt) -> _Attempt | tuple[Row, bytes]:
        """What follows once what was ordered is drawn: the next drawing, or the picture."""
        picture = attempt.order.picture(self._stopped) if attempt.order else None
        if attempt.order and picture is None:
            raise _Stopped
        if picture is not None:
            self._continued(attempt, picture.image)
            if attempt.made is None:
                return attempt
        image, labels = attempt.made
        row = self._judged(attempt, image, labels)
        if picture is not None:
            row = replace(row, prompt=picture.request.prompt, seed=picture.seed)
        made = row, self._encoded(image, picture)
        if row.status == "accepted":
            return made
        best = max(filter(None, (attempt.best, (_worth(row), *made))), key=lambda each: each[0])
        if attempt.number + 1 < attempt.first + self._task.spec.checks.attempts:
            return self._begun(attempt.planned, attempt.number + 1, best, attempt.first)
        _, row, data = best
        return replace(row, attempts=attempt.number + 1), data

    def _judged(self, attempt: _Attempt, image: Image.Image, labels: list[Label]) -> Row:
        task, planned = self._task, attempt.planned
        agreement, reason = Agreement(tuple(labels)), ""
        if task.look is not None:
            agreement = compared(labels, task.look(image), seen_names(task.spec))
            reason = _why_not(agreement, task.spec.checks.agreement)
        looks, status = Looks.of(image), "review" if reason else "accepted"
        # What is painted into one photo is alike, and is in one split.
        if not reason and planned.source is None:
            other = self._looks.like(looks)
            if other is not None:
                reason, status = f"almost the same as {other:06d}", "rejected"
        return Row(
            number=planned.number,
            status=status,
            split=planned.split,
            name=f"{planned.number:06d}.{task.spec.format}",
            size=image.size,
            labels=agreement.labels,
            prompt="",
            seed=planned.seed,
            strays=agreement.strays,
            conditions=dict(planned.conditions),
            template=planned.template,
            attempts=attempt.number + 1,
            judged_by="" if task.look is None else "check",
            reason=reason,
            source=None if planned.source is None else task.sources[planned.source],
            looks=looks,
        )

    def _encoded(self, image: Image.Image, picture: Picture | None) -> bytes:
        is_jpeg = self._task.spec.format == "jpg"
        if picture is not None:
            return self._task.encode(picture, image, "jpeg" if is_jpeg else "png")
        buffer = io.BytesIO()  # a photo into which nothing was drawn
        if is_jpeg:
            image.convert("RGB").save(buffer, "JPEG", **_JPEG)
        else:
            image.convert("RGB").save(buffer, "PNG")
        return buffer.getvalue()

    def _kept(self, made: tuple[Row, bytes]) -> DatasetEvent:
        row, data = made
        spec = self._task.spec
        self._folder.keep(row, data, lambda each: formats.yolo_label(spec, each))
        if row.status == "accepted":
            self._looks.add(row.looks, row.number)
        self._done += 1
        self._unwritten += 1
        if self._unwritten >= _WRITE_EVERY:
            write_all(self._folder, spec, self._task.sha256)
            self._unwritten = 0
        return self.event(row)


def write_all(folder: DatasetFolder, spec: DatasetSpec, sha256: str | None) -> None:
    """All files that follow from what is done. Raises `SaveError`."""
    try:
        formats.write_all(folder, spec, sha256, datasheet(folder, spec, sha256))
    except OSError as error:
        raise SaveError(
            f"{folder.path} cannot be written: {error.strerror or error}. Free some space."
        ) from None


def seen_names(spec: DatasetSpec) -> dict[str, str]:
    """What a detector calls things, in small letters -> the class."""
    return {
        (about.seen_as or silhouette(spec, name) or name).casefold(): name
        for name, about in spec.classes.items()
    }


def _worth(row: Row) -> float:
    """Of what is not accepted: what somebody could accept comes first."""
    agreement = sum(label.agreement or 0.0 for label in row.labels) / max(1, len(row.labels))
    return agreement - len(row.strays) - (2 if row.status == "rejected" else 0)


def _why_not(agreement: Agreement, least: float) -> str:
    """Why labels are not believed; "" where they are."""
    reasons = []
    for label in agreement.labels:
        if not label.seen:
            reasons.append(f"{label.name}: nothing is seen there")
        elif not label.agreement:
            reasons.append(f"{label.name}: seen as {label.seen}")
        elif label.agreement < least:
            reasons.append(f"{label.name}: overlap {label.agreement:.2f}")
    reasons += [f"{stray.name}: seen where none should be" for stray in agreement.strays]
    return "; ".join(reasons)

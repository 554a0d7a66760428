"""A shipped engine without a model: honest events and deterministic flat pictures in no time.

It serves the tests of jobs, API and page, where the pictures do not matter. It keeps the whole
contract of `protocol.py`: one step per `advance`, cancel within a step, partial pictures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from studio.domain import events, infotext
from studio.domain.detailers import Detail, Detailer, Found, drawn, nothing_found
from studio.domain.errors import OutOfMemory
from studio.domain.geometry import Box, Size
from studio.domain.prompt_words import marked
from studio.domain.provenance import Provenance, UsedModel
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Details, Upscale
from studio.domain.word_maps import WordMap
from studio.engine.protocol import Memory, WantsPreview, never
from studio.version import __version__


@dataclass(eq=False)
class _FakeRun:
    request: GenerationRequest
    wants_preview: WantsPreview
    step: int = -1
    done: bool = False
    cancelled: bool = False
    loads: bool = False
    started_s: float = field(default_factory=time.monotonic)

    def cancel(self) -> None:
        self.cancelled = True


class FakeEngine:
    """`step_s` seconds a step, which may change while it draws. A prompt that contains `fail_on`
    makes its run fail half-way; all pictures come with `warnings`. So many runs of one size as
    `together` says share their steps. It has `room_bytes` of memory, of which a pixel takes one.
    A detailer finds two things, or as many as its `count` says, beside each other, and none of the
    class "nothing"; `read` gives the picture that the tasks details and upscale begin with by its
    reference: without it both are drawn like any other."""

    def __init__(
        self,
        step_s: float = 0.0,
        fail_on: str | None = None,
        warnings: tuple[str, ...] = (),
        together: int = 1,
        room_bytes: int | None = None,
    ) -> None:
        self.step_s = step_s
        self._together = together
        self._room_bytes = room_bytes
        self._fail_on = fail_on
        self.warnings = warnings
        self.steps_done = 0
        self.on_step: Callable[[], None] = lambda: None
        self.read: Callable[[str], bytes] | None = None

    def open(self, request: GenerationRequest, wants_preview: WantsPreview = never) -> _FakeRun:
        return _FakeRun(request, wants_preview)

    def load(self, request: GenerationRequest) -> _FakeRun:
        """In as many steps as `request` would be drawn in."""
        return _FakeRun(request, never, loads=True)

    def joins(self, request: GenerationRequest, runs: Sequence[_FakeRun]) -> bool:
        sizes = {(one.width, one.height) for one in (request, *(run.request for run in runs))}
        return len(runs) < self._together and len(sizes) == 1

    def memory(self, request: GenerationRequest) -> Memory | None:
        if self._room_bytes is None:
            return None
        needed = request.batch_size * request.width * request.height
        refusal = None
        if needed > self._room_bytes:
            refusal = OutOfMemory(f"There is room for {self._room_bytes} pixels.", "width")
        return Memory(needed, refusal)

    def provenance(self, request: GenerationRequest) -> Provenance | None:
        models = (UsedModel("checkpoint", request.checkpoint or "", None),)
        return Provenance(__version__, device="none", dtype="8 bits", models=models)

    def advance(self, runs: Sequence[_FakeRun]) -> list[tuple[_FakeRun, events.Event]]:
        return [(run, event) for run in runs for event in self._advance_one(run)]

    def _advance_one(self, run: _FakeRun) -> list[events.Event]:
        passes = _passes(run.request)
        total, begun = sum(passes), [sum(passes[:n]) for n in range(len(passes))]
        if run.cancelled:
            run.done = True
            return [events.Cancelled(self._pictures(run, partial=True) if run.step > 0 else ())]
        if run.step < 0:
            run.step = 0
            return [events.Started()]
        if run.step < total:
            time.sleep(self.step_s)
            self.on_step()
            self.steps_done += 1
            run.step += 1
            if self._fail_on and self._fail_on in run.request.prompt and run.step * 2 >= total:
                run.done = True
                return [events.Failed("EngineError", "The fake engine was told to fail.")]
            happened: list[events.Event] = [
                events.Progress(
                    run.step,
                    total,
                    self.step_s * (total - run.step),
                    sum(run.step > at for at in begun),
                    len(passes),
                )
            ]
            if run.wants_preview():
                happened.append(events.Preview(run.step, _jpeg(self._draw(run, 0))))
            return happened
        run.done = True
        elapsed_s = time.monotonic() - run.started_s
        return [events.Finished(self._pictures(run, partial=False), elapsed_s)]

    def _pictures(self, run: _FakeRun, partial: bool) -> tuple[events.Picture, ...]:
        request = run.request
        if run.loads:
            return ()
        return tuple(self._picture(run, request, place, partial) for place in request.places)

    def _picture(
        self, run: _FakeRun, request: GenerationRequest, place: int, partial: bool
    ) -> events.Picture:
        picture = events.Picture(
            image=self._draw(run, place),
            seed=request.seed_at(place),
            place=place,
            request=request,
            infotext=infotext.write(request, place),
            partial=partial,
            warnings=self.warnings,
            words=_words(request) if request.attention_maps else (),
            provenance=self.provenance(request),
        )
        return picture if partial or not request.active_detailers else _detailed(picture)

    def _draw(self, run: _FakeRun, place: int) -> Image.Image:
        """A colour that depends on prompt, seeds and step alone."""
        request = run.request
        size = request.width, request.height
        if isinstance(request.task, Details | Upscale) and self.read:
            source = Image.open(io.BytesIO(self.read(request.task.image)))
            if isinstance(request.task, Details):
                return source.convert("RGB")
            size = request.task.size(source.size)
        seeds = filter(None, (request.seed_at(place), request.variation_seed_at(place)))
        key = f"{request.prompt}|{'|'.join(map(str, seeds))}|{run.step}".encode()
        colour = tuple(hashlib.sha256(key).digest()[:3])
        if run.request.hires and run.step > run.request.steps:
            size = run.request.hires.size(size)
        return Image.new("RGB", size, colour)


def _passes(request: GenerationRequest) -> list[int]:
    """The steps of each."""
    first = [] if isinstance(request.task, Details) else [request.steps]
    second = [request.hires.steps or request.steps] if request.hires else []
    details = [
        max(1, int((one.steps or request.steps) * one.strength))
        for one in request.active_detailers.values()
        for _ in _things(one, (1, 1))
    ]
    return first + second + (details or [1] * (not first))


def _things(detailer: Detailer, size: Size) -> dict[int, Found]:
    """Number -> thing; they stand side by side in the middle of a picture of `size`."""
    count = 0 if "nothing" in detailer.class_names else detailer.count or 2
    width, height = size[0] // (2 * count + 1), size[1] // 3
    boxes = [
        Box(left, height, left + width, 2 * height)
        for left in range(width, width * 2 * count, 2 * width or 1)
    ]
    label = next(iter(detailer.class_names), "thing")
    return drawn([Found(box, 0.9, label) for box in boxes], detailer)


def _detailed(picture: events.Picture) -> events.Picture:
    """Each thing in a colour of its own."""
    request, image = picture.request, picture.image.copy()
    details: list[Detail] = []
    warnings = list(picture.warnings)
    for place, detailer in request.active_detailers.items():
        things = _things(detailer, image.size)
        if not things:
            warnings.append(nothing_found(detailer))
        for number, thing in things.items():
            key = f"{place}|{number}|{detailer.prompt}|{picture.seed}".encode()
            image.paste(tuple(hashlib.sha256(key).digest()[:3]), thing.box)
            name, box = detailer.detector, thing.box
            details.append(Detail(place, number, name, thing.label, thing.score, box, box))
    before = None
    if details and not isinstance(request.task, Details):
        bare = request.before_details()
        text = infotext.write(bare, picture.place)
        before = dataclasses.replace(picture, request=bare, infotext=text)
    return dataclasses.replace(
        picture, image=image, details=tuple(details), before=before, warnings=tuple(warnings)
    )


def _words(request: GenerationRequest) -> tuple[WordMap, ...]:
    """Each word acts in a column of its own, the first on the left, the last one most."""
    spans = marked(request.prompt).spans
    maps = []
    for place, (start, end) in enumerate(spans):
        image = Image.new("L", (8 * len(spans), 8))
        image.paste(255, (8 * place, 0, 8 * place + 8, 8))
        image = image.resize((16, 16), Image.Resampling.BOX)
        peak = (1 + place) / len(spans)
        share = peak * 2 / (len(spans) + 1)
        maps.append(WordMap(request.prompt[start:end], start, end, share, peak, image))
    return tuple(maps)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return buffer.getvalue()

"""Detailers at work: what is found is drawn once more, and nothing else changes."""

from __future__ import annotations

import io
from functools import cache, partial

import numpy as np
from PIL import Image

from studio.catalog.select import select
from studio.detectors.segments import Segments
from studio.domain.detailers import MOST_THINGS, Detailer, Found, in_order
from studio.domain.events import Cancelled, Failed, Finished, Progress
from studio.domain.geometry import Box
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.picturebook.world import Scene
from tests.engine.running import run, settled
from tests.models_in_memory import catalog, manager

SEGMENTER = "picturebook segmenter"
SIZE = (128, 128)


@cache
def segments() -> Segments:
    return Segments()


def find(image: Image.Image, detailer: Detailer) -> list[Found]:
    """As `Detectors` does; "corners" finds one thing in each, "many" five hundred."""
    width, height = image.size
    if detailer.detector == "many":
        found = [Found(Box(0, 0, 9, 9), 0.5, "face") for _ in range(500)]
    elif detailer.detector == "corners":
        corners = [(x, y) for x in (0, width - 24) for y in (0, height - 24)]
        found = [Found(Box(x, y, x + 24, y + 24), 0.5, "corner") for x, y in corners]
    else:
        found = segments().find(image, detailer.confidence)
    return in_order(found, detailer, image.size)


@cache
def engine(source: bytes = b"") -> StableDiffusionEngine:
    choose = partial(select, catalog())
    return StableDiffusionEngine(manager("float32"), choose, read=lambda _: source, find=find)


def drawn(request: GenerationRequest, source: bytes = b"", **watched):
    last = run(engine(source), request, **watched)[-1]
    assert not isinstance(last, Failed), last
    return last


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    return (np.asarray(before) != np.asarray(after)).any(-1)


def outside(areas: list[Box], size: tuple[int, int]) -> np.ndarray:
    mask = np.ones(size[::-1], bool)
    for left, top, right, bottom in areas:
        mask[top:bottom, left:right] = False
    return mask


def test_what_is_found_is_drawn_once_more_and_all_else_is_as_the_picture_was():
    detailers = [
        f"{SEGMENTER}:classes=house,strength=0.5",
        "corners:count=2,order=best first,strength=0.5",
    ]
    request = settled(
        prompt="a red house on a meadow", seed=3, steps=8, batch_size=2, detailers=detailers
    )
    plain = drawn(request.before_details()).pictures
    last = drawn(request)
    assert isinstance(last, Finished)
    for bare, picture in zip(plain, last.pictures, strict=True):
        assert not changed(bare.image, picture.before.image).any()
        assert picture.before.infotext == bare.infotext
        assert picture.before.request == request.before_details()
        assert [one.detector for one in picture.details] == [SEGMENTER, "corners", "corners"]
        assert [one.number for one in picture.details] == [0, 0, 1]
        what = changed(bare.image, picture.image)
        assert not what[outside([one.area for one in picture.details], bare.image.size)].any()
        for detail in picture.details:
            left, top, right, bottom = detail.box
            assert what[top:bottom, left:right].mean() > 0.5
        assert picture.outside_mask_max_difference == 0


def test_of_a_batch_each_picture_is_as_it_is_alone():
    fields = {"prompt": "a cat", "seed": 5, "steps": 2, "detailers": ["corners:count=1"]}
    both = drawn(settled(batch_size=2, **fields)).pictures
    alone = drawn(settled(batch_size=2, batch_place=1, **fields)).pictures
    assert not changed(both[1].image, alone[0].image).any()
    single = drawn(settled(**fields | {"seed": 6})).pictures[0]
    assert np.abs(np.asarray(single.image, int) - np.asarray(both[1].image, int)).max() <= 2


def test_a_picture_that_is_there_keeps_its_size_and_each_of_its_things_is_drawn_by_itself():
    """And those whose numbers are named come out as they do among all, where none overlap."""
    image = Scene.random(np.random.default_rng(3)).draw((200, 136))
    task = {"kind": "details", "image": "input:a"}
    fields = {"prompt": "a tree and a house", "seed": 1, "steps": 2, "task": task}
    whole = drawn(settled(**fields, detailers=["corners:padding=0"]), png(image)).pictures[0]
    assert whole.image.size == image.size and whole.before is None
    assert len(whole.details) == 4
    only = drawn(settled(**fields, detailers=["corners:padding=0,only=1 3"]), png(image))
    [some] = only.pictures
    assert [one.number for one in some.details] == [1, 3]
    areas = [one.area for one in some.details]
    assert not changed(image, some.image)[outside(areas, image.size)].any()
    for left, top, right, bottom in areas:
        inside = np.s_[top:bottom, left:right]
        assert not changed(whole.image, some.image)[inside].any()
        assert changed(image, some.image)[inside].any()


def test_where_nothing_is_found_the_picture_is_as_it_was_and_says_so():
    image = Image.new("RGB", SIZE, (120, 160, 220))
    task = {"kind": "details", "image": "input:a"}
    detailers = [f"{SEGMENTER}:classes=castle,confidence=0.9", "corners:count=1,mask_grow=-30"]
    [picture] = drawn(settled(task=task, steps=2, detailers=detailers), png(image)).pictures
    assert not changed(image, picture.image).any()
    assert picture.details == () and picture.before is None
    assert "found nothing of: castle: the picture is as it was" in picture.warnings[0]
    assert "Shrink it less" in picture.warnings[1]


def test_of_very_many_things_the_first_are_drawn_and_the_rest_told_of():
    """Cancelled after the first, which is kept; the second was half drawn and is as it was."""
    image = Image.new("RGB", SIZE, (120, 160, 220))
    task = {"kind": "details", "image": "input:a"}
    seen = []

    def watch(under_way, event):
        if isinstance(event, Progress):
            seen.append(event)
            if event.pass_number == 2:
                under_way.cancel()

    request = settled(task=task, steps=4, seed=1, detailers=["many:strength=0.5"])
    last = drawn(request, png(image), watch=watch)
    assert isinstance(last, Cancelled)
    assert seen[0].passes == MOST_THINGS
    [picture] = last.pictures
    assert picture.partial and [one.number for one in picture.details] == [0]
    assert "found 500 things, of which the first 100" in picture.warnings[0]
    again = settled(task=task, steps=4, seed=1, detailers=["many:strength=0.5,count=1"])
    assert not changed(drawn(again, png(image)).pictures[0].image, picture.image).any()


def test_a_detector_that_is_not_there_fails_the_job_with_its_place():
    bare = StableDiffusionEngine(manager("float32"), partial(select, catalog()))
    last = run(bare, settled(prompt="a cat", steps=1, detailers=["corners"]))[-1]
    assert isinstance(last, Failed) and last.field == "detailers.0"

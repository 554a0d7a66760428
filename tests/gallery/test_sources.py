"""Files of this machine as the pictures of a task: for the command line and Python."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.domain.sources import named_in
from studio.domain.tasks import ImageToImage, Inpaint, TextToImage
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.gallery.sources import Sources
from studio.imaging import reading


@pytest.fixture
def sources(tmp_path):
    return Sources(Inputs(tmp_path / "inputs"), Gallery(tmp_path / "outputs"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a picture.png"
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(path)
    return path


def asked(task=None, **fields):
    return GenerationRequest(task=task or TextToImage(), **fields)


def test_files_become_kept_pictures(sources, file):
    request = asked(ImageToImage(image=str(file), strength=0.5), seed=3)
    kept = sources.with_files_kept(request)
    assert kept.task.image.startswith("input:")
    assert (kept.task.strength, kept.seed) == (0.5, 3)
    assert sources.read(kept.task.image) == file.read_bytes()
    assert sources.size(kept.task) == (48, 32)
    assert sources.with_files_kept(kept) == sources.kept(kept) == kept


def test_a_request_without_pictures_stays(sources):
    assert sources.kept(asked()) == sources.with_files_kept(asked()) == asked()
    assert sources.size(TextToImage()) is None and named_in(TextToImage()) == {}


def test_a_mask_is_looked_at_once_for_all_requests_with_it(sources, file, monkeypatch):
    reads, mask = [], reading.mask
    monkeypatch.setattr(reading, "mask", lambda data: reads.append(len(data)) or mask(data))
    white = file.with_name("white.png")
    Image.new("L", (48, 32), 255).save(white)
    request = sources.with_files_kept(asked(Inpaint(image=str(file), mask=str(white))))
    for seed in range(3):
        sources.kept(request.model_copy(update={"seed": seed}))
    assert len(reads) == 1
    inverted = request.model_copy(update={"task": request.task.model_copy(update={"invert": True})})
    for _ in range(2):  # what does not fit is never taken to fit
        with pytest.raises(InvalidRequest, match="white everywhere"):
            sources.kept(inverted)


def test_control_units_have_pictures_too(sources, file, tmp_path):
    unit = ControlInput(controlnet="edges", image=str(file), mask=str(file))
    with pytest.raises(InvalidRequest, match=r"^controls\.0\.image: .*not read"):
        sources.kept(asked(controls=(unit,)))
    kept = sources.with_files_kept(asked(controls=(unit,)))
    assert kept.controls[0].image == kept.controls[0].mask != unit.image
    assert sources.kept(kept) == kept
    sources.use(kept)
    assert (tmp_path / "inputs" / kept.controls[0].image[6:]).is_file()
    with_task = asked(ImageToImage(image=str(file)), controls=(ControlInput(controlnet="edges"),))
    assert sources.with_files_kept(with_task).controls[0].image is None


def test_only_files_are_read_there_and_only_there(sources, file):
    request = asked(Inpaint(image=str(file), mask=f"input:{'0' * 32}"))
    kept = sources.with_files_kept(request)
    assert kept.task.mask == request.task.mask  # looked at when it is submitted
    with pytest.raises(InvalidRequest, match="^image: .*not read"):
        sources.kept(request)


@pytest.mark.parametrize("kind", ["missing", "a folder", "a pipe", "no picture", "a NUL", "huge"])
def test_what_cannot_be_read_is_said_with_its_name(sources, tmp_path, kind):
    path = tmp_path / "thing"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "no picture":
        path.write_text("words")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(2**30)
    name = "a\0b" if kind == "a NUL" else str(path)
    with pytest.raises(InvalidRequest, match="^image: ") as refused:
        sources.with_files_kept(asked(ImageToImage(image=name)))
    assert ("a\\x00b" if kind == "a NUL" else "thing'") in str(refused.value)

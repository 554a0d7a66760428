"""Files of this machine as the pictures of a task: for the command line and Python."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.tasks import ImageToImage, Inpaint, TextToImage
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.gallery.sources import Sources, named_in


@pytest.fixture
def sources(tmp_path):
    return Sources(Inputs(tmp_path / "inputs"), Gallery(tmp_path / "outputs"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a picture.png"
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(path)
    return path


def test_files_become_kept_pictures(sources, file):
    task = sources.with_files_kept(ImageToImage(image=str(file), strength=0.5))
    assert task.image.startswith("input:") and task.strength == 0.5
    assert sources.read(task.image) == file.read_bytes()
    assert sources.size(task) == (48, 32)
    assert sources.with_files_kept(task) == sources.kept(task) == task


def test_a_task_without_pictures_stays(sources):
    assert sources.kept(TextToImage()) == sources.with_files_kept(TextToImage()) == TextToImage()
    assert sources.size(TextToImage()) is None and named_in(TextToImage()) == {}


def test_only_files_are_read_there_and_only_there(sources, file):
    task = Inpaint(image=str(file), mask=f"input:{'0' * 32}")
    assert sources.with_files_kept(task).mask == task.mask  # looked at when it is submitted
    with pytest.raises(InvalidRequest, match="^image: .*not read"):
        sources.kept(task)


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
        sources.with_files_kept(ImageToImage(image=name))
    assert ("a\\x00b" if kind == "a NUL" else "thing'") in str(refused.value)

"""What cannot be enlarged, detailed, varied or laid out as a grid is refused with cause and next
step; what is merely odd is drawn."""

from __future__ import annotations

import errno
import io
import os

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from studio.app import Studio
from studio.engine.fake import FakeEngine
from studio.settings import Settings
from studio.web import create_api
from tests.detectors.onnx_files import write

V1 = "/studio/v1"
SEGMENTER = "picturebook segmenter"
ODD = {"big": (8000, 8000), "huge": (9000, 9000), "small": (64, 64)}


class Code:
    def __reduce__(self):
        return os.mkdir, ("it_ran",)


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    (folder / "models").mkdir()
    write(folder / "models" / "spots.onnx")
    torch.save({"params": Code()}, folder / "models" / "evil.pth")
    settings = Settings(
        data_dir=folder / "data", models_dir=(folder / "models",), allow_host=("testserver",)
    )
    with Studio(settings, build_engine=FakeEngine) as studio:
        client = TestClient(create_api(studio))
        client.studio = studio
        yield client


@pytest.fixture(scope="module")
def refs(http):
    """Of pictures of one bit, which are quickly written; what is too large has none."""
    found = {}
    for name, size in ODD.items():
        file = io.BytesIO()
        Image.new("1", size, 1).save(file, "PNG", compress_level=1)
        answer = http.post(f"{V1}/uploads", content=file.getvalue())
        found[name] = answer.json()["ref"] if answer.is_success else answer
    return found


def upscaling(picture="small", **fields):
    return {"task": {"kind": "upscale", "image": picture} | fields}


def detailing(picture="small", detector=SEGMENTER, **fields):
    task = {"kind": "details", "image": picture}
    return {"task": task, "detailers": [{"detector": detector} | fields]}


REFUSED = {
    "factor 0": (upscaling(factor=0), "from 1 to 8"),
    "factor 100": (upscaling(factor=100), "from 1 to 8"),
    "factor NaN": (upscaling(factor="nan"), "from 1 to 8"),
    "64 MP enlarged": (upscaling("big"), "Choose a factor of at most 1."),
    "an upscaler with code": (upscaling(upscaler="evil"), "None of it was run"),
    "its file": (upscaling(upscaler="evil.pth"), "evil.pth was refused"),
    "a detector as upscaler": (upscaling(upscaler="spots"), "of the kind detector"),
    "a checkpoint as upscaler": (upscaling(upscaler="picturebook"), "of the kind checkpoint"),
    "code as detector": (detailing(detector="evil"), "None of it was run"),
    "a checkpoint as detector": (detailing(detector="picturebook"), "of the kind checkpoint"),
    "500 things": (detailing(count=500), "from 0 to 100"),
    "confidence NaN": (detailing(confidence="nan"), "from 0 to 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_cause_and_next_step(http, refs, name):
    body, says = REFUSED[name]
    task = body["task"] | {"image": refs[body["task"]["image"]]}
    answer = http.post(f"{V1}/jobs", json=body | {"task": task})
    told = answer.json()
    assert answer.status_code == 422 and says in told["message"], told
    assert told["error"] in ("InvalidRequest", "UnknownModel") and told["field"]
    assert not os.path.exists("it_ran") and not http.studio.queue.jobs()


def test_pictures_too_large_and_grids_of_10_000_cells_are_refused(http, refs):
    assert refs["huge"].status_code == 422 and "81 megapixels" in refs["huge"].json()["message"]
    request = {"prompt": "a cat", "steps": 1}
    for axes, says in (
        ({"x": ("Steps", "1-10000")}, "10,000 values; 200 are the most"),
        ({"x": ("Seed", "1-100"), "y": ("CFG Scale", "1-10 [100]")}, "10,000 pictures; 200"),
        ({"x": ("CFG Scale", "nan")}, "guidance_scale"),
    ):
        body = {name: {"axis": axis, "values": values} for name, (axis, values) in axes.items()}
        for path in ("grids", "grids/forecast"):
            answer = http.post(f"{V1}/{path}", json={"request": request} | body)
            assert answer.status_code == 422 and says in answer.json()["message"], answer.text


def test_one_pixel_is_varied_and_has_one_thing_of_a_class(http):
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    headers = {"Content-Type": "image/png"}
    id = http.post(f"{V1}/images/import", content=file.getvalue(), headers=headers).json()["id"]
    answer = http.post(f"{V1}/images/{id}/variations/forecast", json={"count": 4})
    assert answer.status_code == 422 and "denoising" in answer.json()["message"]
    wanted = {"count": 4, "by": "denoising"}
    assert http.post(f"{V1}/images/{id}/variations/forecast", json=wanted).is_success
    answer = http.post(f"{V1}/images/{id}/reproduce")
    assert answer.status_code == 422 and "no settings" in answer.json()["message"]
    asked = {"image": f"picture:{id}", "detector": {"detector": "spots", "confidence": 0.0}}
    labels = [one["label"] for one in http.post(f"{V1}/detect", json=asked).json()["found"]]
    assert sorted(labels) == sorted(set(labels)) and "red" in labels


def test_details_that_are_kept_on_a_full_disk_are_told_to_be_in_memory_alone(http, monkeypatch):
    detailers = [f"{SEGMENTER}:classes=house"]
    body = {"prompt": "a", "width": 96, "height": 64, "steps": 2, "detailers": detailers}
    job = http.post(f"{V1}/jobs", json=body).json()["id"]
    list(http.studio.queue.get(job).events.follow())
    [image] = http.get(f"{V1}/jobs/{job}").json()["images"]

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    answer = http.post(f"{image['url']}/details", json={"kept": [1]})
    assert answer.status_code == 507 and answer.json()["error"] == "SaveError"
    assert "Free some disk space." in answer.json()["message"]
    assert http.get(f"{V1}/images").json()["images"][0]["id"].startswith("unsaved-")

"""Details over HTTP: what is found, what is kept of it, and what a picture was before."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from studio.app import Studio
from studio.engine.fake import FakeEngine
from studio.picturebook.world import Scene
from studio.settings import Settings
from studio.web import create_api

SEGMENTER = "picturebook segmenter"


@pytest.fixture
def http(tmp_path):
    settings = Settings(data_dir=tmp_path, allow_host=("testserver",))
    with Studio(settings, build_engine=FakeEngine) as studio:
        client = TestClient(create_api(studio))
        client.studio = studio
        yield client


def pixels(http, url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(http.get(url).content)).convert("RGB"))


def scene() -> bytes:
    file = io.BytesIO()
    Scene.random(np.random.default_rng(3)).draw((256, 192)).save(file, "PNG")
    return file.getvalue()


def test_what_a_detailer_would_draw_is_told_without_drawing(http):
    faces, segmenter = http.get("/studio/v1/detectors").json()["detectors"]
    assert segmenter["installed"] and "house" in segmenter["classes"]
    assert not faces["installed"] and faces["size_bytes"] > 6 * 10**6 and faces["url"]
    image = http.post("/studio/v1/uploads", content=scene()).json()["ref"]
    asked = {"detector": SEGMENTER, "order": "best first"}
    told = http.post("/studio/v1/detect", json={"image": image, "detector": asked}).json()
    assert [one["label"] for one in told["found"]] == ["tree", "house"]
    assert (told["total"], told["why"]) == (2, "")
    asked["classes"] = "castle"
    none = http.post("/studio/v1/detect", json={"image": image, "detector": asked}).json()
    assert none["found"] == [] and "Nothing was found" in none["why"]
    for wrong, field in (
        ({"detector": "nobody"}, "detector"),
        ({"detector": SEGMENTER, "classes": "dog"}, "detector.classes"),
        ({"detector": faces["name"]}, "detector.detector"),
    ):
        answer = http.post("/studio/v1/detect", json={"image": image, "detector": wrong})
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        body = {"prompt": "a", "detailers": [wrong]}
        answer = http.post("/studio/v1/jobs", json=body)
        assert answer.status_code == 422 and answer.json()["field"].startswith("detailers.0")


def test_each_detail_is_taken_or_left_and_the_picture_before_is_its_parent(http):
    detailers = [f"{SEGMENTER}:classes=house"]
    body = {"prompt": "a", "width": 96, "height": 64, "steps": 2, "detailers": detailers}
    job = http.post("/studio/v1/jobs", json=body).json()["id"]
    list(http.studio.queue.get(job).events.follow())
    [image] = http.get(f"/studio/v1/jobs/{job}").json()["images"]
    url = image["url"]
    assert [one["number"] for one in image["details"]] == [0, 1]
    about = http.get(f"{url}/details").json()
    assert about["details"] == image["details"]
    [parent] = about["parents"]
    before, after = pixels(http, f"/studio/v1/images/{parent}"), pixels(http, url)
    assert (pixels(http, f"{url}/before") == before).all()
    assert http.get(f"/studio/v1/images/{parent}/request").json()["detailers"] == []

    kept = http.post(f"{url}/details", json={"kept": [1]}).json()
    left, top, right, bottom = image["details"][1]["area"]
    expected = before.copy()
    expected[top:bottom, left:right] = after[top:bottom, left:right]
    assert (pixels(http, kept["url"]) == expected).all() and (expected != after).any()
    assert (pixels(http, f"{kept['url']}/before") == before).all()
    assert kept["parents"] == [image["id"]]
    mixed = http.post(f"{kept['url']}/reproduce").json()["id"]
    list(http.studio.queue.get(mixed).events.follow())
    receipt = http.get(f"{kept['url']}/receipt").json()
    assert receipt["state"] == "finished"
    assert any("may differ where they overlap" in text for text in receipt["words"])
    drawn = http.get(f"{url}/receipt").json()["words"]
    assert not any("overlap" in text for text in drawn)
    ancestors = http.get(f"{kept['url']}/lineage").json()["ancestors"]
    assert [one["id"] for one in ancestors] == [parent, image["id"]]
    for numbers in ([], [2]):
        answer = http.post(f"{url}/details", json={"kept": numbers})
        assert (answer.status_code, answer.json()["field"]) == (422, "kept")
    assert http.post(f"/studio/v1/images/{parent}/details", json={"kept": [0]}).status_code == 422

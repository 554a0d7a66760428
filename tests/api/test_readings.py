"""Settings out of what is sent, over HTTP, with the embedded models."""

from __future__ import annotations

import json

import pytest

from studio.api.bodies import PICTURE_BYTES
from tests.reading.files import png

READ = "/studio/v1/read"
TEXT = (
    "a red house <lora:none:1>\nSteps: 12, Sampler: DPM++ 2M, Schedule type: Karras, "
    "CFG scale: 6, Seed: 77, Size: 192x128, Model: picturebook, Favourite colour: blue"
)
EXPECTED = {
    "prompt": "a red house",
    "steps": 12,
    "scheduler": "DPM++ 2M",
    "noise_schedule": "karras",
    "guidance_scale": 6.0,
    "seed": 77,
    "width": 192,
    "height": 128,
    "checkpoint": "picturebook",
}


@pytest.fixture(scope="module")
def http(shared):
    return shared.http


def test_whatever_way_it_is_sent(http):
    picture = png(parameters=TEXT)
    for sent in (
        {"content": picture, "headers": {"Content-Type": "image/png"}},
        {"content": picture},
        {"files": {"file": ("a.png", picture, "image/png")}},
        {"files": {"text": (None, TEXT)}},
        {"content": TEXT.encode(), "headers": {"Content-Type": "text/plain"}},
        {"json": {"text": TEXT}},
    ):
        answer = http.post(READ, **sent)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["source"] == "automatic1111"
        assert body["request"] == EXPECTED
        assert [(m["kind"], m["name"], m["hash"]) for m in body["missing"]] == [
            ("lora", "none", None)
        ]
        assert [(i["name"], i["value"]) for i in body["ignored"]] == [("Favourite colour", "blue")]
        assert "Sampler" in body["understood"] and body.keys() == {
            *("source", "request", "understood", "ignored", "missing")
        }


def test_a_request_that_was_read_can_be_queued(swept):
    shared = swept
    job = shared.submit(**shared.http.post(READ, json={"text": TEXT}).json()["request"])
    [image] = shared.wait_until(job, "finished")["images"]
    kept = shared.http.get(f"/studio/v1/images/{image['id']}").content
    again = shared.http.post(READ, content=kept).json()
    assert again["source"] == "studio" and not again["ignored"] and not again["missing"]
    request = shared.http.get(f"/studio/v1/jobs/{job}").json()["request"]
    told = {name: value for name, value in request.items() if value not in (None, [], {})}
    assert told.pop("task")["kind"] == "text_to_image"
    assert again["request"].items() >= told.items()


def test_what_stands_against_a_request_is_taken_out(http):
    text = TEXT.replace("DPM++ 2M, Schedule type: Karras", "DPM fast, Schedule type: Karras")
    body = http.post(READ, json={"text": text}).json()
    assert body["request"]["scheduler"] == "DPM fast"
    assert "noise_schedule" not in body["request"]
    [told] = [entry for entry in body["ignored"] if entry["name"] == "Schedule type"]
    assert "cannot follow" in told["why"]


def test_a_request_of_ours_as_json(http):
    fields = {"prompt": "a tree", "steps": 9, "vae": "nothing", "seed": 3}
    body = http.post(READ, json=fields).json()
    assert body["source"] == "studio"
    assert body["request"] == {"prompt": "a tree", "steps": 9, "seed": 3}
    assert [entry["kind"] for entry in body["missing"]] == ["vae"]


def test_what_holds_nothing_is_no_error(http):
    nothing = {"source": "none", "request": {}, "understood": [], "ignored": [], "missing": []}
    for content in (png(), b"\x89PNG\r\n\x1a\n", b"\0" * 1000, json.dumps([1]).encode()):
        answer = http.post(READ, content=content)
        assert answer.status_code == 200
        assert {**answer.json(), "ignored": []} == nothing


def test_a_form_that_is_none_is_refused(http):
    for kind, content in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b"x"),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data\r\n\r\nx"),
    ):
        answer = http.post(READ, content=content, headers={"Content-Type": kind})
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["message"]


def test_no_body_and_too_much_of_it(http):
    assert http.post(READ).status_code == 422
    assert http.post(READ, content=b"x" * (PICTURE_BYTES + 1)).status_code == 413

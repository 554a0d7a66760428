"""Whatever is sent, the answer has a fitting status and says what to do, and the queue goes on."""

from __future__ import annotations

import json
import socket

import pytest

from studio.web import create_app

SMALL = {"width": 64, "height": 64, "steps": 1}

REFUSED = {
    "width 63": ({"width": 63}, "width"),
    "width 100000": ({"width": 100_000}, "width"),
    "width 65": ({"width": 65}, "width"),
    "height text": ({"height": "tall"}, "height"),
    "steps 0": ({"steps": 0}, "steps"),
    "steps 151": ({"steps": 151}, "steps"),
    "guidance too high": ({"guidance_scale": 31}, "guidance_scale"),
    "seed -2": ({"seed": -2}, "seed"),
    "seed 2**70": ({"seed": 2**70}, "seed"),
    "seed 1.5": ({"seed": 1.5}, "seed"),
    "batch 17": ({"batch_size": 17}, "batch_size"),
    "NUL in the prompt": ({"prompt": "a\0b"}, "prompt"),
    "unknown field": ({"colour": "red"}, "colour"),
    "unknown scheduler": ({"scheduler": "Oiler"}, "scheduler"),
    "unknown noise schedule": ({"noise_schedule": "steep"}, "noise_schedule"),
    "impossible pair": ({"scheduler": "PLMS", "noise_schedule": "karras"}, "PLMS"),
    "too few steps": ({"scheduler": "PLMS", "steps": 1}, "steps"),
    "unknown checkpoint": ({"checkpoint": "nope"}, "nope"),
    "unknown task": ({"task": {"kind": "sculpture"}}, "task"),
    "LoRA without its weight": ({"loras": ["x:"]}, "loras.0: after 'x:' a weight is missing"),
    "LoRA with a word for a weight": ({"loras": ["x:abc"]}, "loras.0: 'abc' is not a weight"),
    "LoRA with too much weight": ({"loras": [{"name": "x", "weight": 11}]}, "loras.0.weight"),
    "LoRA that is no LoRA": ({"loras": [3]}, "loras.0"),
    "forty LoRAs": ({"loras": ["x"] * 40}, "loras"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_field_named(shared, name):
    fields, mentioned = REFUSED[name]
    answer = shared.http.post("/studio/v1/jobs", json=fields)
    body = answer.json()
    assert answer.status_code == 422, body
    assert mentioned in body["message"]
    assert body["error"] in ("InvalidRequest", "UnknownCheckpoint")
    assert "pydantic" not in body["message"] and "Traceback" not in body["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"steps=20",
        b"[]",
        b"null",
        b'{"prompt": ',
        b'{"prompt": "half a character: \\ud800"}',
        b'{"guidance_scale": NaN}',
        b'{"guidance_scale": Infinity}',
        b"\xff\xfe\x00",
        b'{"task":' * 100_000,
    ],
)
def test_what_is_no_request_is_refused(shared, body):
    answer = shared.http.post("/studio/v1/jobs", content=body)
    assert answer.status_code == 422
    assert answer.json()["message"]


ODD_PROMPTS = [
    "",
    " ",
    "x" * 10_000,
    "🐈‍⬛ a cat 🌙",
    "בית אדום על הדשא",
    "a\r\nb\tc",
    "<script>alert(1)</script>",
]


def test_odd_but_harmless_prompts_draw(swept):
    served = swept
    for prompt in ODD_PROMPTS:
        job = served.wait_until(served.submit(prompt=prompt, **SMALL), "finished")
        assert job["request"]["prompt"] == prompt
        assert served.http.get(job["images"][0]["url"]).status_code == 200


def test_unknown_jobs_are_not_found(shared):
    for method, path in (
        ("GET", "/studio/v1/jobs/nope"),
        ("GET", "/studio/v1/jobs/nope/events"),
        ("GET", "/studio/v1/jobs/nope/preview"),
        ("POST", "/studio/v1/jobs/nope/cancel"),
        ("DELETE", "/studio/v1/jobs/nope"),
        ("GET", "/studio/v1/nothing/here"),
    ):
        answer = shared.http.request(method, path)
        assert answer.status_code == 404, path
        assert answer.json()["error"] == "NotFound" and answer.json()["message"]


def test_wrong_parameters_are_named(swept):
    served = swept
    id = served.submit(**SMALL)
    for path, headers in (
        (f"/studio/v1/jobs/{id}/preview?after=soon", {}),
        (f"/studio/v1/jobs/{id}/preview?after=-1", {}),
        (f"/studio/v1/jobs/{id}/events", {"Last-Event-ID": "yesterday"}),
    ):
        answer = served.http.get(path, headers=headers)
        assert answer.status_code == 422
        assert "after" in answer.json()["message"] or "Last-Event-ID" in answer.json()["message"]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_of_100_mb_is_refused_without_holding_it(swept, declared):
    served = swept

    def chunks():
        for _ in range(100):
            yield b" " * 2**20

    headers = {"Content-Length": str(100 * 2**20)} if declared else {}
    answer = served.http.post("/studio/v1/jobs", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"] == "TooLarge" and "64 MB" in answer.json()["message"]
    assert served.wait_until(served.submit(**SMALL), "finished")


@pytest.mark.parametrize(
    "path",
    [
        "/studio/v1/uploads",
        "/studio/v1/read",
        "/studio/v1/images/import",
        "/sdapi/v1/img2img",
        "/controlnet/detect",
        "/v1/images/generations",
        "/v1/images/edits",
        "/gradio_api/queue/join",
        "/gradio_api/call/v2/generate",
        "/gradio_api/upload",
    ],
)
def test_100_mb_are_refused_before_they_are_sent(shared, path):
    """Whoever announces them; each API in its own form."""
    host, port = shared.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {100 * 2**20}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.split()[1] == b"413", head
    if path.startswith("/v1/"):
        assert told["error"]["code"] == "too_large" and "Send less" in told["error"]["message"]
    else:
        assert told["error"] == "TooLarge"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/studio/v1/jobs", b'{"controls":[' + b"{}," * 1_000_000 + b"{}]}"),
        ("/studio/v1/jobs", b"{" + b'"k":1,' * 2_000_000 + b'"k":1}'),
        ("/studio/v1/jobs", b"[" * 10_000_000),
        ("/studio/v1/preprocessors/canny/map", b'{"settings":{' + b'"k":1,' * 1000 + b'"k":1}}'),
        ("/studio/v1/models/downloads", b"[" + b"0," * 60_000 + b"0]"),
        ("/studio/v1/models/downloads", b'"' + b" " * 2**20 + b'"'),
    ],
)
def test_bodies_of_very_many_things_are_not_taken_apart(shared, path, body):
    answer = shared.http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"] == "TooLarge" and "Send less" in answer.json()["message"]


def test_a_large_picture_in_a_request_is_no_many_things(shared):
    task = {"kind": "image_to_image", "image": "data:image/png;base64," + "A" * 40_000_000}
    answer = shared.http.post("/studio/v1/jobs", json={"task": task})
    assert answer.status_code == 422 and "not a picture" in answer.json()["message"]


def test_names_that_no_disk_can_hold_are_not_found(serve, caplog):
    served = serve(app=create_app)
    names = ("x" * 300, "é" * 200, "a/" * 3000, "%00", "..%2f" * 50 + "etc", "%ff%fe")
    for where in ("/", "/static/", "/assets/", "/page/", "/studio/v1/images/"):
        for name in names:
            answer = served.http.get(where + name)
            assert answer.status_code in (403, 404), (where, name)
    assert not [record for record in caplog.records if record.exc_info]

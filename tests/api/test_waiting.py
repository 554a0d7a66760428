"""Ids of pictures are found in bodies that come in parts, and such a body is not held."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from studio.api.waiting import IdReader
from tests.loops import in_a_loop

ID = "2026-11-28_00042-1234567"


def found(body: bytes, part_bytes: int) -> set[str]:
    reader, ids = IdReader(), set()
    for at in range(0, len(body), part_bytes):
        ids |= reader.read(body[at : at + part_bytes], at + part_bytes < len(body))
    return ids


ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in ID)


@pytest.mark.parametrize(
    "written",
    [
        json.dumps({"image": f"picture:{ID}"}).encode(),
        f'{{"image": "picture:{ESCAPED}"}}'.encode(),
        json.dumps(f'{{"image": "picture:{ESCAPED}"}}').encode(),
        json.dumps({"image": f"picture:{ID}"}).encode("utf-16"),
        "".join(f"%{ord(letter):02X}" for letter in ID).encode(),
        ("%5C" + ESCAPED[1:].replace("\\", "%5C")).encode(),
    ],
    ids=["plain", "escaped", "twice", "utf-16", "address", "both"],
)
@pytest.mark.parametrize("part_bytes", [997, 10**6])
def test_an_id_is_found_however_it_is_written_and_cut(written, part_bytes):
    for before in (0, 65_000, 65_521, 81_900):
        body = b"\xff%\x81" * (before // 3) + written + b"\xff" * 100_000
        assert found(body, part_bytes) == {ID}, before


def test_half_an_id_is_none():
    body = b'["' + b"100042-1234567 " * 15_000 + b'"]'
    assert found(body, 997) == {"100042-1234567"}


def test_more_than_can_be_looked_up_are_told_all():
    reader = IdReader()
    body = " ".join(f"{number:05}-1" for number in range(10_000, 16_000)).encode()
    assert len(reader.read(body, False)) == 6000


@pytest.fixture
def klass(serve):
    logins = ("ann:secret", "bo:word", "cy:other")
    return serve(auth=logins, class_mode=True, owner="ann")


def test_a_large_body_passes_without_being_held(klass):
    """16 MB go through the guard to an application that holds none of it."""
    from studio.api.waiting import Waiting

    studio, part, passed = klass.studio, bytes(range(256)) * 256, 0

    async def app(scope, receive, send):
        nonlocal passed
        more = True
        while more:
            message = await receive()
            passed, more = passed + len(message["body"]), message["more_body"]

    left = iter(range(255, -1, -1))

    async def receive():
        return {"type": "http.request", "body": bytes(part), "more_body": next(left) > 0}

    async def send(_):
        raise AssertionError("nothing is answered")

    scope = {"type": "http", "path": "/", "state": {"account": "bo"}}
    guard = Waiting(app, studio.library, studio.safety)
    tracemalloc.start()
    try:
        in_a_loop(guard(scope, receive, send))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()  # else the next test that looks at memory sees all since
    assert passed == 256 * len(part) and most < 4 * 2**20


def test_what_is_named_at_the_end_of_a_long_body_is_refused(klass):
    http, small = klass.http, {"width": 64, "height": 64, "steps": 1}
    job = http.post("/studio/v1/jobs", json=small, auth=("bo", "word")).json()["id"]
    read = lambda: http.get(f"/studio/v1/jobs/{job}", auth=("bo", "word")).json()  # noqa: E731
    while not (images := read()["images"]):
        pass
    told = {"filler": "x" * 500_000, "image": f"picture:{images[0]['id']}"}
    for body in (json.dumps(told).encode(), json.dumps(told).encode("utf-16")):
        canny = "/studio/v1/preprocessors/canny/map"
        sent = {"content": body, "headers": {"content-type": "application/json"}}
        refused = http.post(canny, **sent, auth=("cy", "other"))
        assert refused.status_code == 403 and refused.json()["error"] == "NotYours"
        assert http.post(canny, **sent, auth=("bo", "word")).status_code != 403

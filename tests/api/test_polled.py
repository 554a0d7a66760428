"""What is asked again and again goes a short way: to the same answers, behind the same guards."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from studio.api.polled import Polled
from studio.engine.fake import FakeEngine
from tests.conftest import servers

ALWAYS = ("/healthz", "/sdapi/v1/progress")


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    """(a studio with a login, the path of a job that it is drawing)"""
    gate, engine = threading.Event(), FakeEngine()
    engine.on_step = gate.wait
    with servers(tmp_path_factory.mktemp("drawing")) as start:
        served = start(engine, auth=("ann:secret",))
        served.http.auth = ("ann", "secret")
        id = served.submit(width=64, height=64, steps=2)
        served.wait_until(id, "running")
        yield served, f"/studio/v1/jobs/{id}"
        gate.set()


def headers_of(answer):
    return {name for name in answer.headers if name != "date"}


def test_the_short_way_leads_to_the_routes_answers(drawing, monkeypatch):
    served, job = drawing
    ways = [served.http.get(path) for path in (*ALWAYS, job)]
    with monkeypatch.context() as patched:
        patched.setattr(Polled, "_told", lambda self, scope: None)
        routes = [served.http.get(path) for path in (*ALWAYS, job)]
    for way, route in zip(ways, routes, strict=True):
        assert way.status_code == 200 and way.json() == route.json()
        assert headers_of(way) == headers_of(route)


def test_what_a_way_knows_no_answer_to_comes_from_its_route(drawing):
    http = drawing[0].http
    unknown = http.get("/studio/v1/jobs/nope")
    assert unknown.status_code == 404 and unknown.json()["error"] == "NotFound"
    for query in ("skip_current_image=1", "skip_current_image=TRUE", "other=1"):
        assert http.get(f"/sdapi/v1/progress?{query}").status_code == 200
    wrong = http.get("/sdapi/v1/progress?skip_current_image=maybe")
    assert 400 <= wrong.status_code < 500
    assert http.post("/healthz").status_code == 405


def test_no_guard_is_passed_by(drawing):
    served, job = drawing
    for path in (*ALWAYS, job):
        assert served.http.get(path, headers={"Host": "evil.example"}).status_code == 400
        for header, value in (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")):
            assert served.http.get(path, headers={header: value}).status_code == 403
        answer = served.http.get(path, auth=lambda request: request)
        assert answer.status_code == (200 if path == "/healthz" else 401)
        assert "Content-Security-Policy" in served.http.get(path).headers


def test_a_refused_body_that_stops_coming_is_not_waited_for(drawing, monkeypatch):
    """Whoever reads until the connection ends would wait for twenty seconds."""
    monkeypatch.setattr("studio.api.bodies._SILENCE_S", 0.05)
    host, port = drawing[0].url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(
            b"POST /studio/v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: Basic YW5uOnNlY3JldA==\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"200000\r\n" + b"," * 0x200000 + b"\r\n"
        )
        data = b""
        while chunk := caller.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413") and json.loads(body)["error"] == "TooLarge"

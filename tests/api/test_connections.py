"""Callers who are slow, silent, too many or gone take nothing from the others."""

from __future__ import annotations

import gc
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from studio.api.connections import ConnectionLimits, _Connection
from studio.engine.fake import FakeEngine
from studio.web import create_app
from tests.conftest import Served, servers
from tests.waiting import wait_for

POST = b"POST /studio/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
QUICK = ConnectionLimits(headers_s=0.3, body_s=0.3, body_bytes=100, per_address=3)


def connect(served: Served) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.settimeout(20)
    return connection


def answer(connection: socket.socket) -> tuple[int, dict]:
    """(status, JSON) of the one answer until the server closes."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    assert data, "closed without an answer"
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Iterator[Served]:
    """A studio that soon loses its patience."""
    with servers(tmp_path_factory.mktemp("quick")) as start:
        yield start(limits=QUICK)


def test_no_answer_waits_until_its_headers_were_acknowledged(quick):
    """Which takes 40 ms on a connection that was used before."""
    with connect(quick) as open_one:
        open_one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        open_one.recv(1)
        ports = {open_one.getsockname()[1]}
        [theirs] = [
            each.transport.get_extra_info("socket")
            for each in gc.get_objects()
            if type(each) is _Connection and each.client and each.client[1] in ports
        ]
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("begin", [b"", b"GET / HT", POST], ids=["nothing", "a word", "headers"])
def test_half_requests_are_closed(quick, begin):
    with connect(quick) as half:
        half.sendall(begin)
        status, body = answer(half)
    assert status == 408 and body["error"] == "TooSlow"


def test_headers_that_trickle_in_are_closed(quick):
    with connect(quick) as slow:
        slow.sendall(POST)
        slow.settimeout(0.02)
        got = b""
        while not got:  # the test is over when the server has had enough
            slow.sendall(b"X-More: 1\r\n")
            try:
                got = slow.recv(65536)
            except TimeoutError:
                continue
    assert got.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("body", [b"", b'{"prompt": "'], ids=["none of it", "some of it"])
def test_a_silent_body_is_closed(quick, body):
    with connect(quick) as silent:
        silent.sendall(POST + b"Content-Length: 1000\r\n\r\n" + body)
        status, said = answer(silent)
    assert status == 408 and "body" in said["message"]


def test_a_slow_body_that_keeps_coming_is_taken(quick):
    body = json.dumps({"width": 64, "height": 64, "steps": 1, "prompt": "x" * 3000}).encode()
    with connect(quick) as slow:
        slow.sendall(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 300):
            slow.sendall(body[at : at + 300])
            time.sleep(0.08)
        status, said = answer(slow)
    assert status == 200 and said["id"]


def test_a_second_request_has_its_own_time(quick):
    with connect(quick) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        kept.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert answer(kept)[0] == 408


@pytest.mark.parametrize("bytes_announced", ["100000000", "1" + "0" * 20, "9" * 5000])
def test_a_body_that_is_announced_too_large_is_refused_at_once(shared, bytes_announced):
    with connect(shared) as caller:
        caller.sendall(POST + f"Content-Length: {bytes_announced}\r\n\r\n".encode())
        head = caller.recv(65536)  # nothing of the body was sent
    assert head.startswith(b"HTTP/1.1 413") or (
        len(bytes_announced) > 20 and head.startswith(b"HTTP/1.1 400")
    )


def test_one_address_holds_so_many_connections(serve):
    served = serve(limits=ConnectionLimits(per_address=3))
    held = [connect(served) for _ in range(3)]
    for connection in held:  # so that the server has met each
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    with connect(served) as fourth:
        status, body = answer(fourth)
    assert status == 503 and body["error"] == "TooManyConnections"
    for connection in held:
        connection.close()
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:  # their places are free again
        with connect(served) as fifth:
            fifth.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if answer(fifth)[0] == 200:
                return
    raise AssertionError("no place came free")


def test_a_trusted_proxy_holds_those_of_all_its_callers(serve):
    served = serve(limits=ConnectionLimits(per_address=3), trusted_proxy=("127.0.0.1",))
    held = [connect(served) for _ in range(6)]
    for connection in held:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()


def test_other_protocols_get_one_plain_answer(shared, caplog):
    for words in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"SSH-2.0-x\r\n\r\n"):
        with connect(shared) as caller:
            caller.sendall(words)
            assert answer(caller)[0] == 400
    with connect(shared) as caller:  # nonsense where the next piece of a body should be
        caller.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n")
        assert answer(caller)[0] == 400
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        b"GET /h\xe9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
    ],
    ids=[
        *("two hosts", "another HTTP", "a folded header", "no ASCII", "no path", "two lengths"),
        *("length and chunks", "unknown coding", "less than nothing"),
    ],
)
def test_what_others_may_read_otherwise_is_refused(shared, request_):
    """Proxies and guards would else see another request than the application."""
    with connect(shared) as caller:
        caller.sendall(request_)
        status, body = answer(caller)
    assert status == 400 and body["error"] in ("InvalidRequest", "WrongHost")


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        b"GET /",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Behind: ",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;",
    ],
    ids=["header", "path", "behind the body", "beside a piece of it"],
)
def test_what_never_ends_is_not_kept(shared, begin):
    with connect(shared) as caller:
        caller.sendall(begin)
        try:
            for _ in range(100):
                caller.sendall(b"x" * 65536)
        except OSError:
            return  # closed; the answer may be lost with what was on its way
    raise AssertionError("six megabytes were taken")


def test_what_stands_behind_a_body_is_no_header(shared):
    with connect(shared) as caller:
        caller.sendall(
            b"POST /studio/v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        caller.settimeout(5)
        assert caller.recv(65536).startswith(b"HTTP/1.1 400")


def test_requests_on_one_connection_are_answered_in_their_order(shared):
    ask_for = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    with connect(shared) as caller:
        paths = (b"/studio/v1/jobs/nope", b"/healthz", b"/sdapi/v1/progress")
        caller.sendall(b"".join(ask_for % (path, b"") for path in paths))
        caller.sendall(ask_for % (b"/healthz", b"Connection: close\r\n"))
        data = b""
        while chunk := caller.recv(65536):
            data += chunk
    statuses = [piece.split()[0] for piece in data.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"404", b"200", b"200", b"200"]


def test_a_protocol_that_we_do_not_speak_is_not_begun(shared):
    with connect(shared) as caller:
        caller.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: h2c\r\n\r\n"
        )
        status, body = answer(caller)
    assert status == 200 and body == {"status": "ok"}


@pytest.mark.parametrize("idle", [b"\r\n", b"\r\n\r\n"])
def test_empty_lines_hold_no_connection(quick, idle):
    with connect(quick) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        kept.sendall(idle)
        assert answer(kept)[0] == 408


def test_a_caller_who_leaves_is_known_to_have_left_whatever_else_it_asked(serve):
    gate, engine = threading.Event(), FakeEngine()
    engine.on_step = gate.wait
    served = serve(engine)
    job = served.submit(width=64, height=64, steps=9)
    try:
        with ask(served, "GET", f"/studio/v1/jobs/{job}/events") as caller:
            assert caller.recv(9) == b"HTTP/1.1 "
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: not served.server.server_state.tasks)
    finally:
        gate.set()


def test_a_caller_who_leaves_costs_one_line(serve, caplog):
    caplog.set_level(logging.INFO)
    served = serve(app=create_app)
    for path in ("studio/v1/jobs", "studio/v1/uploads", "studio/v1/models/downloads", "page-less"):
        for _ in range(3):
            with connect(served) as leaving:
                leaving.sendall(POST.replace(b"studio/v1/jobs", path.encode()))
                leaving.sendall(b'Content-Length: 1000\r\n\r\n{"prompt"')
                time.sleep(0.05)
    assert served.http.get("/healthz").status_code == 200
    of_requests = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in of_requests] == []
    assert not [record for record in caplog.records if record.exc_info]


def test_the_server_ends_in_silence_whoever_still_waits(serve, caplog):
    gate = threading.Event()
    engine = FakeEngine()
    engine.on_step = gate.wait
    served = serve(engine)
    job = served.submit(width=64, height=64, steps=9)
    events = f"/studio/v1/jobs/{job}/events"
    drawn = {"prompt": "a", "size": "64x64", "width": 64, "height": 64, "steps": 9}
    waiting = [
        ask(served, "GET", events),
        ask(served, "GET", f"/studio/v1/jobs/{job}/preview?after=1000000000000"),
        ask(served, "POST", "/sdapi/v1/txt2img", drawn),
        ask(served, "POST", "/v1/images/generations", drawn),
        ask(served, "POST", "/v1/images/generations", drawn | {"stream": True}),
    ]
    try:
        assert waiting[0].recv(9) == b"HTTP/1.1 "
        wait_for(lambda: len(served.server.server_state.tasks) == len(waiting))
        wait_for(lambda: served.studio.queue.waiting == 4)
        served.server.should_exit = True
        for connection in waiting:
            while connection.recv(65536):
                pass
            connection.close()
        wait_for(lambda: not served.server.server_state.tasks)
    finally:
        gate.set()
    loud = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert not loud


def ask(served: Served, method: str, path: str, body: dict | None = None) -> socket.socket:
    """A connection on which that was asked."""
    text = json.dumps(body) if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n"
    connection = connect(served)
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{text}".encode())
    return connection

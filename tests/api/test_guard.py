"""What may come in at all: hosts, origins, logins."""

from __future__ import annotations

import socket
import time

import pytest

from studio.api import login
from studio.web import create_app
from tests.conftest import servers

PATHS = (
    "/docs",
    "/openapi.json",
    "/metrics",
    "/studio/v1/jobs",
    "/studio/v1/status",
    "/studio/v1/models",
    "/studio/v1/images/2026-01-01_00001-1",
    "/anything/else",
)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A studio with a name of its own."""
    with servers(tmp_path_factory.mktemp("named")) as start:
        yield start(allow_host=("pictures.example",))


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A studio with logins, at which nobody guesses."""
    with servers(tmp_path_factory.mktemp("locked")) as start:
        yield start(auth=("ann:secret", "bo:p:w ü"))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:7860",
        "studio.localhost",
        "127.0.0.1:1",
        "192.168.1.20:7860",
        "[::1]:7860",
        socket.gethostname(),
        f"{socket.gethostname()}.local:7860",
        "pictures.example",
    ],
)
def test_own_names_are_served(named, host):
    assert named.http.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::1",
        "a b",
        "evil@127.0.0.1",
        "evil:x@127.0.0.1:7860",
        "127.0.0.1/evil",
        "127.0.0.1?evil",
        "127.0.0.1:port",
        "localhost#evil",
    ],
)
def test_foreign_names_are_refused(shared, host):
    answer = shared.http.get("/healthz", headers={"Host": host})
    assert answer.status_code == 400


def test_other_sites_pages_are_refused(swept):
    served, own = swept, swept.url
    for origin in ("http://evil.example", "null", f"{own}.evil.example", "http://localhost:1"):
        for method, path in (("POST", "/studio/v1/jobs"), ("GET", "/studio/v1/jobs")):
            answer = served.http.request(method, path, json={}, headers={"Origin": origin})
            assert answer.status_code == 403, origin
            assert "access-control-allow-origin" not in answer.headers
    assert served.http.get("/studio/v1/jobs").json()["jobs"] == []  # nothing was started
    assert served.http.post("/studio/v1/jobs", json={}, headers={"Origin": own}).status_code == 200


def test_what_other_sites_pages_embed_is_refused_and_links_are_followed(serve):
    served = serve(app=create_app)
    for method, path in (
        ("GET", "/studio/v1/jobs"),
        ("GET", "/studio/v1/images/2026-01-01_00001-1"),
        ("GET", "/docs"),
        ("POST", "/studio/v1/jobs"),
        ("POST", "/"),
    ):
        answer = served.http.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, (method, path)
    for site in ("cross-site", "same-origin", "none"):
        assert served.http.get("/", headers={"Sec-Fetch-Site": site}).status_code == 200
    same = {"Sec-Fetch-Site": "same-origin"}
    assert served.http.get("/studio/v1/jobs", headers=same).status_code == 200


def test_what_proxies_say_counts_only_from_those_that_are_trusted(serve):
    said = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "9.9.9.9",
    }
    said |= {"X-Gradio-Server": "http://evil.example/", "Forwarded": "host=evil.example"}
    page = serve(app=create_app).http.get("/", headers=said).text
    assert "evil.example" not in page and "https://127.0.0.1" not in page
    trusting = serve(
        app=create_app, trusted_proxy=("127.0.0.0/8",), allow_host=("pictures.example",)
    )
    page = trusting.http.get("/", headers=said).text
    assert "evil.example" not in page and "https://127.0.0.1" in page
    page = trusting.http.get("/", headers=said | {"X-Forwarded-Host": "pictures.example"}).text
    assert "https://pictures.example" in page


def test_a_caller_who_names_other_addresses_guesses_no_longer(serve, monkeypatch):
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0)
    guess = {"auth": ("ann", "wrong")}

    def statuses(served):
        return {
            served.http.get("/docs", headers={"X-Forwarded-For": f"8.8.8.{n}"}, **guess).status_code
            for n in range(login.FAILURES_ALLOWED + 1)
        }

    assert statuses(serve(auth=("ann:secret",))) == {401, 429}
    assert statuses(serve(auth=("ann:secret",), trusted_proxy=("127.0.0.1",))) == {401}


def test_one_name_is_not_guessed_at_from_many_addresses(serve, monkeypatch):
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0)
    served = serve(auth=("ann:secret", "bo:secret"), trusted_proxy=("127.0.0.1",))

    def ask(n, name="ann", password="wrong"):
        said = {"X-Forwarded-For": f"8.8.8.{n}"}
        return served.http.get("/docs", headers=said, auth=(name, password)).status_code

    assert ask(250, password="secret") == 200
    assert {ask(n) for n in range(login.FAILURES_ALLOWED_A_USER)} == {401}
    assert ask(251) == 429
    assert ask(252, name="bo", password="secret") == 200  # other names are free,
    assert ask(253, password="secret") == 200  # and who was in stays in


def test_pages_behind_a_named_proxy_are_our_own(named):
    for host in ("127.0.0.1:7860", "pictures.example"):
        headers = {"Host": host, "Origin": "https://Pictures.example:8443"}
        assert named.http.get("/studio/v1/jobs", headers=headers).status_code == 200
        headers["Origin"] = "https://other.example"
        assert named.http.get("/studio/v1/jobs", headers=headers).status_code == 403


def test_every_answer_carries_the_security_headers(locked):
    for path in ("/healthz", "/docs"):
        headers = locked.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "connect-src 'self'" in headers["content-security-policy"]


def test_a_login_guards_everything_but_health(locked):
    served = locked
    assert served.http.get("/healthz").json() == {"status": "ok"}  # and nothing of models
    for path in PATHS:
        answer = served.http.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert served.http.get(path, auth=("ann", "secret")).status_code in (200, 404), path
    assert served.http.get("/docs", auth=("bo", "p:w ü")).status_code == 200
    assert served.http.post("/studio/v1/jobs", json={}).status_code == 401


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic YW5u", "Bearer YW5uOnNlY3JldA==", "Basic /w=="]
)
def test_a_broken_login_is_no_login(locked, header):
    assert locked.http.get("/docs", headers={"Authorization": header}).status_code == 401


def test_guessing_is_slow_and_ends(serve, monkeypatch):
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0.05)
    served = serve(auth=("ann:secret",))
    assert served.http.get("/docs", auth=("ann", "secret")).status_code == 200
    began_s = time.monotonic()
    for guess in range(login.FAILURES_ALLOWED):
        assert served.http.get("/docs", auth=("bo", str(guess))).status_code == 401
    assert time.monotonic() - began_s >= login.FAILURES_ALLOWED * 0.05
    answer = served.http.get("/docs", auth=("bo", "once more"))
    assert answer.status_code == 429 and "retry-after" in answer.headers
    # Who was in stays in.
    assert served.http.get("/docs", auth=("ann", "secret")).status_code == 200


def test_logins_from_a_file(serve, tmp_path):
    path = tmp_path / "logins.txt"
    path.write_text("# who may draw\n\nann:secret\n")
    served = serve(auth_file=path)
    assert served.http.get("/docs", auth=("ann", "secret")).status_code == 200
    assert served.http.get("/docs", auth=("ann", "wrong")).status_code == 401

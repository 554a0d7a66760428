"""The page and Gradio's own routes stand behind the same guards as the API."""

from __future__ import annotations

import inspect
import re

import gradio.routes
import pytest

from studio.ui.endpoints import OPEN
from studio.web import create_app
from tests.conftest import servers

PLAIN = ("/", "/theme.css", "/robots.txt", "/static/x", "/assets/x")
PAGE_PATHS = ("/", "/config", "/gradio_api/info", "/gradio_api/upload", "/gradio_api/queue/join")


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A page that needs a login."""
    with servers(tmp_path_factory.mktemp("locked")) as start:
        yield start(app=create_app, auth=("ann:secret",))


_NOW = re.compile(r'<script type="application/json" id="studio-data">.*?</script>', re.DOTALL)


def test_a_login_covers_the_page_and_its_routes(locked):
    for path in PAGE_PATHS:
        for method in ("GET", "POST"):
            answer = locked.http.request(method, path)
            assert answer.status_code == 401, path
    page = locked.http.get("/", auth=("ann", "secret"))
    assert page.status_code == 200 and "Latent Studio" in page.text
    assert locked.http.get("/healthz").json()["status"] == "ok"


def test_a_pictures_address_shows_the_page_also_when_another_site_links_to_it(locked):
    login, linked = ("ann", "secret"), {"Sec-Fetch-Site": "cross-site"}
    address = "/picture/2026-11-27_00001-5"
    assert locked.http.get(address).status_code == 401
    page, shown = (locked.http.get(path, auth=login, headers=linked) for path in ("/", address))
    assert (page.status_code, shown.status_code) == (200, 200)
    assert '<base href="./">' in page.text and '<base href="../">' in shown.text
    # Beside the base they differ at most in what the page is told of the moment, as hashes.
    both = (_NOW.sub("", text.replace('"../"', '"./"')) for text in (shown.text, page.text))
    assert len(set(both)) == 1 and all(_NOW.search(each.text) for each in (shown, page))
    assert locked.http.head(address, auth=login).status_code == 200
    for other in ("/picture/", "/picture/a/b", "/picture/..%2fx", "/pictures/1", "/picture/a.b"):
        assert locked.http.get(other, auth=login).status_code == 404, other
        assert locked.http.get(other, auth=login, headers=linked).status_code == 403, other
    assert locked.http.post(address, auth=login, headers=linked).status_code == 403


def test_foreign_pages_and_names_get_nothing(locked):
    login = ("ann", "secret")
    for path in PAGE_PATHS:
        foreign = {"Origin": "http://evil.example"}
        answer = locked.http.post(path, json={}, headers=foreign, auth=login)
        assert answer.status_code == 403, path
        assert "access-control-allow-origin" not in answer.headers
        rebound = {"Host": "evil.example"}
        assert locked.http.get(path, headers=rebound, auth=login).status_code == 400, path


def test_no_route_hands_out_files_or_takes_large_bodies(locked, tmp_path):
    login = ("ann", "secret")
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody shall read this")
    for path in (f"/gradio_api/file={secret}", f"/file={secret}", "/gradio_api/file=/etc/passwd"):
        answer = locked.http.get(path, auth=login)
        assert answer.status_code in (403, 404), path
        assert "nobody" not in answer.text
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    start = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    for body in (start + b"a\r\n--x--\r\n", iter([start] + [b" " * 2**20] * 70)):
        answer = locked.http.post("/gradio_api/upload", content=body, headers=headers, auth=login)
        assert answer.status_code in (404, 413)
    assert not locked.studio.settings.temporary_dir.exists()


def test_of_gradio_only_what_the_page_asks_for_is_there(locked):
    login = ("ann", "secret")
    page = locked.http.get("/", auth=login).text
    assets = set(re.findall(r'(?:src|href)="\.?(/?assets/[^"]+)"', page))
    assert assets
    for path in ("theme.css", "robots.txt", *assets):
        assert locked.http.get(path, auth=login).status_code == 200, path
    # Out of its source, so that the new routes of a new version are looked at as well.
    found = re.findall(r'@(app|router)\.(\w+)\(\s*f?"(/[^"]*)"', inspect.getsource(gradio.routes))
    assert len(found) > 50
    for owner, method, path in found:
        path = re.sub(r"\{[^}]*\}", "x", path)
        path = path if owner == "app" else f"/gradio_api{path}"
        pattern = OPEN.get(method.upper())
        is_open = pattern is not None and pattern.fullmatch(path)  # without files; test_gradio.py
        if not is_open and path not in PLAIN:
            answer = locked.http.request(method.upper(), path, auth=login)
            assert answer.status_code == 404, (method, path)


def test_what_gradio_wrote_is_gone_at_the_next_start(serve, tmp_path):
    left = tmp_path / "data" / "temporary" / "ab12" / "left.bin"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of an earlier run")
    serve(app=create_app)
    assert not left.exists()


def test_the_api_and_its_pages_are_not_hidden_by_the_page(locked):
    login = ("ann", "secret")
    assert "POST /studio/v1/jobs" in locked.http.get("/docs", auth=login).text
    assert "/studio/v1/jobs" in locked.http.get("/openapi.json", auth=login).json()["paths"]
    answer = locked.http.get("/studio/v1/nothing", auth=login)
    assert answer.status_code == 404 and answer.json()["error"] == "NotFound"

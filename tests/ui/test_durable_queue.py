"""Jobs from a phone, the studio killed in the middle: all are drawn, none twice."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

SERVE = textwrap.dedent(
    """
    import socket
    import sys
    from pathlib import Path

    import uvicorn

    from studio.api.connections import web_config
    from studio.app import Studio
    from studio.web import create_app
    from studio.engine.fake import FakeEngine
    from studio.settings import Settings

    folder, port, step_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    settings = Settings(data_dir=folder)
    studio = Studio(settings, build_engine=lambda: FakeEngine(step_s), load_later=True)
    app = create_app(studio)
    studio.load()
    listener = socket.create_server(("127.0.0.1", port))
    print("ready", flush=True)
    uvicorn.Server(web_config(app, settings.trusted_proxy)).run(sockets=[listener])
    """
)

_QUEUE_MANY = """
(count) => {
  const prompt = document.getElementById("prompt");
  for (let number = 4; number <= count; number += 1) {
    prompt.value = `boat number ${number}`;
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    document.getElementById("generate").click();
  }
}
"""


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[float], subprocess.Popen]]:
    """Starts the studio at `start.url`, always with the same data folder."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with ExitStack() as stack:

        def begin(step_s: float) -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(tmp_path), str(port), str(step_s)],
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.stdout.close)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout.readline() == "ready\n"
            return process

        begin.url = f"http://127.0.0.1:{port}"
        yield begin


def jobs(url: str) -> list[dict]:
    return httpx.get(f"{url}/studio/v1/jobs?limit=500", timeout=30).json()["jobs"]


def done(url: str) -> list[dict]:
    return [job for job in jobs(url) if job["state"] == "finished"]


@pytest.mark.parametrize("count", [16, pytest.param(50, marks=pytest.mark.slow)])
def test_jobs_from_a_phone_outlive_a_kill(count, browser, start, tmp_path):
    studio = start(0.75 / count)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.route("**/assets/*", lambda route: route.abort())  # Gradio's frame is not needed
    page.goto(start.url)
    page.locator("body.ready").wait_for()
    page.get_by_role("button", name="Settings", exact=True).tap()
    page.locator("#steps").fill("4")
    page.get_by_role("button", name="Close the settings").tap()
    for number in (1, 2, 3):
        page.get_by_label("Prompt", exact=True).fill(f"boat number {number}")
        page.locator("#generate").tap()
    page.evaluate(_QUEUE_MANY, count)
    until_s = time.monotonic() + 60
    while len(jobs(start.url)) < count or len(done(start.url)) < 5:
        assert time.monotonic() < until_s
        time.sleep(0.05)
    before = {job["id"] for job in jobs(start.url)}
    studio.kill()
    studio.wait()
    page.get_by_text("Connection lost").filter(visible=True).first.wait_for()

    start(0.0)
    page.locator("#stop:disabled").wait_for()
    ended = done(start.url)
    assert {job["id"] for job in ended} == before and len(ended) == count
    assert [len(job["images"]) for job in ended] == [1] * count
    assert len(list((tmp_path / "outputs").glob("*/*.png"))) == count
    assert sorted(job["request"]["prompt"] for job in ended) == sorted(
        f"boat number {number}" for number in range(1, count + 1)
    )
    page.wait_for_function(f"document.querySelectorAll('.strip .tile').length === {count}")
    page.locator(".status-bar .queue").tap()
    page.locator(".queue-ended li").nth(count - 1).wait_for()
    assert page.locator(".queue-ended li").count() == count
    assert page.locator(".queue-ended li[data-state=finished]").count() == count
    assert page.locator(".queue-waiting").is_hidden()

    other = browser.new_context().new_page()
    other.goto(start.url)
    other.locator(".strip .tile[title='boat number 12']").click()
    other.locator(".own-words", has_text="boat number 12").wait_for()
    other.context.close()
    context.close()

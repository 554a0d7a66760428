"""A studio as a user starts it, a real Chromium to look at it with, and processes beside it.

The browser is `STUDIO_CHROMIUM`, `chromium` or `google-chrome`; needs playwright.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@dataclass(frozen=True)
class Served:
    """A studio that answers at `address`; seconds from its start to that, and to a warm model.
    `pid` is its process."""

    address: str
    ready_s: float
    warm_s: float
    pid: int

    def fetch(self, path: str) -> dict:
        return _fetch(self.address, path)


@contextmanager
def talking(script: str, *flags: str) -> Iterator[subprocess.Popen]:
    """The `script` beside this file in a process of its own, talked to by lines, ended at last."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(script)), *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


@contextmanager
def studio(
    data_dir: Path,
    *models_dirs: Path,
    flags: Sequence[str] = (),
    waits: bool = True,
    program: Sequence[str] = (sys.executable, "-m", "studio"),
) -> Iterator[Served]:
    """A studio that `waits` until its model is loaded, or else until its page answers; ended on
    leaving. `models_dirs` hold further models, `flags` are further ones of the command, and
    `program` is what they are given to."""
    command = [*program, "serve", "--port", "0", "--no-browser", *flags]
    started_s = time.monotonic()
    server = subprocess.Popen(
        [*command, *(f"--models-dir={one}" for one in models_dirs), "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = _address(server)
        ready_s = time.monotonic() - started_s
        while (
            waits and _fetch(address, "studio/v1/status")["state"] != "warm"
        ):  # no event tells of it
            time.sleep(0.05)
        yield Served(address, ready_s, time.monotonic() - started_s, server.pid)
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise SystemExit("This needs playwright: pip install '.[test]'") from None
    path = os.environ.get("STUDIO_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def _address(server: subprocess.Popen) -> str:
    for line in server.stdout:
        if "ready at" in line:
            return line.split("ready at")[1].strip().rstrip("/")
    raise SystemExit("The studio ended before it was ready.")


def _fetch(address: str, path: str) -> dict:
    with urllib.request.urlopen(f"{address}/{path}") as answer:
        return json.load(answer)

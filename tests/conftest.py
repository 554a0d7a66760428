"""What all tests share: a real server with the fake engine on a free port."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from studio.api.connections import ConnectionLimits, Server, web_config
from studio.app import Studio
from studio.domain.reach import Reach
from studio.engine.fake import FakeEngine
from studio.settings import Settings
from studio.web import create_api
from tests.small_picturebook import use_small_assets

use_small_assets()


def pytest_collection_finish() -> None:
    """Take what was imported out of the collector's sight: else it looks through half a million
    objects that stay whenever a model is given up."""
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda"):
        import torch  # seconds, which only these tests take

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU with CUDA")


class _Loggers(dict):
    """pytest walks over all loggers before each step of a test; a thread of the studio that imports
    libraries meanwhile adds to them."""

    def values(self) -> list:
        return list(super().values())


logging.root.manager.loggerDict = _Loggers(logging.root.manager.loggerDict)


@dataclass
class Served:
    """A studio that answers at `url`; `http` talks to it as a local script would."""

    url: str
    studio: Studio
    engine: FakeEngine
    http: httpx.Client
    server: Server

    def submit(self, **fields: Any) -> str:
        """Queue a request and return the job's id."""
        answer = self.http.post("/studio/v1/jobs", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def job(self, id: str) -> dict[str, Any]:
        return self.http.get(f"/studio/v1/jobs/{id}").raise_for_status().json()

    def wait_until(self, id: str, *states: str) -> dict[str, Any]:
        """Poll until the job is in one of `states`."""
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            job = self.job(id)
            if job["state"] in states:
                return job
            time.sleep(0.01)
        raise AssertionError(f"job is {job['state']}, not {states}")


class _Server(Server):
    """Ends soon when it is told to."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.01)


@contextmanager
def servers(data_dir: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers that keep their data in `data_dir`, and ends them."""
    stop: list[Callable[[], None]] = []

    def start(
        engine: FakeEngine | None = None,
        app: Callable[..., FastAPI] = create_api,
        real_engine: bool = False,
        limits: ConnectionLimits = ConnectionLimits(),
        reach: Reach | None = None,
        **settings: Any,
    ) -> Served:
        engine = engine or FakeEngine()
        studio = Studio(
            Settings(**{"data_dir": data_dir} | settings),
            build_engine=None if real_engine else lambda: engine,
        )
        listener = socket.create_server(("127.0.0.1", 0))
        listeners, reach = [listener], reach or Reach()
        if reach.tunnel:
            listeners.append(socket.create_server(("127.0.0.1", 0)))
            reach.tunnel = replace(reach.tunnel, port=listeners[1].getsockname()[1])
        config = web_config(app(studio, reach), studio.settings.trusted_proxy, limits, reach)
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": listeners}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # To verify nothing saves each client reading this machine's certificates.
        http = httpx.Client(base_url=url, trust_env=False, verify=False, timeout=30)

        def close() -> None:
            http.close()
            studio.close()
            server.should_exit = True
            thread.join(10)

        stop.append(close)
        until_s = time.monotonic() + 20
        while not server.started and time.monotonic() < until_s:
            time.sleep(0.005)
        return Served(url, studio, engine, http, server)

    try:
        yield start
    finally:
        for close in reversed(stop):
            close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers: `serve(FakeEngine(step_s=0.1), auth=("ann:secret",))`."""
    with servers(tmp_path / "data") as start:
        yield start


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One studio for all tests of a module that leave no job behind: refusals, and looking."""
    with servers(tmp_path_factory.mktemp("shared")) as start:
        served = start()
        yield served
        assert served.studio.queue.jobs() == []


@pytest.fixture
def swept(shared: Served) -> Iterator[Served]:
    """The same for a test that makes jobs: afterwards they are deleted, and none runs any more."""
    yield shared
    queue = shared.studio.queue
    for job in queue.jobs():
        queue.delete(job.id)
    until_s = time.monotonic() + 20
    while queue.waiting and time.monotonic() < until_s:
        time.sleep(0.005)

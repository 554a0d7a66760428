"""A grid goes on after a kill in its middle, and draws nothing twice; a paused one waits on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from PIL import Image

from studio.app import Studio
from studio.domain.grids import AxisInput, GridInput
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from studio.settings import Settings
from studio.store.finding import Filters

GRID = GridInput(
    request=GenerationRequest(prompt="a red house", width=64, height=64, seed=5),
    x=AxisInput(axis="Prompt S/R", values="red, blue, green"),
    y=AxisInput(axis="Steps", values="2-3"),
)
DRAW = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from tests.jobs.test_durable_grids import GRID, opened

    studio = opened(Path(sys.argv[1]), 0.05)
    grid = studio.grids.submit(GRID, "once")
    print(grid.row.id, flush=True)
    while studio.grids.get(grid.row.id).states["finished"] < 2:
        time.sleep(0.001)
    print("two", flush=True)
    time.sleep(60)
    """
)


def opened(data_dir: Path, step_s: float = 0.0) -> Studio:
    studio = Studio(
        Settings(data_dir=data_dir),
        build_engine=lambda: FakeEngine(step_s),
        load_later=True,
    )
    studio.load()
    return studio


def until_finished(studio: Studio, id: str, count: int):
    until_s = time.monotonic() + 30
    while studio.grids.get(id).states["finished"] < count:
        assert time.monotonic() < until_s, studio.grids.get(id).states
        time.sleep(0.005)
    return studio.grids.get(id)


def drawn(studio: Studio) -> list[tuple[str, int]]:
    """What the pictures of the library show: a prompt, and in how many steps."""
    rows = studio.library.page(Filters(), 100).rows
    requests = [studio.gallery.request(row.id) for row in rows]
    return sorted((request.prompt, request.steps) for request in requests)


def test_a_killed_grid_goes_on_and_a_paused_one_waits(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", DRAW, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        id = process.stdout.readline().strip()
        assert process.stdout.readline() == "two\n"
        process.kill()
    expected = sorted(
        (f"a {colour} house", steps) for colour in ("red", "blue", "green") for steps in (2, 3)
    )
    studio = opened(tmp_path)
    done = until_finished(studio, id, 6)
    assert drawn(studio) == expected, "none is missing, none is there twice"
    for (x, y, _), job in done.jobs.items():
        assert job.request.prompt == f"a {['red', 'blue', 'green'][x]} house"
        assert (job.request.steps, len(job.pictures)) == (2 + y, 1)
    assert studio.grids.submit(GRID, "once").row == done.row
    studio.queue.pause()
    studio.grids.again(id, [(1, 0, 0), (2, 1, 0)])
    studio.grids.pause(id)
    studio.queue.resume()
    studio.close()

    studio = opened(tmp_path)
    assert studio.grids.get(id).states == {"finished": 4, "paused": 2}
    assert studio.queue.to_do() == []
    studio.grids.resume(id)
    again = until_finished(studio, id, 6)
    changed = {place for place in again.row.jobs if again.row.jobs[place] != done.row.jobs[place]}
    assert changed == {(1, 0, 0), (2, 1, 0)}
    assert drawn(studio) == sorted([*expected, ("a blue house", 2), ("a green house", 3)])
    studio.close()


@pytest.mark.slow
def test_a_grid_of_the_real_studio_outlives_a_kill(tmp_path):
    given = {
        "request": {"prompt": "a red house", "width": 64, "height": 64, "seed": 5},
        "x": {"axis": "Prompt S/R", "values": "red, blue, green"},
        "y": {"axis": "Steps", "values": "4-7"},
    }
    with ExitStack() as stack:

        def start() -> tuple[subprocess.Popen, httpx.Client]:
            process = subprocess.Popen(
                [sys.executable, "-m", "studio", "--no-browser", "--port", "0"],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"STUDIO_DATA_DIR": str(tmp_path)},
            )
            stack.callback(process.stdout.close)
            stack.callback(process.wait)
            stack.callback(process.kill)
            for line in process.stdout:
                if ready := re.search(r"ready at (http://\S+)", line):
                    client = httpx.Client(base_url=f"{ready[1]}/studio/v1", timeout=60)
                    return process, stack.enter_context(client)
            raise AssertionError("the studio did not start")

        def until(http: httpx.Client, id: str, least: int) -> dict:
            until_s = time.monotonic() + 300
            while (grid := http.get(f"grids/{id}").json())["finished"] < least:
                assert time.monotonic() < until_s, grid
                time.sleep(0.02)
            return grid

        process, http = start()
        id = http.post("grids", json=given).json()["id"]
        begun = until(http, id, 3)
        process.kill()
        process.wait()
        assert begun["finished"] < 12
        _, http = start()
        done = until(http, id, 12)
        images = http.get("images?limit=500").json()
        assert images["total"] == 12
        assert {cell["image"] for cell in done["cells"]} == {one["id"] for one in images["images"]}
        for cell in done["cells"]:
            x, y, _ = cell["place"]
            request = http.get(f"images/{cell['image']}/request").json()
            assert request["prompt"] == f"a {['red', 'blue', 'green'][x]} house"
            assert (request["steps"], request["seed"]) == (4 + y, 5)
        files = list((tmp_path / "outputs").glob("*/*.png"))
        assert len(files) == 12 and {Image.open(file).size for file in files} == {(64, 64)}
        again = http.post(f"grids/{id}/again", json={"places": [[2, 3, 0]]}).json()
        assert sum(cell["state"] != "finished" for cell in again["cells"]) <= 1
        until(http, id, 12)
        assert http.get("images").json()["total"] == 13

"""Grids over HTTP: cells are ordinary jobs, which can be stopped, drawn again, and outlast it."""

from __future__ import annotations

import io
import time

from PIL import Image

from studio.engine.fake import FakeEngine

GRIDS = "/studio/v1/grids"
REQUEST = {"prompt": "a red house", "width": 64, "height": 64, "steps": 1, "seed": 3}
GRID = {
    "request": REQUEST,
    "x": {"axis": "Prompt S/R", "values": "red, blue, green"},
    "y": {"axis": "Steps", "values": "1-2"},
}


def until(served, id, finished):
    def count() -> bool:
        return served.http.get(f"{GRIDS}/{id}").json()["finished"] == finished

    until_s = time.monotonic() + 30
    while not count():
        assert time.monotonic() < until_s, f"grid {id} never had {finished} pictures"
        time.sleep(0.01)
    return served.http.get(f"{GRIDS}/{id}").json()


def test_a_grid_is_foretold_drawn_and_put_on_one_sheet(serve):
    served = serve()
    foretold = served.http.post(f"{GRIDS}/forecast", json=GRID).json()
    assert foretold == {"count": 6, "seconds": foretold["seconds"]}
    key = {"Idempotency-Key": "once"}
    made = served.http.post(GRIDS, json=GRID, headers=key).json()
    assert (made["count"], made["x"]["values"]) == (6, ["red", "blue", "green"])
    assert served.http.post(GRIDS, json=GRID, headers=key).json()["id"] == made["id"]
    done = until(served, made["id"], 6)
    assert len(served.studio.queue.jobs()) == 6
    for cell in done["cells"]:
        x, y, _ = cell["place"]
        request = served.http.get(f"/studio/v1/images/{cell['image']}/request").json()
        assert request["prompt"] == f"a {done['x']['values'][x]} house"
        assert (request["steps"], request["seed"]) == (y + 1, 3)
    sheet = Image.open(io.BytesIO(served.http.get(f"{GRIDS}/{made['id']}/sheet").content))
    assert sheet.width > 3 * 64 and sheet.height > 2 * 64 + 12
    first = next(cell for cell in done["cells"] if cell["place"] == [0, 0, 0])
    picture = served.http.get(f"/studio/v1/images/{first['image']}").content
    pixels = Image.open(io.BytesIO(picture)).convert("RGB")
    right, bottom = sheet.width - 3 * 72, sheet.height - 2 * 72
    assert sheet.crop((right, bottom, right + 64, bottom + 64)).tobytes() == pixels.tobytes()
    again = served.http.post(f"{GRIDS}/{made['id']}/again", json={"places": [[1, 0, 0]]}).json()
    jobs = {tuple(cell["place"]): cell["job"] for cell in again["cells"]}
    was = {tuple(cell["place"]): cell["job"] for cell in done["cells"]}
    assert [place for place in jobs if jobs[place] != was[place]] == [(1, 0, 0)]
    until(served, made["id"], 6)
    assert served.http.get(GRIDS).json()["grids"][0]["id"] == made["id"]
    assert served.http.delete(f"{GRIDS}/{made['id']}").status_code == 204
    assert served.http.get(f"{GRIDS}/{made['id']}").status_code == 404
    assert served.http.get(f"/studio/v1/images/{first['image']}").status_code == 200


def test_a_grid_is_stopped_and_taken_up_again(serve):
    served = serve(FakeEngine(step_s=0.05))
    served.http.post("/studio/v1/queue/pause")
    made = served.http.post(GRIDS, json=GRID | {"legend": False}).json()
    stopped = served.http.post(f"{GRIDS}/{made['id']}/cancel").json()
    assert {cell["state"] for cell in stopped["cells"]} == {"cancelled"}
    served.http.post("/studio/v1/queue/resume")
    assert served.http.post(f"{GRIDS}/{made['id']}/again", json={}).status_code == 200
    until(served, made["id"], 6)
    sheet = Image.open(io.BytesIO(served.http.get(f"{GRIDS}/{made['id']}/sheet").content))
    assert sheet.size == (3 * 72 + 8, 2 * 72 + 8)


def test_what_no_grid_is(shared):
    http = shared.http
    assert "Prompt S/R" in {each["axis"] for each in http.get("/studio/v1/axes").json()["axes"]}
    for change, status, says in (
        ({"x": {"axis": "Steps", "values": "1-10000"}}, 422, "10,000 values"),
        ({"x": {"axis": "Colour", "values": "red"}}, 422, "There are"),
        ({"x": {"axis": "Steps", "values": "0"}, "y": None}, 422, "steps"),
        ({"x": {"axis": "Checkpoint name", "values": "nobody"}}, 422, "nobody"),
        ({"w": 1}, 422, "w"),
    ):
        refused = http.post(GRIDS, json=GRID | change)
        assert refused.status_code == status and says in refused.json()["message"], refused.text
    for path in ("nobody", "nobody/sheet"):
        assert http.get(f"{GRIDS}/{path}").status_code == 404

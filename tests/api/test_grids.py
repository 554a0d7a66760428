"""Grids over HTTP: cells are ordinary jobs, which can be stopped, drawn again, and outlast it."""

from __future__ import annotations

import collections
import io
import threading
import time

from PIL import Image

from studio.engine.fake import FakeEngine
from tests.waiting import wait_for

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


def test_a_grid_alone_is_paused_and_goes_on(serve):
    drawing, may_draw = threading.Event(), threading.Event()
    engine = FakeEngine()
    engine.on_step = lambda: (drawing.set(), may_draw.wait(30))
    served = serve(engine)
    key = {"Idempotency-Key": "once"}
    made = served.http.post(GRIDS, json=GRID, headers=key).json()
    assert drawing.wait(30)
    other = served.http.post("/studio/v1/jobs", json=REQUEST | {"seed": 9}).json()["id"]
    paused = served.http.post(f"{GRIDS}/{made['id']}/pause").json()
    states = collections.Counter(cell["state"] for cell in paused["cells"])
    assert states == {"running": 1, "paused": 5}
    assert served.http.get(f"/studio/v1/jobs/{other}").json()["position"] == 1
    may_draw.set()
    assert served.http.post(GRIDS, json=GRID, headers=key).json()["id"] == made["id"]
    until(served, made["id"], 1)
    served.wait_until(other, "finished")
    assert len(served.studio.queue.to_do()) == 0, "what is paused waits for its grid alone"
    resumed = served.http.post(f"{GRIDS}/{made['id']}/resume").json()
    assert "paused" not in {cell["state"] for cell in resumed["cells"]}
    done = until(served, made["id"], 6)
    assert served.http.post(f"{GRIDS}/{made['id']}/resume").json() == done, "nothing is drawn twice"
    assert served.http.get("/studio/v1/images").json()["total"] == 7


def test_a_matrix_is_foretold_drawn_and_put_on_a_sheet(serve):
    served = serve()
    given = {"request": REQUEST | {"prompt": "a house|at night|in snow"}, "matrix": {}, "margin": 0}
    assert served.http.post(f"{GRIDS}/forecast", json=given).json()["count"] == 4
    made = served.http.post(GRIDS, json=given).json()
    assert (made["x"]["labels"], made["y"]["labels"]) == (["—", "at night"], ["—", "in snow"])
    done = until(served, made["id"], 4)
    cell = next(cell for cell in done["cells"] if cell["place"] == [1, 1, 0])
    request = served.http.get(f"/studio/v1/images/{cell['image']}/request").json()
    assert request["prompt"] == "a house, at night, in snow"
    sheet = Image.open(io.BytesIO(served.http.get(f"{GRIDS}/{made['id']}/sheet").content))
    picture = Image.open(
        io.BytesIO(served.http.get(f"/studio/v1/images/{cell['image']}").content)
    ).convert("RGB")
    right, bottom = sheet.size
    assert sheet.crop((right - 64, bottom - 64, right, bottom)).tobytes() == picture.tobytes()
    many = REQUEST | {"prompt": "|".join("abcdefghi")}
    refused = served.http.post(f"{GRIDS}/forecast", json={"request": many, "matrix": {}})
    assert refused.status_code == 422 and "7 at most" in refused.json()["message"]


def test_variations_of_a_picture_on_one_sheet(serve):
    served = serve()
    job = served.http.post("/studio/v1/jobs", json=REQUEST | {"batch_size": 2}).json()["id"]
    second = served.wait_until(job, "finished")["images"][1]["id"]
    path = f"/studio/v1/images/{second}/variations"
    wanted = {"count": 5, "strength": 0.25}
    assert served.http.post(f"{path}/forecast", json=wanted).json()["count"] == 5
    made = served.http.post(path, json=wanted).json()
    assert made["columns"] == 3
    done = until(served, made["id"], 5)
    for cell, seed in zip(done["cells"], made["x"]["values"], strict=True):
        request = served.http.get(f"/studio/v1/images/{cell['image']}/request").json()
        assert (request["seed"], request["variation_strength"]) == (4, 0.25)
        assert request["variation_seed"] == int(seed)
    sheet = Image.open(io.BytesIO(served.http.get(f"{GRIDS}/{made['id']}/sheet").content))
    assert sheet.width == 3 * 72 + 8
    assert sheet.convert("RGB").getpixel((sheet.width - 40, sheet.height - 40)) == (255, 255, 255)
    changed = served.http.post(path, json=wanted | {"by": "denoising", "count": 4}).json()
    cell = until(served, changed["id"], 4)["cells"][0]
    family = served.http.get(f"/studio/v1/images/{cell['image']}/lineage").json()
    assert [parent["id"] for parent in family["ancestors"]] == [second]
    for wrong in ({"count": 3}, {"count": 17}, {"strength": 0}, {"by": "luck"}):
        assert served.http.post(path, json=wrong).status_code == 422
    assert served.http.post("/studio/v1/images/none/variations", json={}).status_code == 404
    plain = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(plain, "PNG")
    taken = served.http.post("/studio/v1/images/import", content=plain.getvalue()).json()["id"]
    refused = served.http.post(f"/studio/v1/images/{taken}/variations", json={})
    assert refused.status_code == 422 and "denoising" in refused.json()["message"]
    given = {"by": "denoising", "count": 4}
    assert served.http.post(f"/studio/v1/images/{taken}/variations", json=given).is_success


def test_what_no_grid_is(shared):
    http = shared.http
    assert "Prompt S/R" in {each["axis"] for each in http.get("/studio/v1/axes").json()["axes"]}
    for change, status, says in (
        (
            {"x": {"axis": "Steps", "values": "1-10000"}},
            422,
            "10,000 values; 200 are the most, as so many jobs",
        ),
        ({"x": {"axis": "Colour", "values": "red"}}, 422, "There are"),
        ({"x": {"axis": "Steps", "values": "0"}, "y": None}, 422, "steps"),
        ({"x": {"axis": "Checkpoint name", "values": "nobody"}}, 422, "nobody"),
        ({"w": 1}, 422, "w"),
    ):
        refused = http.post(GRIDS, json=GRID | change)
        assert refused.status_code == status and says in refused.json()["message"], refused.text
    for path in ("nobody", "nobody/sheet"):
        assert http.get(f"{GRIDS}/{path}").status_code == 404


def test_a_probe_is_a_grid_that_is_measured(serve):
    served = serve(FakeEngine())
    request = SMALL_PROBE | {"prompt": "a {house|boat}"}
    probe = {"request": request, "count": 3}
    assert served.http.post("/studio/v1/probes/forecast", json=probe).json()["count"] == 6
    begun = served.http.post("/studio/v1/probes", json=probe).json()
    assert (begun["words"], begun["total"]) == (["house", "boat"], 6)
    url = f"/studio/v1/probes/{begun['id']}"
    wait_for(lambda: served.http.get(url, params={"measure": "none"}).json()["drawn"] == 6)
    told = served.http.get(url).json()
    skies = next(one for one in told["attributes"] if one["name"] == "sky")
    assert [sum(each["count"] for each in one["shares"]) for one in skies["words"]] == [3, 3]
    assert told["findings"] and served.http.get(told["sheet_url"]).status_code == 200
    assert served.http.get(f"{url}/csv").text.startswith("attribute,word,value")
    served.http.post(GRIDS, json=GRID).raise_for_status()
    [listed] = served.http.get("/studio/v1/probes").json()["probes"]
    assert (listed["id"], listed["template"], listed["drawn"]) == (begun["id"], "a {house|boat}", 6)
    served.studio.library.erase(served.studio.grids.get(begun["id"]).jobs[0, 0, 0].pictures[0].id)
    assert served.http.get(f"{url}?measure=picturebook").status_code == 200
    assert served.http.get(url, params={"measure": "no such"}).status_code == 422
    refused = served.http.post("/studio/v1/probes", json={"request": SMALL_PROBE})
    assert refused.status_code == 422 and "slot" in refused.json()["message"]


SMALL_PROBE = {"width": 64, "height": 64, "steps": 1, "prompt": "a house"}

"""Lists of jobs at one call: prompts on the lines of a text, batches of a request."""

from __future__ import annotations

import io

from PIL import Image

REQUEST = {"prompt": "by night", "width": 64, "height": 64, "steps": 1, "seed": 3}
LAST = REQUEST | {"prompt": "a|b", "seed": 2**53 - 1}
PROMPTS, BATCHES = "/studio/v1/jobs/prompts", "/studio/v1/jobs/batches"
COMBINED, GRIDS = "/studio/v1/jobs/combinations", "/studio/v1/grids"


def drawn(served, ids):
    jobs = [served.wait_until(id, "finished")["request"] for id in ids]
    return [(one["prompt"], one["steps"], one["seed"]) for one in jobs]


def test_prompts_are_foretold_and_drawn_line_by_line(swept):
    http = swept.http
    given = {
        "request": REQUEST,
        "text": "a cat\n--prompt a dog --steps 2\n",
        "insert": "before",
        "seeds": "counting",
    }
    assert http.post(f"{PROMPTS}/forecast", json=given).json()["count"] == 2
    assert swept.studio.queue.jobs() == []
    key = {"Idempotency-Key": "once"}
    made = http.post(PROMPTS, json=given, headers=key).json()
    assert made["count"] == 2
    assert http.post(PROMPTS, json=given, headers=key).json() == made
    assert drawn(swept, made["jobs"]) == [("a cat by night", 1, 3), ("a dog by night", 2, 4)]


def test_batches_go_on_with_the_seeds(swept):
    made = swept.http.post(BATCHES, json={"request": REQUEST | {"batch_size": 2}, "count": 3})
    assert drawn(swept, made.json()["jobs"]) == [("by night", 1, seed) for seed in (3, 5, 7)]
    open_seed = swept.http.post(BATCHES, json={"request": REQUEST | {"seed": -1}, "count": 2})
    first, second = (seed for _, _, seed in drawn(swept, open_seed.json()["jobs"]))
    assert second == first + 1


def test_a_sheet_of_a_batch_joins_the_library(swept):
    job = swept.http.post("/studio/v1/jobs", json=REQUEST | {"batch_size": 3}).json()["id"]
    ids = [image["id"] for image in swept.wait_until(job, "finished")["images"]]
    sheet = swept.http.post("/studio/v1/images/sheet", json={"ids": ids, "margin": 2}).json()["id"]
    entry, *_ = swept.http.get("/studio/v1/images").json()["images"]
    assert (entry["id"], entry["width"], entry["height"]) == (sheet, 2 * 66 + 2, 2 * 66 + 2)
    assert entry["prompt"] == "by night", "the settings of the first"
    file = Image.open(io.BytesIO(swept.http.get(f"/studio/v1/images/{sheet}").content))
    third = Image.open(io.BytesIO(swept.http.get(f"/studio/v1/images/{ids[2]}").content))
    assert file.crop((2, 68, 66, 132)).tobytes() == third.convert("RGB").tobytes()
    for wrong, status in (({"ids": ids[:1]}, 422), ({"ids": [ids[0], "nobody"]}, 404)):
        assert swept.http.post("/studio/v1/images/sheet", json=wrong).status_code == status


def test_what_no_list_is(shared):
    for path, given, says in (
        (PROMPTS, {"text": "a\n--colour red"}, "line 2: '--colour'"),
        (PROMPTS, {"text": "a\n--sd_model nobody"}, "nobody"),
        (PROMPTS, {"text": "a\n" * 201}, "201 lines"),
        (PROMPTS, {"text": "a", "seeds": "odd"}, "seeds"),
        (BATCHES, {"count": 0}, "count"),
        (BATCHES, {"count": 201}, "count"),
        (BATCHES, {"count": 3, "request": LAST}, "seed: counting up by 1 leads beyond"),
        (PROMPTS, {"text": "a\nb", "seeds": "counting", "request": LAST}, "line 2: seed"),
        (COMBINED, LAST | {"prompt": "{a|b}"}, "seed: counting up"),
        (GRIDS, {"matrix": {"different_seeds": True}, "request": LAST}, "seed: counting up"),
    ):
        body = given if path == COMBINED else {"request": REQUEST} | given
        refused = shared.http.post(path, json=body)
        assert refused.status_code == 422 and says in refused.json()["message"], refused.text

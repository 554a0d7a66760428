"""Jobs that are drawn to be looked at (`keep=false`): they take their turn, and leave nothing."""

from __future__ import annotations

import io

from PIL import Image

from studio.jobs.queue import MAX_UNKEPT
from studio.store.finding import Filters
from tests.waiting import wait_for

JOBS, IMAGES = "/studio/v1/jobs", "/studio/v1/images"
SMALL = {"width": 64, "height": 64, "steps": 2, "seed": 3}


def shown(served, **fields) -> str:
    """The id of a job that is drawn to be looked at."""
    answer = served.http.post(JOBS, params={"keep": "false"}, json=SMALL | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def uploaded(served) -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    return served.http.post("/studio/v1/uploads", content=file.getvalue()).json()["ref"]


def test_what_is_looked_at_leaves_nothing_until_it_is_kept(serve):
    served = serve()
    studio = served.studio
    ref = uploaded(served)
    task = {"kind": "image_to_image", "image": ref}
    ids = [shown(served, prompt="a red house", task=task) for _ in range(3)]
    jobs = [served.wait_until(id, "finished") for id in ids]
    assert [job["keep"] for job in jobs] == [False] * 3
    [image] = jobs[-1]["images"]
    png = served.http.get(image["url"]).content
    assert Image.open(io.BytesIO(png)).size == (64, 64)
    assert studio.library.page(Filters()).total == 0
    assert list(studio.gallery.folder.rglob("*")) == []
    assert list((studio.settings.data_dir / "thumbnails").rglob("*.webp")) == []
    assert served.http.get(JOBS).json()["jobs"] == []
    for table in ("jobs", "pictures", "timings", "prompts"):
        assert studio._ledger.rows(f"SELECT * FROM {table}") == [], table
    inputs = studio.settings.inputs_dir
    assert [path.name for path in inputs.iterdir()] == ["unused"], "it may go after a day"

    answer = served.http.post(f"{IMAGES}/{image['id']}/store")
    assert answer.status_code == 200, answer.text
    kept = answer.json()
    assert studio.library.page(Filters()).total == 1
    stored, looked_at = (
        Image.open(io.BytesIO(data)) for data in (studio.gallery.bytes(kept["id"]), png)
    )
    assert stored.tobytes() == looked_at.tobytes(), "the very picture that was looked at"
    assert (inputs / ref.removeprefix("input:")).is_file(), "what it was made from stays"
    again = served.http.post(f"{IMAGES}/{image['id']}/store")
    assert again.status_code == 404 and "was kept" in again.json()["message"]


def test_it_takes_its_turn_is_listed_meanwhile_and_ends_within_a_step(serve):
    served = serve()
    served.http.post("/studio/v1/queue/pause")
    first = served.submit(**SMALL)
    live = shown(served, steps=150)
    listed = {job["id"]: job for job in served.http.get(JOBS).json()["jobs"]}
    assert listed[live]["position"] == 1, "behind what came before"
    steps = served.engine.steps_done
    served.engine.step_s = 0.05
    served.http.post("/studio/v1/queue/resume")
    served.wait_until(first, "finished")
    wait_for(lambda: served.engine.steps_done > steps + 3, "it to be drawn")
    served.http.post(f"{JOBS}/{live}/cancel")
    at = served.engine.steps_done
    assert served.wait_until(live, "cancelled")["images"] == []
    assert served.engine.steps_done <= at + 1
    served.engine.step_s = 0
    ids = [shown(served) for _ in range(MAX_UNKEPT + 2)]
    served.wait_until(ids[-1], "finished")
    shown(served)
    assert served.http.get(f"{JOBS}/{ids[0]}").status_code == 404, "the oldest are forgotten"
    assert served.job(first)["state"] == "finished", "and of the others none"

"""The job API, over real HTTP: a job's life as its callers see it."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import httpx
import pytest
from PIL import Image

from studio.api import watching, wire
from studio.engine.fake import FakeEngine

SMALL = {"width": 64, "height": 64}


@pytest.fixture
def paced(swept):
    """`paced(0.1)`: the shared studio, whose engine takes so many seconds for a step."""

    def pace(step_s: float):
        swept.engine.step_s = step_s
        return swept

    yield pace
    swept.engine.step_s = 0.0


def read_events(served, id, after=None, stop=lambda event: False):
    """(number, event) pairs of the job's event stream, up to one that `stop`s or to its end."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    seen = []
    with served.http.stream("GET", f"/studio/v1/jobs/{id}/events", headers=headers) as answer:
        if answer.status_code == 204:
            return seen
        assert answer.headers["content-type"].startswith("text/event-stream")
        number = None
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = int(line.removeprefix("id: "))
            elif line.startswith("data: "):
                seen.append((number, json.loads(line.removeprefix("data: "))))
                if stop(seen[-1][1]):
                    break
    return seen


def test_a_job_from_post_to_picture(paced):
    served = paced(0.15)
    id = served.submit(prompt="a red house", steps=5, seed=7, batch_size=2, **SMALL)
    seen = [event for _, event in read_events(served, id)]
    kinds = [event["type"] for event in seen]

    assert kinds[-1] == "finished" and kinds.count("finished") == 1
    assert set(kinds) == {"queued", "started", "progress", "preview", "finished"}
    steps = [event["step"] for event in seen if event["type"] == "progress"]
    assert steps == sorted(steps) and steps[-1] == 5
    assert [image["seed"] for image in seen[-1]["images"]] == [7, 8]
    assert seen[-1]["elapsed_s"] > 0

    png = served.http.get(seen[-1]["images"][1]["url"])
    assert png.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(png.content))
    assert picture.size == (64, 64)
    assert "Seed: 8" in picture.text["parameters"]
    assert seen[-1]["images"][1]["infotext"] == picture.text["parameters"]


def test_all_warnings_are_told_with_each_picture_and_once_for_the_job(serve):
    told = ["an embedding was passed over.", "A LoRA, «ü», fits in part."]
    served = serve(FakeEngine(warnings=tuple(told)))
    id = served.submit(prompt="x", steps=1, batch_size=2, **SMALL)
    job = served.wait_until(id, "finished")
    assert job["warnings"] == told
    assert [image["warnings"] for image in job["images"]] == [told, told]
    last = read_events(served, id)[-1][1]
    assert last["warnings"] == told and last["images"][1]["warnings"] == told
    header = json.loads(wire.state_header(served.studio.queue.get(id), str))
    assert header["warnings"] == told and "warnings" not in header["images"][0]


def test_what_was_left_open_is_settled_and_reported(swept):
    served = swept
    job = served.wait_until(served.submit(prompt="x", steps=1), "finished")
    family = served.studio.catalog.refs()[0].family
    assert job["request"]["seed"] == job["images"][0]["seed"] >= 0
    assert (job["request"]["width"], job["request"]["height"]) == family.native_size
    assert job["request"]["checkpoint"] == served.studio.default_checkpoint


def test_previews_are_served_and_change(paced):
    served = paced(0.15)
    id = served.submit(prompt="x", steps=4, **SMALL)
    urls = [e["url"] for _, e in read_events(served, id) if e["type"] == "preview"]
    assert len(set(urls)) == len(urls) >= 3
    newest = served.http.get(urls[-1])
    assert newest.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(newest.content)).size == (64, 64)


def test_a_reader_comes_back_where_it_left(paced):
    served = paced(0.05)
    id = served.submit(prompt="x", steps=12, **SMALL)
    first = read_events(served, id, stop=lambda event: event.get("step") == 3)
    last_number = first[-1][0]
    rest = read_events(served, id, after=last_number)
    assert all(number > last_number for number, _ in rest)
    assert rest[-1][1]["type"] == "finished"
    # The end was seen: there is nothing more, and a browser is told not to come again.
    assert read_events(served, id, after=rest[-1][0]) == []


def test_a_late_reader_gets_the_present_state_at_once(paced):
    served = paced(0.01)
    id = served.submit(prompt="x", steps=3, **SMALL)
    served.wait_until(id, "finished")
    seen = [event for _, event in read_events(served, id)]
    assert [e["type"] for e in seen].count("progress") == 1
    assert seen[-1]["type"] == "finished"


def test_cancel_ends_within_a_step_and_keeps_the_partial_picture(paced):
    served = paced(0.1)
    before = served.engine.steps_done
    id = served.submit(prompt="x", steps=100, **SMALL)
    read_events(served, id, stop=lambda event: event.get("step") == 3)
    served.http.post(f"/studio/v1/jobs/{id}/cancel").raise_for_status()
    job = served.wait_until(id, "cancelled")
    assert served.engine.steps_done - before <= 5
    [image] = job["images"]
    assert image["partial"] is True
    assert Image.open(io.BytesIO(served.http.get(image["url"]).content)).size == (64, 64)
    # The next one runs as if nothing had happened.
    assert served.wait_until(served.submit(steps=1, **SMALL), "finished")["images"]


def test_jobs_wait_in_line_with_their_positions(paced):
    served = paced(0.05)
    ids = [served.submit(steps=40, seed=n, **SMALL) for n in range(4)]
    served.wait_until(ids[0], "running")
    assert [served.job(id)["position"] for id in ids[1:]] == [1, 2, 3]
    assert served.http.get("/studio/v1/status").json()["queue"] == 4

    served.http.post(f"/studio/v1/jobs/{ids[1]}/cancel").raise_for_status()
    assert served.job(ids[1])["state"] == "cancelled"
    assert served.job(ids[2])["position"] == 1

    served.http.delete(f"/studio/v1/jobs/{ids[3]}").raise_for_status()
    assert served.http.get(f"/studio/v1/jobs/{ids[3]}").status_code == 404
    listed = served.http.get("/studio/v1/jobs").json()
    assert [job["id"] for job in listed["jobs"]] == [ids[0], ids[2], ids[1]]
    assert listed["next"] is None


def test_a_failed_job_says_why_and_the_next_one_runs(serve):
    served = serve(FakeEngine(fail_on="dragon"))
    seen = read_events(served, served.submit(prompt="a dragon", steps=4, **SMALL))
    assert seen[-1][1]["type"] == "failed"
    assert seen[-1][1]["error"] == "EngineError" and seen[-1][1]["message"]
    assert served.wait_until(served.submit(prompt="a cat", steps=1, **SMALL), "finished")


def test_long_poll_follows_a_job_to_its_end(paced):
    served = paced(0.15)
    id = served.submit(prompt="x", steps=6, seed=3, **SMALL)
    numbers, frames, state = [0], [], {}
    while state.get("state") != "finished":
        answer = served.http.get(f"/studio/v1/jobs/{id}/preview", params={"after": numbers[-1]})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        numbers.append(int(answer.headers["x-seq"]))
        state = json.loads(answer.headers["x-state"])
        if answer.content:
            frames.append(answer.content)
    assert all(later > earlier for earlier, later in pairwise(numbers))
    assert len(frames) >= 3 and len(set(frames)) == len(frames)
    assert state["step"] == state["total"] == 6 and state["elapsed_s"] > 0
    [image] = state["images"]
    assert image["seed"] == 3 and image["url"].endswith(image["id"])
    # Asked again after the end, it answers at once that there is no more.
    again = served.http.get(f"/studio/v1/jobs/{id}/preview", params={"after": numbers[-1]})
    assert again.status_code == 204
    assert json.loads(again.headers["x-state"])["state"] == "finished"


def test_long_poll_answers_after_a_while_when_nothing_happens(paced, monkeypatch):
    monkeypatch.setattr(watching, "POLL_S", 0.2)
    served = paced(0.3)
    served.submit(steps=5, **SMALL)
    waiting = served.submit(steps=1, **SMALL)
    first = served.http.get(f"/studio/v1/jobs/{waiting}/preview", params={"after": 0})
    second = served.http.get(
        f"/studio/v1/jobs/{waiting}/preview", params={"after": first.headers["x-seq"]}
    )
    assert (first.status_code, first.content) == (200, b"")
    assert second.status_code == 204
    assert second.headers["x-seq"] == first.headers["x-seq"]
    assert json.loads(second.headers["x-state"])["position"] == 1


def test_nobody_watching_means_no_previews(paced):
    served = paced(0.05)
    id = served.submit(steps=8, **SMALL)
    served.wait_until(id, "finished")
    assert served.http.get(f"/studio/v1/jobs/{id}/preview").status_code == 404


def test_a_reader_that_never_reads_holds_up_nobody(paced):
    served = paced(0.005)
    id = served.submit(steps=150, **SMALL)
    with served.http.stream("GET", f"/studio/v1/jobs/{id}/events"):
        served.wait_until(id, "finished")
    assert len(served.studio.queue.get(id).events.since()) <= 8  # the newest of each kind


def test_download_names_the_file(swept):
    served = swept
    job = served.wait_until(served.submit(steps=1, seed=5, **SMALL), "finished")
    answer = served.http.get(job["images"][0]["url"], params={"download": 1})
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "-5.png" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    "id",
    ["%2E%2E", "..%2F..%2Fetc%2Fpasswd", "%00", "2026-01-01_00001-1", "x" * 5000],
)
def test_image_ids_lead_nowhere_else(swept, id):
    served = swept
    url = httpx.URL(served.url, raw_path=f"/studio/v1/images/{id}".encode())
    answer = served.http.get(url)
    assert answer.status_code == 404
    assert answer.json()["message"]


def test_models_health_metrics_and_docs(serve):
    served = serve()
    served.wait_until(served.submit(steps=1, batch_size=3, **SMALL), "finished")
    names = [one["name"] for one in served.http.get("/studio/v1/models").json()["models"]]
    assert served.http.get("/healthz").json() == {"status": "ok"}
    status = served.http.get("/studio/v1/status").json()
    assert status | {"checkpoint": names[0], "device": "auto", "queue": 0} == status
    assert (status["state"], status["disk"]) == ("warm", None)
    metrics = served.http.get("/metrics").text
    assert 'studio_jobs{state="finished"} 1\n' in metrics
    assert "studio_pictures_total 3\n" in metrics
    docs = served.http.get("/docs").text
    assert "POST /studio/v1/jobs" in docs and "guidance_scale" in docs
    assert "Task <code>inpaint" in docs and "fill, original, latent_noise" in docs
    assert "http://" not in docs and "https://" not in docs  # loads nothing from elsewhere
    schema = served.http.get("/openapi.json").json()
    assert "steps" in schema["components"]["schemas"]["GenerationRequest"]["properties"]


def test_the_same_key_gives_the_same_job(swept):
    def submit(key: str, **fields) -> str:
        answer = swept.http.post(
            "/studio/v1/jobs", json=SMALL | fields, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    first = submit("mine", seed=1)
    assert submit("mine", seed=1) == first
    assert submit("yours", seed=1) != first
    long = {"Idempotency-Key": "x" * 201}
    refused = swept.http.post("/studio/v1/jobs", json=SMALL, headers=long)
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["message"]


def test_the_queue_is_paused_put_in_order_and_resumed(swept):
    http = swept.http

    def waiting() -> list[str]:
        return [job["id"] for job in http.get("/studio/v1/jobs?state=queued").json()["jobs"]]

    assert http.post("/studio/v1/queue/pause").json() == {"paused": True, "waiting": 0}
    assert http.get("/studio/v1/status").json()["paused"]
    first, second, third = (swept.submit(**SMALL, seed=seed) for seed in (1, 2, 3))
    assert waiting() == [first, second, third]
    moved = http.patch(f"/studio/v1/jobs/{third}", json={"position": 0})
    assert (moved.status_code, moved.json()["position"]) == (200, 0)
    assert waiting() == [third, first, second]
    for change, field in (
        ({"position": -1}, "position"),
        ({"place": 1}, "place"),
        ({}, "position"),
    ):
        refused = http.patch(f"/studio/v1/jobs/{third}", json=change)
        assert refused.status_code == 422 and field in refused.json()["message"]
    assert http.patch("/studio/v1/jobs/nobody", json={"position": 0}).status_code == 404
    assert http.get("/studio/v1/jobs?state=asleep").status_code == 422
    assert not http.post("/studio/v1/queue/resume").json()["paused"]
    seed = swept.wait_until(second, "finished")["request"]["seed"]
    assert http.patch(f"/studio/v1/jobs/{second}", json={"position": 0}).status_code == 422
    again = http.post(f"/studio/v1/jobs/{second}/again").json()["id"]
    assert swept.wait_until(again, "finished")["request"]["seed"] == seed
    assert http.post("/studio/v1/jobs/nobody/again").status_code == 404

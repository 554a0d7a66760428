"""What a request would come to, before it is submitted."""

from __future__ import annotations

import threading

from studio.engine.fake import FakeEngine
from tests.waiting import wait_for

FORECAST, JOBS = "/studio/v1/forecast", "/studio/v1/jobs"
SMALL = {"width": 64, "height": 64}


def foretold(served, **fields) -> dict:
    answer = served.http.post(FORECAST, json=SMALL | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nothing_is_known_then_what_was_drawn_tells_and_a_restart_knows_it(serve):
    engine, go = FakeEngine(0.02), threading.Event()
    served = serve(engine)
    unknown = {"seconds": None, "memory_bytes": None, "fits": True, "why": None, "waits_s": 0.0}
    assert foretold(served, steps=10) == unknown
    for steps in (2, 5, 10, 20):
        served.wait_until(served.submit(steps=steps, seed=1, **SMALL), "finished")
    seconds = {steps: foretold(served, steps=steps)["seconds"] for steps in (5, 40)}
    assert 0.05 < seconds[5] < seconds[40], "by hand: 0.1 and 0.8"
    engine.on_step = lambda: go.wait(20)
    served.http.post("/studio/v1/queue/pause")
    first, second = (served.submit(steps=40, **SMALL) for _ in range(2))
    assert foretold(served, steps=5)["waits_s"] is None, "paused, so nobody knows"
    assert served.job(first)["waits_s"] is None
    # What was drawn last may be learned just now.
    wait_for(lambda: served.job(second)["forecast_s"] == foretold(served, steps=40)["seconds"])
    served.http.post("/studio/v1/queue/resume")
    running = served.wait_until(first, "running")
    assert running["waits_s"] == 0
    listed = {job["id"]: job for job in served.http.get(JOBS).json()["jobs"]}
    assert listed[second]["waits_s"] > 0 and listed[second]["position"] == 1
    # A lone guest's next job waits for both, somebody else's for the first alone.
    own = foretold(served, steps=5)["waits_s"]
    other = served.studio.outlook.of_request(served.studio.queue.get(first).request, "other")
    assert other[0].waits_s < own
    go.set()
    ended = served.wait_until(second, "finished")
    assert (ended["forecast_s"], ended["waits_s"]) == (None, None)


def test_it_waits_for_no_engine_and_leaves_no_job(serve):
    engine, go = FakeEngine(), threading.Event()
    served = serve(engine)
    engine.on_step = lambda: go.wait(20)
    id = served.submit(steps=5, **SMALL)
    served.wait_until(id, "running")
    assert foretold(served, steps=5)["seconds"] is None
    go.set()
    served.wait_until(id, "finished")
    assert len(served.http.get(JOBS).json()["jobs"]) == 1


def test_what_has_no_room_is_refused_with_why(serve):
    served = serve(FakeEngine(room_bytes=64 * 64))
    served.wait_until(served.submit(steps=1, **SMALL), "finished")  # the engine is there
    assert foretold(served)["fits"] is True
    large = foretold(served, width=128)
    assert (large["fits"], large["memory_bytes"]) == (False, 128 * 64)
    refused = served.http.post(JOBS, json=SMALL | {"width": 128})
    assert refused.status_code == 422
    assert refused.json() | {"error": "OutOfMemory", "field": "width"} == refused.json()
    assert refused.json()["message"] == large["why"]
    assert len(served.http.get(JOBS).json()["jobs"]) == 1


def test_what_is_no_request_is_said(shared):
    for body, says in ((b"", "The body is missing"), (b"{", "JSON"), (b'{"x": 1}', "x")):
        answer = shared.http.post(FORECAST, content=body)
        assert answer.status_code == 422 and says in answer.json()["message"]
    gone = {"task": {"kind": "image_to_image", "image": "input:" + "0" * 32}}
    answer, submitted = (shared.http.post(path, json=gone) for path in (FORECAST, JOBS))
    assert answer.status_code in (404, 422)
    assert answer.json() == submitted.json() and answer.json()["field"] == "image"

"""A call while it is under way: seen, stopped, skipped, left; beside others; behind a login."""

from __future__ import annotations

import base64
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from studio.engine.fake import FakeEngine
from studio.jobs.job import JobState
from tests.api.sdapi.conftest import opened
from tests.waiting import wait_for

SMALL = {"prompt": "a red house", "width": 64, "height": 64, "steps": 4, "seed": 1}


@pytest.fixture
def engine():
    """It waits at each step until it is let go."""
    engine = FakeEngine()
    engine.may_go = threading.Event()
    engine.on_step = lambda: engine.may_go.wait(20)
    yield engine
    engine.may_go.set()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def called(pool, served, path="txt2img", http=None, **fields):
    """A call under way: its answer to come."""
    http = http or served.http
    return pool.submit(http.post, f"/sdapi/v1/{path}", json=SMALL | fields)


def progress(served, **query):
    return served.http.get("/sdapi/v1/progress", params=query).raise_for_status().json()


def running(served):
    return [j for j in served.studio.queue.jobs() if j.state is JobState.RUNNING]


def test_progress_shows_the_forming_picture_and_goes_with_the_call(serve, engine, pool):
    steps = threading.Semaphore(0)
    engine.on_step = lambda: steps.acquire(timeout=20)
    served = serve(engine)
    answer = called(pool, served, n_iter=2, force_task_id="mine")
    wait_for(lambda: running(served))
    now = progress(served, skip_current_image=True)
    assert now["current_image"] is None and now["state"]["job_count"] == 2
    progress(served)  # somebody looks
    steps.release(2)
    seen = wait_for(lambda: (now := progress(served))["state"]["sampling_step"] == 2 and now)
    assert seen["progress"] == pytest.approx(0.01 + 2 / 4 / 2)
    seen = wait_for(lambda: (now := progress(served))["current_image"] and now)
    assert opened(seen["current_image"]).format == "JPEG"
    of_task = served.http.post("/internal/progress", json={"id_task": "mine"}).json()
    assert of_task["active"] and not of_task["completed"]
    assert of_task["live_preview"].startswith("data:image/jpeg;base64,")
    assert served.http.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["mine"]}
    steps.release(6)
    assert len(answer.result(20).json()["images"]) == 2
    wait_for(lambda: progress(served)["state"]["job_count"] == 0)
    assert progress(served)["progress"] == 0
    of_task = served.http.post("/internal/progress", json={"id_task": "mine"}).json()
    assert (of_task["active"], of_task["completed"]) == (False, True)


def test_interrupt_answers_with_what_there_is(serve, engine, pool):
    served = serve(engine)
    answer = called(pool, served, n_iter=3)
    wait_for(lambda: running(served))
    assert served.http.post("/sdapi/v1/interrupt").json() == {}
    assert progress(served)["state"]["interrupted"]
    engine.may_go.set()
    told = answer.result(20)
    assert told.status_code == 200 and len(told.json()["images"]) == 1
    states = {job.state for job in served.studio.queue.jobs()}
    assert states == {JobState.CANCELLED}


def test_skip_goes_on_with_the_next(serve, engine, pool):
    served = serve(engine)
    answer = called(pool, served, n_iter=3)
    wait_for(lambda: running(served))
    assert served.http.post("/sdapi/v1/skip").json() is None
    engine.may_go.set()
    told = json.loads(answer.result(20).json()["info"])
    assert told["all_seeds"] == [1, 2, 3]
    states = [job.state.value for job in served.studio.queue.jobs()]
    assert sorted(states) == ["cancelled", "finished", "finished"]


def test_a_caller_that_leaves_ends_its_jobs(serve, engine, caplog):
    served = serve(engine)
    body = json.dumps(SMALL | {"n_iter": 2}).encode()
    head = f"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", urlsplit(served.url).port)) as caller:
        caller.sendall(head.encode() + b"\r\n\r\n" + body)
        wait_for(lambda: running(served))
    jobs = served.studio.queue.jobs()
    wait_for(lambda: all(job.is_cancelled for job in jobs), "the end of its jobs")
    engine.may_go.set()
    wait_for(lambda: served.studio.queue.waiting == 0)
    assert {job.state for job in jobs} == {JobState.CANCELLED}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_caller_has_one_call_at_a_time_and_others_get_their_turns(serve, engine, pool):
    served = serve(engine, auth=("ann:a", "bob:b"))
    ann, bob = (
        httpx.Client(base_url=served.url, auth=(name, name[0]), verify=False, timeout=30)
        for name in ("ann", "bob")
    )
    first = called(pool, served, http=ann, prompt="first", n_iter=3)
    wait_for(lambda: len(served.studio.queue.jobs()) == 3)
    second = called(pool, served, http=ann, prompt="second")
    pending = "/internal/pending-tasks"
    wait_for(lambda: ann.get(pending).json()["size"] == 2, "the second call")
    other = called(pool, served, http=bob, prompt="other")
    wait_for(lambda: len(served.studio.queue.jobs()) == 4, "bob's job")  # ann's second call waits
    bob.post("/sdapi/v1/interrupt")  # of his own alone
    engine.may_go.set()
    assert [each.result(20).status_code for each in (first, second, other)] == [200] * 3
    jobs = served.studio.queue.jobs()
    by_prompt = {job.request.prompt: job for job in jobs}
    assert by_prompt["other"].owner == "bob"
    assert by_prompt["other"].state is JobState.CANCELLED
    assert by_prompt["second"].state is JobState.FINISHED
    assert bob.get("/sdapi/v1/progress").json()["state"]["job_count"] == 0
    ann.close(), bob.close()


def test_a_failure_is_told_and_ends_the_rest(serve, pool):
    served = serve(FakeEngine(fail_on="broken"))
    answer = called(pool, served, prompt="broken", n_iter=2).result(20)
    assert answer.status_code == 500
    assert answer.json()["detail"] == "The fake engine was told to fail."
    assert answer.json().keys() == {"error", "detail", "body", "errors"}
    assert float(answer.headers["x-process-time"]) >= 0


def test_options_are_a_callers_own(serve):
    served = serve(auth=("ann:a", "bob:b"))
    kept = {"CLIP_stop_at_last_layers": 2, "samples_format": "jpg"}
    seen = []
    for name, change in (("ann", kept), ("bob", {})):
        auth = name, name[0]
        served.http.post("/sdapi/v1/options", json=change, auth=auth).raise_for_status()
        body = SMALL | {"override_settings": {"jpeg_quality": 50}}
        answer = served.http.post("/sdapi/v1/txt2img", json=body, auth=auth).json()
        options = served.http.get("/sdapi/v1/options", auth=auth).json()
        image = opened(answer["images"][0])
        seen.append(
            (json.loads(answer["info"])["clip_skip"], image.format, options["jpeg_quality"])
        )
    assert seen == [(2, "JPEG", 80), (1, "PNG", 80)]
    body = SMALL | {"override_settings": {"jpeg_quality": 50}}
    body["override_settings_restore_afterwards"] = False
    served.http.post("/sdapi/v1/txt2img", json=body, auth=("bob", "b"))
    assert served.http.get("/sdapi/v1/options", auth=("bob", "b")).json()["jpeg_quality"] == 50


def test_a_login_is_asked_for_in_their_form(serve):
    served = serve(auth=("ann:a",))
    without = served.http.get("/sdapi/v1/samplers", headers={"Authorization": ""})
    assert without.status_code == 401 and without.headers["www-authenticate"].startswith("Basic")
    assert "needs a login" in without.json()["detail"]
    assert served.http.get("/sdapi/v1/samplers", auth=("ann", "a")).status_code == 200


def test_an_empty_login_where_none_is_needed(shared):
    answer = shared.http.get("/sdapi/v1/options", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.json()["sd_model_checkpoint"].startswith("picturebook")


def test_pages_of_other_sites_are_let_in_where_told(serve):
    site = "https://lite.example"
    served = serve(cors_origin=(site,), auth=("ann:a",))
    asks = {"Origin": site, "Access-Control-Request-Method": "POST"}
    asks |= {"Access-Control-Request-Headers": "authorization,content-type"}
    asks |= {"Access-Control-Request-Private-Network": "true"}
    before = served.http.options("/sdapi/v1/txt2img", headers=asks)
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == site
    assert before.headers["access-control-allow-private-network"] == "true"
    login = base64.b64encode(b"ann:a").decode()
    sends = {"Origin": site, "Sec-Fetch-Site": "cross-site", "Authorization": f"Basic {login}"}
    answer = served.http.post("/sdapi/v1/txt2img", json=SMALL, headers=sends)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == site
    assert "access-control-allow-credentials" not in answer.headers
    other = sends | {"Origin": "https://other.example"}
    refused = served.http.post("/sdapi/v1/txt2img", json=SMALL, headers=other)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers

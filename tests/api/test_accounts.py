"""Whose a job is: logins keep theirs, guests share."""

from __future__ import annotations

from contextlib import closing

import httpx
import pytest

from studio.api.guests import COOKIE
from studio.engine.fake import FakeEngine
from studio.web import create_app

JOBS = "/studio/v1/jobs"
SMALL = {"width": 64, "height": 64, "steps": 1}
ANN, BO = ("ann", "secret"), ("bo", "word")


def submitted(http: httpx.Client, **options) -> str:
    return http.post(JOBS, json=SMALL, **options).raise_for_status().json()["id"]


def listed(http: httpx.Client, query: str = "", **options) -> list[str]:
    answer = http.get(f"{JOBS}?{query}", **options).raise_for_status().json()
    return [job["id"] for job in answer["jobs"]]


def test_a_login_sees_all_and_changes_its_own(serve):
    served = serve(FakeEngine(0.01), auth=("ann:secret", "bo:word"))
    http = served.http
    http.post("/studio/v1/queue/pause", auth=ANN).raise_for_status()
    anns, bos = submitted(http, auth=ANN), submitted(http, auth=BO)
    assert [http.get(f"{JOBS}/{id}", auth=BO).json()["owner"] for id in (anns, bos)] == [
        "ann",
        "bo",
    ]
    assert http.get("/studio/v1/status", auth=BO).json()["account"] == "bo"
    assert set(listed(http, auth=BO)) == {anns, bos}
    assert listed(http, "mine=1", auth=BO) == [bos]
    for method, rest, body in (
        ("POST", "/cancel", None),
        ("DELETE", "", None),
        ("PATCH", "", {"position": 0}),
        ("POST", "/again", None),
    ):
        refused = http.request(method, f"{JOBS}/{anns}{rest}", json=body, auth=BO)
        assert refused.status_code == 403, (method, rest)
        assert refused.json()["error"] == "NotYours" and "ann" in refused.json()["message"]
    assert http.get(f"{JOBS}/{anns}", auth=ANN).json()["state"] == "queued"

    key = {"Idempotency-Key": "one"}
    first = submitted(http, auth=ANN, headers=key)
    assert submitted(http, auth=ANN, headers=key) == first
    assert submitted(http, auth=BO, headers=key) != first, "a key is its account's"

    clear = {"state": "queued"}
    assert http.delete(JOBS, params=clear, auth=BO).json() == {"deleted": 2}
    assert set(listed(http, auth=BO)) == {anns, first}, "the others are ann's"
    assert http.delete(JOBS, auth=BO).status_code == 422
    running = http.delete(JOBS, params={"state": "running"}, auth=BO)
    assert running.status_code == 422 and "queued" in running.json()["message"]

    of_nobody = served.studio.queue.submit(served.studio.queue.get(anns).request)
    assert http.get(f"{JOBS}/{of_nobody.id}", auth=BO).json()["owner"] is None
    assert http.delete(f"{JOBS}/{of_nobody.id}", auth=BO).status_code == 204
    served.studio.queue.submit(served.studio.queue.get(anns).request)
    assert http.delete(JOBS, params=clear | {"mine": 0}, auth=BO).json() == {"deleted": 1}
    assert http.delete(f"{JOBS}/{anns}", auth=ANN).status_code == 204


def test_browsers_without_a_login_are_told_apart_and_share(serve):
    served = serve(app=create_app)
    served.studio.queue.pause()

    def browser() -> httpx.Client:
        http = httpx.Client(base_url=served.url, trust_env=False)
        [cookie] = http.get("/").headers.get_list("set-cookie")
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        return http

    with closing(browser()) as one, closing(browser()) as other:
        assert one.cookies[COOKIE] != other.cookies[COOKIE]
        stays = one.cookies[COOKIE]
        one.get("/picture/2026-01-01_00001-1")
        one.get("/")
        assert one.cookies[COOKIE] == stays
        first, second, third = submitted(one), submitted(other), submitted(served.http)
        assert [listed(http, "mine=1") for http in (one, other, served.http)] == [
            [first],
            [second],
            [third],
        ]
        assert set(listed(one)) == {first, second, third}
        body = one.get(f"{JOBS}/{first}").json()
        assert body["owner"] is None
        assert one.get("/studio/v1/status").json()["account"] is None
        assert other.post(f"{JOBS}/{first}/cancel").json()["state"] == "cancelled"
        assert "set-cookie" not in other.get(JOBS).headers
    forged = {"Cookie": f"{COOKIE}=ann; x={COOKIE}; {COOKIE}=\xff".encode("latin-1")}
    assert listed(served.http, "mine=1", headers=forged) == [third], "an id of our form or none"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("before=x", "before: this is not a cursor"),
        ("before=" + "x" * 501, "before"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("mine=perhaps", "mine"),
        ("state=asleep", "state"),
    ],
)
def test_a_page_that_cannot_be_is_said(shared, query, says):
    answer = shared.http.get(f"{JOBS}?{query}")
    assert answer.status_code == 422
    assert says in answer.json()["message"]

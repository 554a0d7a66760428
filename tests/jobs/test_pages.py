"""The list of jobs: nothing twice, nothing left out, whatever happens between two pages."""

from __future__ import annotations

import time

import pytest

from studio.domain.errors import InvalidRequest
from studio.engine.fake import FakeEngine
from studio.jobs.job import JobState
from studio.jobs.keeping import Keeping
from studio.jobs.pages import ENDED, Pages
from studio.jobs.queue import JobQueue
from studio.store.cursor import cursor, values_of
from studio.store.jobs import JobLedger
from studio.store.ledger import Ledger
from tests.jobs.test_durable import final, opened, request


def pages_of(queue: JobQueue) -> Pages:
    return Pages(queue, queue._keeping)


def all_pages(pages: Pages, limit: int, **wanted) -> list:
    jobs, before = [], None
    while True:
        page = pages.page(limit, before, **wanted)
        assert len(page.jobs) <= limit
        jobs += page.jobs
        if page.next is None:
            return jobs
        before = page.next


def test_under_way_then_waiting_then_ended_and_a_restart_loses_none(tmp_path):
    queue = opened(tmp_path, FakeEngine(fail_on="dragon"))
    ended = [
        queue.submit(request(seed=n, prompt="dragon" * (n == 3)), owner="ann") for n in range(7)
    ]
    for job in ended:
        final(job)
    queue.pause()
    waiting = [queue.submit(request(seed=n), owner="bo") for n in range(3)]
    expected = [job.id for job in waiting + ended[::-1]]
    for limit in (1, 2, 3, 4, 10, 50):
        assert [job.id for job in all_pages(pages_of(queue), limit)] == expected
    mine = all_pages(pages_of(queue), 2, owner="ann")
    assert [job.id for job in mine] == expected[3:]
    failed = all_pages(pages_of(queue), 2, state=JobState.FAILED)
    assert [(job.id, final(job).error) for job in failed] == [(ended[3].id, "EngineError")]
    assert all_pages(pages_of(queue), 2, state=JobState.QUEUED, owner="ann") == []
    queue.close()

    again = opened(tmp_path, FakeEngine())
    again.resume()
    for job in waiting:
        final(again.get(job.id))
    found = all_pages(pages_of(again), 4)
    assert [job.id for job in found] == [job.id for job in [*waiting[::-1], *ended[::-1]]]
    assert [(job.owner, len(job.pictures)) for job in found[:4]] == [("bo", 1)] * 3 + [("ann", 1)]
    again.close()


def test_what_is_cleared_is_forgotten_for_good_and_what_runs_goes_on(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02, fail_on="dragon"))
    pages = pages_of(queue)
    ended = [queue.submit(request(prompt=prompt), owner="ann") for prompt in ("", "dragon", "")]
    for job in ended:
        final(job)
    running = queue.submit(request(steps=100), owner="ann")
    while running.state is not JobState.RUNNING:
        time.sleep(0.005)
    waiting = [queue.submit(request(), owner=owner) for owner in ("ann", "bo", "ann")]
    assert pages.clear([JobState.QUEUED], "ann".__eq__) == 2
    assert pages.clear([JobState.FAILED], "bo".__eq__) == 0
    assert pages.clear([JobState.FAILED], "ann".__eq__) == 1
    left = [running, waiting[1], ended[2], ended[0]]
    assert [job.id for job in pages.page(50).jobs] == [job.id for job in left]
    assert running.state is JobState.RUNNING
    assert final(ended[0]).pictures[0].path.is_file()
    queue.cancel(running.id)
    final(waiting[1])
    queue.close()
    again = opened(tmp_path)
    pages = pages_of(again)
    assert {job.id for job in pages.page(50).jobs} == {job.id for job in left}
    assert pages.clear(ENDED, lambda owner: True) == 4
    assert pages.page(50).jobs == []
    again.close()


def test_what_ends_between_two_pages_is_on_a_later_one(tmp_path):
    queue = opened(tmp_path)
    queue.pause()
    jobs = [queue.submit(request(seed=n)) for n in range(6)]
    pages = pages_of(queue)
    first = pages.page(3)
    queue.cancel(jobs[4].id)
    queue.cancel(jobs[2].id)  # the last that was seen
    rest = pages.page(10, first.next)
    seen = {job.id for job in first.jobs} | {job.id for job in rest.jobs}
    assert seen == {job.id for job in jobs}
    queue.close()


def test_of_another_version_of_the_studio_is_left_out_and_the_page_full(tmp_path):
    queue = opened(tmp_path)
    jobs = [queue.submit(request(seed=n)) for n in range(5)]
    for job in jobs:
        final(job)
    queue.close()
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:
        connection.execute("UPDATE jobs SET request = '{' WHERE id = ?", (jobs[3].id,))
    keeping = Keeping(lambda *_: None, lambda id: None, JobLedger(ledger))
    left = [jobs[n].id for n in (4, 2, 1)]
    assert [job.id for job in keeping.ended_jobs(3)] == left
    ledger.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "é",
        "a",
        "W10",
        cursor("x"),
        cursor("x", 1),
        cursor(1.0, "x"),
        "WyJcdWQ4MDAiLCAxLjBd",
    ],
)
def test_a_cursor_that_is_none_is_said(text):
    with pytest.raises(InvalidRequest, match="not a cursor") as refused:
        values_of(text, str, float)
    assert refused.value.field == "before"
    assert values_of(cursor("ü", 1.5), str, float) == ["ü", 1.5]

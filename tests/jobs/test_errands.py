"""What else the device's thread is asked for: when it is done, and what becomes of it."""

from __future__ import annotations

import pytest

from studio.domain.errors import EngineError, InvalidRequest, QueueFull
from studio.domain.events import Progress
from studio.engine.fake import FakeEngine
from studio.jobs.errands import NotNow
from tests.jobs.test_queue import build, final, request  # noqa: F401


def under_way(queue, steps=150):
    """A job that draws."""
    job = queue.submit(request(steps=steps))
    next(event for _, event in job.events.follow() if isinstance(event, Progress))
    return job


def test_pieces_are_done_between_the_steps_of_a_job(build):  # noqa: F811
    queue = build(FakeEngine(step_s=0.01))
    job = under_way(queue)

    def pieces():
        for _ in range(3):
            yield
        return job.events.closed

    assert queue.errand(pieces).result(10) is False
    job.cancel()


def test_what_others_hold_is_waited_for(build):  # noqa: F811
    queue = build(FakeEngine(step_s=0.01))
    job = under_way(queue, steps=5)
    tries = []

    def pieces():
        tries.append(job.events.closed)
        if not job.events.closed:
            raise NotNow("the fake model")
        yield
        return "done"

    assert queue.errand(pieces).result(10) == "done"
    assert tries[-1] is True


def test_what_goes_wrong_is_told_and_the_queue_goes_on(build):  # noqa: F811
    queue = build()

    def wrong():
        yield
        raise InvalidRequest("This cannot be.")

    def at_once():
        raise InvalidRequest("This cannot even begin.")

    def never():
        raise NotNow("nobody")
        yield

    with pytest.raises(InvalidRequest, match="cannot be"):
        queue.errand(wrong).result(10)
    with pytest.raises(InvalidRequest, match="even begin"):
        queue.errand(at_once).result(10)
    with pytest.raises(EngineError, match="no room"):
        queue.errand(never).result(10)
    dropped = queue.errand(wrong)
    dropped.cancel()
    assert final(queue.submit(request())).pictures
    queue.close()
    with pytest.raises(QueueFull):
        queue.errand(wrong)

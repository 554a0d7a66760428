"""The queue: order, cancelling, failing, forgetting."""

from __future__ import annotations

import dataclasses
import threading
import time
import weakref

import pytest

from studio.domain.errors import CheckpointError, InvalidRequest, NotFound, QueueFull
from studio.domain.events import Cancelled, Failed, Finished, Queued
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.jobs import line, worker
from studio.jobs import queue as module
from studio.jobs.job import JobState
from studio.jobs.keeping import Keeping
from studio.jobs.queue import JobQueue
from tests.waiting import wait_for


def not_kept(id):
    raise NotFound(id)


@pytest.fixture
def build():
    """Makes queues and closes them."""
    queues = []

    def make(engine=None, build_engine=None, keep=lambda picture: picture):
        """`keep` stores a picture, of which no claim is kept."""
        engine = engine or FakeEngine()
        queues.append(
            JobQueue(
                build_engine or (lambda: engine),
                settle=lambda request, owner: request.settled("fake", PICTUREBOOK),
                keeping=Keeping(lambda picture, claim: keep(picture), not_kept),
            )
        )
        return queues[-1]

    yield make
    for each in queues:
        each.close()


def request(**fields):
    return GenerationRequest(**{"width": 64, "height": 64, "steps": 2, "seed": 1} | fields)


def final(job):
    return [event for _, event in job.events.follow()][-1]


def test_first_come_first_served(build):
    order = []
    queue = build(FakeEngine(0.01), keep=lambda p: order.append(p.seed) or p)
    jobs = [queue.submit(request(seed=seed)) for seed in range(5)]
    assert all(isinstance(final(job), Finished) for job in jobs)
    assert order == [0, 1, 2, 3, 4]
    assert queue.waiting == 0


def test_a_checkpoint_is_loaded_while_nobody_waits_and_yields_to_who_draws_with_another(build):
    engine = FakeEngine()
    steps, drawn = threading.Semaphore(0), []
    engine.on_step = lambda: drawn.append(1) or steps.acquire(timeout=20)
    queue = build(engine)
    queue.load("other")
    wait_for(lambda: drawn, "the load to begin")
    assert queue.loading == "other" and queue.waiting == 0
    job = queue.submit(request())
    assert queue.loading is None  # it has given way
    steps.release(100)
    assert isinstance(final(job), Finished) and len(drawn) == 1 + 2
    drawn.clear()
    queue.load("fake")
    wait_for(lambda: queue.loading is None, "the end of the load")
    assert len(drawn) == GenerationRequest().steps
    assert queue.jobs() == [job]


def test_what_cannot_be_loaded_is_given_up(build, caplog):
    class Broken(FakeEngine):
        def load(self, request):
            raise CheckpointError("It is cut short.")

    queue = build(Broken())
    queue.load("other")
    wait_for(lambda: queue.loading is None, "the end of the load")
    assert "other: It is cut short." in caplog.text
    assert isinstance(final(queue.submit(request())), Finished)


def test_one_thread_owns_the_device(build):
    threads = set()
    engine = FakeEngine()
    engine.on_step = lambda: threads.add(threading.current_thread().name)
    queue = build(engine)
    for job in [queue.submit(request()) for _ in range(4)]:
        final(job)
    assert threads == {"device"}


def test_results_are_kept_before_anybody_hears_of_them(build):
    queue = build(keep=lambda picture: dataclasses.replace(picture, id=f"id-{picture.seed}"))
    event = final(queue.submit(request(seed=3, batch_size=2)))
    assert [picture.id for picture in event.pictures] == ["id-3", "id-4"]


def test_same_request_same_pictures_and_batch_equals_singles(build):
    queue = build()
    batch = final(queue.submit(request(seed=8, batch_size=3))).pictures
    singles = [final(queue.submit(request(seed=8 + k))).pictures[0] for k in range(3)]
    assert [p.image.tobytes() for p in batch] == [p.image.tobytes() for p in singles]


def test_cancelling_one_that_runs_takes_a_step_at_most(build):
    engine = FakeEngine(0.05)
    queue = build(engine)
    job = queue.submit(request(steps=100))
    while engine.steps_done < 3:
        time.sleep(0.005)
    done = engine.steps_done
    queue.cancel(job.id)
    event = final(job)
    assert isinstance(event, Cancelled) and event.pictures[0].partial
    assert engine.steps_done <= done + 1
    queue.cancel(job.id)  # harmless
    assert isinstance(final(queue.submit(request())), Finished)


class Patient(FakeEngine):
    """Its steps end when their run is cancelled, and no earlier."""

    def __init__(self):
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.on_step = self._wait

    def open(self, *given):
        run = super().open(*given)
        self.run = weakref.ref(run)
        return run

    def _wait(self):
        self.begun.release()
        until_s = time.monotonic() + 20
        while not self.run().cancelled and time.monotonic() < until_s:
            time.sleep(0.005)
        assert self.run().cancelled


def test_a_cancel_reaches_a_run_in_the_middle_of_its_step(build):
    engine = Patient()
    queue = build(engine)
    job = queue.submit(request(steps=100))
    assert engine.begun.acquire(timeout=20)
    first = engine.run
    queue.cancel(job.id)
    assert isinstance(final(job), Cancelled)
    assert engine.steps_done == 1
    following = queue.submit(request(steps=100))
    assert engine.begun.acquire(timeout=20)
    assert first() is None, "a job that has ended keeps its run, and with it models"
    queue.cancel(following.id)
    assert isinstance(final(following), Cancelled)


def test_cancelling_one_that_waits_is_immediate_and_moves_the_others_up(build):
    queue = build(FakeEngine(0.05))
    running, second, third = (queue.submit(request(steps=60)) for _ in range(3))
    while running.state is not JobState.RUNNING:
        time.sleep(0.005)
    assert third.events.newest(Queued) == Queued(2)
    queue.cancel(second.id)
    assert final(second) == Cancelled(())
    assert third.events.newest(Queued) == Queued(1)


def test_a_deleted_job_is_gone_and_closing_still_works(build):
    queue = build(FakeEngine(0.05))
    job = queue.submit(request(steps=100))
    while job.state is not JobState.RUNNING:
        time.sleep(0.005)
    queue.delete(job.id)
    with pytest.raises(NotFound):
        queue.get(job.id)
    assert queue.close()
    assert isinstance(final(job), Cancelled)


def test_a_failed_run_and_a_broken_engine_leave_the_queue_going(build):
    engine = FakeEngine(fail_on="dragon")
    queue = build(engine)
    assert isinstance(final(queue.submit(request(prompt="dragon"))), Failed)

    def explode():
        engine.on_step = lambda: None
        raise ZeroDivisionError("boom")

    engine.on_step = explode
    event = final(queue.submit(request()))
    assert event.error == "EngineError" and "boom" in event.message
    assert isinstance(final(queue.submit(request())), Finished)


def test_an_engine_that_does_not_start_fails_the_job_and_is_tried_again(build):
    attempts = []

    def build_engine():
        attempts.append(1)
        if len(attempts) < 3:
            raise CheckpointError("The model's file is broken. Copy it again.")
        return FakeEngine()

    queue = build(build_engine=build_engine)
    event = final(queue.submit(request()))
    assert event == Failed("CheckpointError", "The model's file is broken. Copy it again.")
    assert isinstance(final(queue.submit(request())), Finished)


def test_jobs_may_come_while_the_engine_is_being_built(build):
    may_go = threading.Event()
    queue = build(build_engine=lambda: may_go.wait(10) and FakeEngine())
    jobs = [queue.submit(request()) for _ in range(2)]
    assert [job.events.newest(Queued) for job in jobs] == [Queued(0), Queued(1)]
    queue.cancel(jobs[0].id)
    assert final(jobs[0]) == Cancelled(())
    may_go.set()
    assert isinstance(final(jobs[1]), Finished)


def test_a_full_queue_refuses_with_the_reason(build, monkeypatch):
    monkeypatch.setattr(line, "MAX_WAITING", 2)
    queue = build(FakeEngine(0.05))
    first = queue.submit(request(steps=60))
    while first.state is not JobState.RUNNING:
        time.sleep(0.005)
    queue.submit(request())
    queue.submit(request())
    with pytest.raises(QueueFull, match="2 jobs are waiting"):
        queue.submit(request())


def test_of_several_jobs_all_are_queued_or_none(build, monkeypatch):
    monkeypatch.setattr(line, "MAX_WAITING", 3)
    queue = build()
    queue.pause()
    queue.submit(request())
    with pytest.raises(QueueFull, match="waiting already and 3 more"):
        queue.submit_all([request()] * 3)
    assert len(queue.jobs()) == 1
    two = queue.submit_all([request()] * 2, "a key")
    assert queue.jobs()[1:] == two == queue.submit_all([request()] * 2, "a key")


def test_a_queue_that_one_account_fills_is_open_to_others(build, monkeypatch):
    monkeypatch.setattr(line, "MAX_WAITING", 2)
    monkeypatch.setattr(line, "MAX_WAITING_OF_ALL", 3)
    queue = build()
    queue.pause()
    queue.submit(request(), owner="many")
    queue.submit(request(), owner="many")
    with pytest.raises(QueueFull, match="2 jobs are waiting"):
        queue.submit(request(), owner="many")
    queue.submit(request(), owner="single")
    with pytest.raises(QueueFull, match="3 jobs are waiting"):
        queue.submit(request(), owner="single")


def test_accounts_take_turns_and_positions_say_so(build):
    order = []
    queue = build(FakeEngine(0.005), keep=lambda picture: order.append(picture.seed) or picture)
    queue.pause()
    many = [queue.submit(request(seed=n), owner="many") for n in range(6)]
    single = queue.submit(request(seed=100), owner="single")
    other = [queue.submit(request(seed=200 + n), owner="other") for n in range(2)]
    expected = [0, 100, 200, 1, 201, 2, 3, 4, 5]
    assert [job.request.seed for job in queue.to_do()] == expected
    assert [job.request.seed for job in queue.jobs()] == expected
    assert single.events.newest(Queued) == Queued(1)
    assert many[1].events.newest(Queued) == Queued(3)

    queue.move(many[5].id, 0)
    assert [job.request.seed for job in queue.to_do()] == [5, 100, 200, 0, 201, 1, 2, 3, 4]
    queue.move(many[5].id, 3)
    assert [job.request.seed for job in queue.to_do()] == [0, 100, 200, 5, 201, 1, 2, 3, 4]
    assert many[5].events.newest(Queued) == Queued(3)
    queue.move(other[1].id, 0)
    assert [job.request.seed for job in queue.to_do()] == [0, 100, 201, 5, 200, 1, 2, 3, 4]
    queue.cancel(single.id)
    assert [job.request.seed for job in queue.to_do()] == [0, 201, 5, 200, 1, 2, 3, 4]
    queue.resume()
    for job in many + other:
        final(job)
    assert sorted(order) == [0, 1, 2, 3, 4, 5, 200, 201]
    assert set(order[:2]) == {0, 201}, "the one is not through before the other has begun"


def test_a_job_that_comes_while_the_queue_closes_is_told_so(build, monkeypatch):
    queue = build()
    monkeypatch.setattr(queue.line, "check", lambda owner: queue.close())
    assert final(queue.submit(request())) == Cancelled(())


def test_only_so_many_jobs_and_pixels_are_remembered(build, monkeypatch):
    monkeypatch.setattr(module, "MAX_REMEMBERED", 6)
    queue = build()
    jobs = [queue.submit(request()) for _ in range(12)]
    for job in jobs:
        final(job)
    last = queue.submit(request())
    assert len(queue.jobs()) <= 7 and queue.get(last.id) is last

    monkeypatch.setattr(module, "MAX_REMEMBERED_PIXELS", 64 * 64)
    final(last)
    newest = queue.submit(request())
    assert len(queue.jobs()) == module.ALWAYS_REMEMBERED + 1
    assert isinstance(final(newest), Finished)


def test_closing_cancels_everything_and_takes_no_more(build):
    queue = build(FakeEngine(0.02))
    jobs = [queue.submit(request(steps=100)) for _ in range(3)]
    assert queue.close()
    assert all(isinstance(final(job), Cancelled) for job in jobs)
    with pytest.raises(QueueFull, match="closing"):
        queue.submit(request())


def test_previews_only_while_somebody_watches(build):
    engine = FakeEngine(0.03)
    queue = build(engine)
    unwatched = queue.submit(request(steps=6))
    final(unwatched)
    watched = queue.submit(request(steps=6))
    watched.watched()
    kinds = [type(event).__name__ for _, event in watched.events.follow()]
    assert "Preview" in kinds
    assert "Preview" not in [type(event).__name__ for _, event in unwatched.events.since()]


def order_of_steps(engine: FakeEngine, seeds: set[int]) -> list[int]:
    """Fills up with the seed of each step as it is made."""
    made: list[int] = []
    advance_one = engine._advance_one

    def advanced(run):
        if run.request.seed in seeds and run.step >= 0:
            made.append(run.request.seed)
        return advance_one(run)

    engine._advance_one = advanced
    return made


def test_a_job_that_comes_later_joins_at_the_next_step(build):
    engine = FakeEngine(0.02, together=2)
    made = order_of_steps(engine, {1, 2})
    queue = build(engine)
    first = queue.submit(request(seed=1, steps=30))
    while len(made) < 5:
        time.sleep(0.005)
    second = queue.submit(request(seed=2, steps=5))
    assert isinstance(final(second), Finished)
    assert first.state is JobState.RUNNING
    assert isinstance(final(first), Finished)
    joined = made.index(2)
    assert made[joined : joined + 8] in ([2, 1] * 4, [1, 2] * 4)


def test_only_the_first_in_the_line_may_join(build):
    """The large one cannot, and the small one behind it does not overtake it."""
    ended = []
    queue = build(
        FakeEngine(0.02, together=2), keep=lambda picture: ended.append(picture.seed) or picture
    )
    first = queue.submit(request(seed=1, steps=20))
    while first.state is not JobState.RUNNING:
        time.sleep(0.005)
    large = queue.submit(request(seed=2, steps=8, width=128))
    small = queue.submit(request(seed=3))
    assert small.events.newest(Queued) == Queued(2)
    assert all(isinstance(final(job), Finished) for job in (first, large, small))
    assert ended == [1, 2, 3]


def test_of_those_that_run_together_one_is_cancelled_and_one_fails(build):
    engine = FakeEngine(0.02, fail_on="dragon", together=3)
    queue = build(engine)
    kept = queue.submit(request(seed=1, steps=40))
    gone = queue.submit(request(seed=2, steps=40))
    bad = queue.submit(request(seed=3, steps=4, prompt="dragon"))
    assert isinstance(final(bad), Failed)
    assert queue.waiting == 2
    queue.cancel(gone.id)
    assert isinstance(final(gone), Cancelled)
    assert kept.state is JobState.RUNNING
    assert isinstance(final(kept), Finished)
    alone = final(build().submit(request(seed=1, steps=40)))
    assert final(kept).pictures[0].image.tobytes() == alone.pictures[0].image.tobytes()


def test_a_full_disk_for_one_is_none_for_the_other(build):
    def keep(picture):
        if picture.seed == 2:
            raise OSError("no space left")
        return picture

    queue = build(FakeEngine(0.01, together=2), keep=keep)
    jobs = [queue.submit(request(seed=seed, steps=6)) for seed in (1, 2)]
    good, bad = (final(job) for job in jobs)
    assert isinstance(good, Finished)
    assert isinstance(bad, Failed) and "no space left" in bad.message


def test_paused_nothing_begins_and_what_runs_goes_on(build):
    queue = build(FakeEngine(0.02))
    running = queue.submit(request(seed=1, steps=20))
    while running.state is not JobState.RUNNING:
        time.sleep(0.005)
    queue.pause()
    waiting = queue.submit(request(seed=2))
    assert isinstance(final(running), Finished)
    time.sleep(0.1)
    assert (waiting.state, queue.paused) == (JobState.QUEUED, True)
    queue.resume()
    assert isinstance(final(waiting), Finished)


def test_a_job_again_is_the_same_picture(build):
    queue = build(FakeEngine(fail_on="dragon"))
    first = queue.submit(request(seed=-1))
    once, more = final(first), final(queue.again(first.id))
    assert once.pictures[0].image.tobytes() == more.pictures[0].image.tobytes()
    assert once.pictures[0].seed == more.pictures[0].seed
    with pytest.raises(InvalidRequest, match="does not wait: it is finished"):
        queue.move(first.id, 0)


def test_what_jobs_have_freed_is_given_back_once_nothing_is_to_do(build, monkeypatch):
    given_back = threading.Event()
    monkeypatch.setattr(worker, "REST_S", 0.01)
    monkeypatch.setattr(worker.malloc, "give_back", given_back.set)
    queue = build()
    assert given_back.wait(10)
    given_back.clear()
    assert isinstance(final(queue.submit(request())), Finished) and given_back.wait(10)

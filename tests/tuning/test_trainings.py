"""Trainings take turns with what is drawn, and outlast the process."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from studio.domain.errors import EngineError, InvalidRequest, NotFound, NotYours
from studio.domain.hours import Hours
from studio.domain.request import GenerationRequest
from studio.domain.training import Done, LoraTraining, Preparing, Snapshot, Stopped, Trained
from studio.domain.training_order import Samples, TrainingOrder
from studio.engine.fake import FakeEngine
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.jobs.job import JobState
from studio.jobs.keeping import Keeping
from studio.jobs.queue import JobQueue
from studio.store.jobs import JobLedger
from studio.store.ledger import Ledger
from studio.store.trainings import TrainingLedger
from studio.tuning.curve import MOST_POINTS, Curve
from studio.tuning.job import TrainingState
from studio.tuning.trainings import Trainings
from tests.waiting import wait_for

REQUEST = GenerationRequest(width=64, height=64, steps=2, seed=1)


class School:
    """Learns nothing, a step whenever `may_step` lets it; `step` is what is kept on its disk."""

    def __init__(self, folder):
        self.folder, self.step, self.drawn, self.fails_at = folder, 0, [], None
        self.may_step = threading.Semaphore(0)
        self.at_step = lambda step: None

    def settled(self, order):
        return order

    def events(self, order, stopped, ends):
        yield Preparing("pictures", 1, 1)
        steps = order.training.steps
        while self.step < steps and not ends():
            if stopped():
                yield Stopped(self.step)
                return
            self.may_step.acquire()
            if self.step == self.fails_at:
                raise EngineError("The loss is no number.")
            self.step += 1
            self.at_step(self.step)
            yield Trained(self.step, steps, 1 / self.step)
            if order.samples.every and self.step % order.samples.every == 0:
                yield Snapshot(self.folder / f"{self.step}.safetensors", self.step)
        yield Done(self.folder / "lora.safetensors", self.step, 0.1)

    def draw(self, order, owner, path):
        self.drawn.append(path and path.name)
        return [f"job-{len(self.drawn)}"]

    def name_of(self, path, kind):
        return path.stem

    def forget(self, order):
        self.step = 0


@pytest.fixture
def start(tmp_path):
    """(queue, trainings) of a process; `start(school)` begins another after it."""
    open_ones = []

    def started(school, engine=None, now=datetime.now):
        ledger = Ledger(tmp_path / "studio.db")
        queue = JobQueue(
            lambda: engine or FakeEngine(),
            lambda request, owner: request.settled("fake", PICTUREBOOK),
            Keeping(lambda picture, claim: picture, lambda id: None, JobLedger(ledger)),
        )
        trainings = Trainings(queue.line, TrainingLedger(ledger), school, now)
        open_ones.append((queue, school))
        return queue, trainings

    yield started
    for queue, school in open_ones:
        school.may_step.release(1000)
        queue.close()


def order(steps=4, name="mills", **samples) -> TrainingOrder:
    return TrainingOrder(
        pictures="mills",
        training=LoraTraining(name=name, steps=steps, save_every=2),
        samples=Samples(**samples),
    )


def until(job, *states):
    wait_for(lambda: job.state in states and not job.wish, f"{states} of a training")
    return job


def test_what_is_drawn_goes_between_two_steps_and_both_are_done(start, tmp_path):
    school = School(tmp_path)
    queue, trainings = start(school)
    job = trainings.submit(order(3, prompts=("a mill",), every=2), "ann")
    drawn = []
    school.at_step = lambda step: step == 1 and drawn.append(queue.submit(REQUEST, owner="ann"))
    school.may_step.release(1)
    wait_for(lambda: drawn and drawn[0].state is JobState.FINISHED, "a picture between steps")
    assert job.state is TrainingState.RUNNING and job.step == 1
    school.may_step.release(2)
    until(job, TrainingState.FINISHED)
    assert (job.step, job.result) == (3, "lora")
    assert job.curve.loss == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    # Without a LoRA, of the step on the way, and of the end.
    assert [step for step, _ in job.sheets] == [0, 2, 3]
    assert school.drawn == [None, "2.safetensors", "lora.safetensors"]


def test_accounts_have_as_much_of_the_device_whether_they_draw_or_train(start, tmp_path):
    """A step comes after each picture at the latest, however many others wait."""
    school = School(tmp_path)
    queue, trainings = start(school)
    queue.pause()
    seen = []
    school.at_step = lambda step: seen.append(sum(j.state is JobState.FINISHED for j in jobs))
    job = trainings.submit(order(3), "ann")
    jobs = [queue.submit(REQUEST, owner="bob") for _ in range(4)]
    school.may_step.release(3)
    queue.resume()
    until(job, TrainingState.FINISHED)
    assert seen[0] <= 1 and seen[-1] < 4


def test_it_is_paused_resumed_and_ended_early(start, tmp_path):
    school = School(tmp_path)
    _, trainings = start(school)
    job = trainings.submit(order(), "ann")
    with pytest.raises(InvalidRequest, match="has not ended"):
        trainings.submit(order(), "ann")
    school.may_step.release(1)
    wait_for(lambda: job.step == 1)
    with pytest.raises(NotYours):
        trainings.pause(job.id, "bob")
    trainings.pause(job.id, "ann")
    school.may_step.release(1)  # for the step that may be under way
    until(job, TrainingState.PAUSED)
    trainings.resume(job.id, "ann")
    assert trainings.stop(job.id, "ann").wish == "stop"
    school.may_step.release(4)
    until(job, TrainingState.FINISHED)
    assert job.step < 4
    with pytest.raises(InvalidRequest, match="finished"):
        trainings.resume(job.id, "ann")


def test_settings_that_are_hardly_meant_are_told_at_once(start, tmp_path):
    _, trainings = start(School(tmp_path))
    rates = {"optimizer": "prodigy", "learning_rate": 1.0}
    told = []
    for changed in ({}, {"learning_rate": 1e-4}, {"text_encoder_lr": 0.01}):
        training = LoraTraining(name=f"kite {len(told)}", **rates | changed)
        order = TrainingOrder(pictures="mills", training=training)
        told.append(trainings.submit(order, "ann").remarks)
    assert told[0] == [] and "learning_rate 0.0001 learns next to nothing" in told[1][0]
    assert "With prodigy text_encoder_lr 0.01" in told[2][0] and "Begin anew with 1" in told[2][0]
    assert LoraTraining(learning_rate=1e-4).remarks == ()


def test_the_second_begins_when_the_first_is_paused(start, tmp_path):
    school = School(tmp_path)
    _, trainings = start(school)
    first = trainings.submit(order(8), "ann")
    school.may_step.release(1)
    wait_for(lambda: first.step == 1)
    second = trainings.submit(order(8, "others"), "bob")
    trainings.pause(first.id, "ann")
    school.may_step.release(1)
    until(first, TrainingState.PAUSED)
    until(second, TrainingState.RUNNING)
    trainings.resume(first.id, "ann")
    school.may_step.release(20)
    until(second, TrainingState.FINISHED)
    until(first, TrainingState.FINISHED)


def test_what_failed_goes_on_and_what_is_deleted_is_gone(start, tmp_path):
    school = School(tmp_path)
    school.fails_at = 1
    _, trainings = start(school)
    job = trainings.submit(order(), "ann")
    school.may_step.release(2)
    until(job, TrainingState.FAILED)
    assert job.message == "The loss is no number." and job.events.closed
    school.fails_at = None
    trainings.resume(job.id, "ann")
    school.may_step.release(1)
    wait_for(lambda: job.step == 2)
    trainings.delete(job.id, "ann")
    school.may_step.release(1)
    wait_for(lambda: job.state is TrainingState.CANCELLED)
    wait_for(lambda: school.step == 0, "what was kept to be forgotten")
    with pytest.raises(NotFound):
        trainings.get(job.id)


def test_after_the_end_of_the_process_it_goes_on_where_it_was(start, tmp_path):
    school = School(tmp_path)
    queue, trainings = start(school)
    job = trainings.submit(order(), "ann")
    school.may_step.release(2)
    wait_for(lambda: job.step == 2)
    school.may_step.release(1)  # the worker may wait for it
    queue.close()
    trainings.close()
    _, later = start(school)
    [again] = later.all()
    assert again.id == job.id and again.order == job.order
    school.may_step.release(4)
    until(again, TrainingState.FINISHED)
    assert again.step == 4 and again.curve.loss[-1] == (4, 0.25)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-28T{clock}")


def test_hours_go_across_midnight():
    night, day = Hours(since="22:00", until="06:00"), Hours(since="08:30", until="17:00")
    open_at = {clock: [hours.has(at(clock)) for hours in (night, day)] for clock in
               ("05:59", "06:00", "08:30", "16:59:59", "17:00", "21:59", "22:00")}  # fmt: skip
    assert [[*each] for each in zip(*open_at.values(), strict=True)] == [
        [True, False, False, False, False, False, True],
        [False, False, True, True, False, False, False],
    ]
    assert night.seconds_until(at("21:00")) == 3600 and night.seconds_until(at("23:00")) == 0
    assert day.seconds_until(at("18:30")) == 14 * 3600
    for wrong in ({"since": "24:00", "until": "06:00"}, {"since": "06:00", "until": "06:00"}):
        with pytest.raises(ValueError, match="pattern|all day"):
            Hours.model_validate(wrong)


def test_it_waits_for_its_hours_and_for_the_next_after_them(start, tmp_path):
    school, clock = School(tmp_path), ["21:59"]
    queue, trainings = start(school, now=lambda: at(clock[0]))
    nightly = order().model_copy(update={"hours": Hours(since="22:00", until="06:00")})
    job = trainings.submit(nightly, "ann")
    drawn = queue.submit(REQUEST, owner="ann")
    wait_for(lambda: drawn.state is JobState.FINISHED, "a picture while it waits")
    assert job.state is TrainingState.QUEUED and trainings.waits_until(job) == "22:00"
    clock[0] = "02:00"
    trainings.look_at_the_clock()
    school.may_step.release(2)
    wait_for(lambda: job.step == 2)
    clock[0] = "06:00"
    school.may_step.release(1)  # the step under way
    until(job, TrainingState.QUEUED)
    assert job.step in (2, 3)

    # Also after a restart, with what it knew; and it may be ended by day.
    queue.close()
    trainings.close()
    _, later = start(school, now=lambda: at(clock[0]))
    [again] = later.all()
    assert later.waits_until(again) == "22:00" and again.step == job.step
    later.stop(again.id, "ann")
    school.may_step.release(9)
    until(again, TrainingState.FINISHED)
    assert again.step == job.step < 4


def test_hours_of_one_that_is_queued_can_be_changed(start, tmp_path):
    school, ledger_clock = School(tmp_path), "12:00"
    queue, trainings = start(school, now=lambda: at(ledger_clock))
    night = Hours(since="22:00", until="06:00")
    job = trainings.submit(order().model_copy(update={"hours": night}), "ann")
    wait_for(lambda: trainings.waits_until(job) == "22:00" and not queue.waiting)
    with pytest.raises(NotYours):
        trainings.keep_hours(job.id, None, "bob")
    trainings.keep_hours(job.id, None, "ann")  # any time: it begins at once
    school.may_step.release(2)
    wait_for(lambda: job.step == 2)
    trainings.keep_hours(job.id, night, "ann")  # under way: it waits after its step
    school.may_step.release(1)
    until(job, TrainingState.QUEUED)
    step = job.step
    assert trainings.waits_until(job) == "22:00" and step < 4
    queue.close()
    trainings.close()
    _, later = start(school, now=lambda: at(ledger_clock))
    [again] = later.all()
    assert again.order.hours == night and again.step == step
    later.keep_hours(again.id, Hours(since="11:00", until="13:00"), "ann")
    school.may_step.release(4)
    until(again, TrainingState.FINISHED)
    with pytest.raises(InvalidRequest, match="is finished"):
        later.keep_hours(again.id, None, "ann")


def test_a_curve_has_as_many_points_as_can_be_seen():
    curve = Curve()
    for step in range(1, 3001):
        curve.add(step, float(step), 0.5 if step > 1000 else None)
    assert len(curve.loss) <= MOST_POINTS and curve.width == 8
    step, loss = curve.loss[-1]
    assert abs(step - loss) < 8 and curve.validation == [(1001, 0.5)]
    again = Curve(curve.told())
    again.add(1500, 7.0, None)
    assert max(step for step, _ in again.loss) <= 1500

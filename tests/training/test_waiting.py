"""A training that learns between two times of the day only, by picturebook."""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import datetime, timedelta

import torch
from PIL import Image
from safetensors.torch import load_file

from studio import Studio
from studio.domain.hours import Hours
from studio.domain.training import Done, LoraTraining, Remark, Stopped, Trained, Waiting
from studio.engine.fake import FakeEngine
from studio.training import models, running, waiting

NIGHT = Hours(since="22:00", until="06:00")


class Clock:
    """Goes on by an hour each time that somebody rests."""

    def __init__(self, at: str) -> None:
        self.at, self.rests = datetime.fromisoformat(f"2026-03-28T{at}"), 0

    def now(self) -> datetime:
        return self.at

    def rest(self, seconds: float) -> None:
        self.at += timedelta(hours=1)
        self.rests += 1


def task_of(studio, folder, **more):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (64, 64), "tomato").save(folder / "a.png")
    training = LoraTraining(steps=3, rank=2, resolution=64, **more)
    return studio.school._task(folder, training, False)


def test_it_learns_by_night_what_it_would_have_learnt_at_once(tmp_path, monkeypatch):
    clock, told, loaded, load = Clock("19:30"), [], [], models.load

    def noted(*asked):
        trainee = load(*asked)
        loaded.append(weakref.ref(trainee.unet))
        return trainee

    monkeypatch.setattr(models, "load", noted)
    with Studio(data_dir=tmp_path / "data", device="cpu", build_engine=FakeEngine) as studio:
        task = task_of(studio, tmp_path / "kites", name="nights")
        for event in waiting.train(task, NIGHT, clock.now, clock.rest):
            told.append(event)
            if isinstance(event, Trained) and event.step == 2:
                clock.at = datetime.fromisoformat("2026-03-29T06:00")
            if isinstance(event, Waiting):
                assert not any(unet() for unet in loaded), "nothing of it is in memory"
        at_once = task_of(studio, tmp_path / "kites", name="once")
        assert isinstance([*running.train(at_once)][-1], Done)
    assert [type(event) for event in told if not isinstance(event, Remark)][0] is Waiting
    assert [event.until for event in told if isinstance(event, Waiting)] == ["22:00", "22:00"]
    assert [event.step for event in told if isinstance(event, Trained)] == [1, 2, 3]
    assert len(loaded) == 3 and clock.rests == 3 + 16 and clock.at.day == 29
    remarks = [event for event in told if isinstance(event, Remark)]
    assert len(remarks) == len(set(remarks)) > 0
    learnt, expected = load_file(task.target), load_file(at_once.target)
    assert all(torch.equal(learnt[key], expected[key]) for key in expected)


def test_it_can_be_stopped_while_it_waits_and_goes_on_later(tmp_path):
    clock = Clock("12:00")
    with Studio(data_dir=tmp_path / "data", device="cpu", build_engine=FakeEngine) as studio:
        task = task_of(studio, tmp_path / "kites", name="kites")
        task = replace(task, stopped=lambda: clock.rests == 2)
        told = [*waiting.train(task, NIGHT, clock.now, clock.rest)]
        assert told == [Waiting("22:00"), Stopped(0)]
        later = studio.school._task(tmp_path / "kites", LoraTraining(name="kites"), True)
        assert later.training.steps == 3 and later.resumes

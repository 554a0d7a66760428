"""The studio as Python users have it: `from studio import Studio`."""

from __future__ import annotations

import threading

import pytest
from PIL import Image

from studio import (
    Cancelled,
    Finished,
    GenerationRequest,
    ImageToImage,
    Preview,
    Settings,
    Studio,
)
from studio.domain.errors import (
    CheckpointError,
    EngineError,
    InvalidRequest,
    OutOfMemory,
    UnknownCheckpoint,
)
from studio.engine.fake import FakeEngine
from tests.waiting import wait_for


@pytest.fixture
def make(tmp_path):
    """Opens studios and closes them."""
    studios = []

    def build(engine=None, **options):
        engine = engine or FakeEngine()
        settings = Settings(data_dir=tmp_path / "data")
        studios.append(Studio(settings, **{"build_engine": lambda: engine} | options))
        return studios[-1]

    yield build
    for studio in studios:
        studio.close()


def request(**fields):
    return GenerationRequest(**{"width": 64, "height": 64, "steps": 3, "seed": 1} | fields)


def test_generate_gives_pictures_that_are_saved(make, tmp_path):
    pictures = make(outputs=tmp_path / "out").generate(request(batch_size=2))
    assert [picture.seed for picture in pictures] == [1, 2]
    for picture in pictures:
        assert picture.path.parent == tmp_path / "out"
        assert Image.open(picture.path).convert("RGB").tobytes() == picture.image.tobytes()


def test_run_yields_events_with_previews_and_one_end(make):
    events = list(make(FakeEngine(step_s=0.15)).run(request(steps=5)))
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, (Finished, Cancelled)) for event in events) == 1
    assert any(isinstance(event, Preview) for event in events)


def test_leaving_the_loop_stops_the_run(make):
    engine = FakeEngine(step_s=0.02)
    studio = make(engine)
    for event in studio.run(request(steps=150)):
        if getattr(event, "step", 0) >= 2:
            break
    wait_for(lambda: studio.queue.waiting == 0)
    assert engine.steps_done < 20


def test_errors_are_those_of_the_tree(make):
    with pytest.raises(UnknownCheckpoint, match="nope"):
        make().generate(request(checkpoint="nope"))
    with pytest.raises(EngineError, match="told to fail"):
        make(FakeEngine(fail_on="dragon")).generate(request(prompt="dragon"))

    def too_small():
        raise OutOfMemory("The device is too small. Choose a smaller size.")

    with pytest.raises(OutOfMemory, match="too small"):
        make(build_engine=too_small).generate(request())


def test_files_of_this_machine_begin_a_picture(make, tmp_path):
    studio = make()
    path = tmp_path / "photo.png"
    Image.new("RGB", (72, 64), "red").save(path)
    [picture] = studio.generate(request(task=ImageToImage(image=str(path)), width=None))
    assert picture.request.task.image.startswith("input:")
    assert picture.image.size == (72, 64)  # the picture's own shape
    [again] = studio.generate(picture.request)
    assert again.image.tobytes() == picture.image.tobytes()
    with pytest.raises(InvalidRequest, match="image: 'missing.png': .*cannot be read"):
        list(studio.run(request(task=ImageToImage(image="missing.png"))))
    with pytest.raises(InvalidRequest, match="not read"):  # the queue is what HTTP talks to
        studio.queue.submit(request(task=ImageToImage(image=str(path))))


def test_an_unknown_default_checkpoint_is_refused_at_the_start(tmp_path):
    with pytest.raises(InvalidRequest, match="nope"):
        Studio(Settings(data_dir=tmp_path, checkpoint="nope"), build_engine=FakeEngine)


def test_load_later_starts_nothing_before_it_is_told(make):
    built = threading.Event()

    def build_engine():
        built.set()
        return FakeEngine()

    studio = make(build_engine=build_engine, load_later=True)
    job = studio.submit(request())
    assert not built.wait(0.1)
    assert studio.status()["state"] == "starting"
    assert studio.status()["queue"] == 1
    studio.load()
    assert isinstance([event for _, event in job.events.follow()][-1], Finished)
    assert studio.status()["state"] == "warm"


def test_status_says_why_the_engine_did_not_start(make):
    def broken():
        raise CheckpointError("The model's file is broken. Copy it again.")

    studio = make(build_engine=broken)
    wait_for(lambda: studio.status()["state"] == "failed")
    assert studio.status()["message"] == "The model's file is broken. Copy it again."


def test_settings_may_be_keywords(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DEVICE", "mps")
    monkeypatch.setenv("STUDIO_DTYPE", "float32")
    with Studio(device="cpu", data_dir=tmp_path / "data", build_engine=FakeEngine) as studio:
        settings = studio.settings
    assert (settings.device, settings.dtype) == ("cpu", "float32")
    assert settings.data_dir == tmp_path / "data"
    for wrong, says in (({"device": "gpu"}, "device"), ({"colour": 1}, "colour: unknown field")):
        with pytest.raises(InvalidRequest, match=says) as refused:
            Studio(**wrong)
        assert str(refused.value).startswith("In Studio(…): ")
    with pytest.raises(TypeError, match="either settings or device"):
        Studio(Settings(data_dir=tmp_path), device="cpu")

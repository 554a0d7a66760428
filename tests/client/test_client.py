"""One conversation with a studio: in process, over HTTP, and over HTTP in an event loop."""

from __future__ import annotations

import asyncio
import inspect
import io
import socket
import threading
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from studio import (
    ControlInput,
    Finished,
    GenerationRequest,
    ImageToImage,
    Inpaint,
    Preview,
    Progress,
    Queued,
    Studio,
)
from studio.client import AsyncClient, AsyncRemoteJob, Client, RemoteJob
from studio.domain import errors
from studio.engine.fake import FakeEngine
from studio.gallery.library import Library
from studio.jobs.job import Job
from studio.store.finding import Filters
from tests.conftest import servers
from tests.loops import in_a_loop
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def engine():
    return FakeEngine(fail_on="break now", warnings=("It was dark.",))


@pytest.fixture(scope="module")
def served(tmp_path_factory, engine):
    with servers(tmp_path_factory.mktemp("client")) as start:
        yield start(engine)


@pytest.fixture
def studio(served, engine, request, tmp_path):
    """In process, or as a client."""
    if request.param == "in process":
        with Studio(data_dir=tmp_path / "data", build_engine=lambda: engine) as studio:
            yield studio
    else:
        with Client(served.url) as client:
            yield client


both = pytest.mark.parametrize("studio", ["in process", "over HTTP"], indirect=True)


def request(**fields) -> GenerationRequest:
    small = {"prompt": "a red house", "width": 64, "height": 64, "steps": 3, "seed": 5}
    return GenerationRequest(**small | fields)


@contextmanager
def held(engine):
    """The engine draws no step before the event that is given is set."""
    gate = threading.Event()
    engine.on_step = lambda: gate.wait(30)
    try:
        yield gate
    finally:
        gate.set()
        engine.on_step = lambda: None


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    Image.new("RGB", (64, 64), "green").save(path)
    return path


@both
def test_pictures_come_with_what_made_them(studio, served):
    first, second = studio.generate(request(batch_size=2))
    assert (first.seed, second.seed) == (5, 6) and (first.place, second.place) == (0, 1)
    assert first.request.checkpoint == "picturebook" and first.infotext.startswith("a red house")
    assert first.warnings == ("It was dark.",) and not first.partial
    [alone] = served.studio.generate(request(seed=6))
    assert second.image.mode == "RGB"
    assert second.image.tobytes() == alone.image.tobytes()
    again = studio.library.picture(second.id)
    assert again.image.tobytes() == alone.image.tobytes()
    assert (again.place, again.seed) == (1, 6) and again.infotext == second.infotext


@both
def test_details_and_where_they_come_from_are_told(studio):
    detailers = ("picturebook segmenter:classes=house",)
    [drawn] = studio.generate(request(width=96, detailers=detailers))
    assert [(one.detector, one.label, one.number) for one in drawn.details] == [
        ("picturebook segmenter", "house", 0),
        ("picturebook segmenter", "house", 1),
    ]
    assert drawn.details[0].box.size == drawn.details[0].area.size > (0, 0)
    again = studio.library.picture(drawn.id)
    [parent] = studio.library.entry(drawn.id).parents
    assert again.details == drawn.details and studio.library.picture(parent).details == ()
    assert again.origin == drawn.origin and len(again.origin) == 32
    assert again.provenance == drawn.provenance is not None


@both
def test_a_run_is_told_while_it_goes_on(studio, engine):
    with held(engine) as gate:
        happened = []
        for event in studio.run(request()):
            happened.append(event)
            gate.set()
    assert isinstance(happened[0], Queued) and isinstance(happened[-1], Finished)
    [preview] = [event for event in happened if isinstance(event, Preview)]
    assert Image.open(io.BytesIO(preview.jpeg)).size == (64, 64)
    steps = [event.step for event in happened if isinstance(event, Progress)]
    assert steps == sorted(steps) and steps[-1] == 3
    assert happened[-1].pictures[0].seed == 5 and happened[-1].elapsed_s >= 0


@both
def test_leaving_a_run_cancels_it(studio, engine, served):
    queue = studio.queue if isinstance(studio, Studio) else served.studio.queue
    with held(engine):
        for _ in studio.run(request(steps=100)):
            break
        job = queue.jobs()[-1]
        wait_for(lambda: job.is_cancelled)
    wait_for(lambda: job.events.closed)
    assert job.state == "cancelled"


@both
def test_a_job_is_followed_and_cancelled(studio, engine):
    with held(engine) as gate:
        job = studio.submit(request(steps=50))
        assert job.request.steps == 50 and job.request.checkpoint == "picturebook"
        assert job.state in ("queued", "loading", "running")
        job.cancel()
        gate.set()
        *_, (number, last) = job.follow()
        assert type(last).__name__ == "Cancelled" and number > 0
        assert job.state == "cancelled"
        assert list(job.follow(number)) == []


@both
def test_errors_are_the_same(studio):
    with pytest.raises(errors.UnknownCheckpoint) as refused:
        studio.submit(request(checkpoint="nope"))
    assert refused.value.field == "checkpoint"
    assert str(refused.value) == "checkpoint: 'nope' is unknown. There are: picturebook."
    with pytest.raises(errors.EngineError, match="^The fake engine was told to fail.$"):
        studio.generate(request(prompt="break now"))
    with pytest.raises(errors.NotFound):
        studio.library.entry("2020-01-01_00001-1")
    with pytest.raises(errors.InvalidRequest, match="no.png.*cannot be read: No such file"):
        studio.submit(request(task=ImageToImage(image="/nowhere/no.png")))


@both
def test_pictures_of_this_machine_go_along(studio, tmp_path):
    path = photo(tmp_path)
    Image.new("L", (64, 64), 255).save(tmp_path / "mask.png")
    task = Inpaint(image=str(path), mask=str(tmp_path / "mask.png"))
    unit = ControlInput(
        controlnet="picturebook-controlnet-canny", image=str(path), preprocessor="canny"
    )
    job = studio.submit(request(task=task, controls=(unit,)))
    settled = job.request
    assert settled.task.image == settled.controls[0].image != settled.task.mask
    assert settled.task.image.startswith("input:")
    job.cancel()


@both
def test_settings_are_read(studio, tmp_path):
    [picture] = studio.generate(request(prompt="a read house"))
    saved = tmp_path / "saved.png"
    data = (studio.library.gallery.bytes(picture.id) if isinstance(studio, Studio) else None) or (
        studio._http.get(f"/images/{picture.id}").content
    )
    saved.write_bytes(data)
    for source in (saved, data):
        reading = studio.read(source)
        assert reading.source == "studio"
        assert GenerationRequest(**reading.request) == picture.request
    reading = studio.read("a red house\nSteps: 9, Sampler: Euler, Frobs: 3, Model: nope")
    assert reading.source == "automatic1111" and reading.request["steps"] == 9
    assert {each.name for each in reading.ignored} == {"Frobs"}
    assert reading.missing[0].name == "nope"


@both
def test_where_a_picture_comes_from(studio, served, tmp_path):
    [drawn] = served.studio.generate(request(prompt="a house to verify", width=128, height=128))
    path = tmp_path / "drawn.png"
    path.write_bytes(served.studio.gallery.bytes(drawn.id))
    verdict = studio.verify(path)
    assert verdict.made_by_ai and verdict.size == (128, 128) and verdict.settings == "studio"
    assert verdict.credentials.intact and verdict.written == drawn.mark
    if isinstance(studio, Client):
        there = served.studio.verify(path.read_bytes())
        assert verdict == there and verdict.words == there.words
        assert verdict.words[0] == "This is a file of this studio, unchanged."
    other = studio.verify(photo(tmp_path).read_bytes())
    assert other.made_by_ai is None and other.mark.id is None
    with pytest.raises(errors.InvalidRequest):
        studio.verify(b"no picture")


@both
def test_the_library(studio):
    pictures = studio.generate(request(prompt="a blue boat", batch_size=3))
    search = Filters(search="boat", checkpoint="picturebook", since_us=10**12)
    page = studio.library.page(search, 2)
    assert (page.total, [row.seed for row in page.rows]) == (3, [7, 6])
    rest = studio.library.page(search, 2, page.next)
    assert [row.id for row in rest.rows] == [pictures[0].id] and rest.next is None
    assert len(studio.library.page().rows) >= 3

    id = pictures[0].id
    row = studio.library.change(id, starred=True, boards=["boats"], note="Mine.")
    assert (row.starred, row.boards, row.note) == (True, ("boats",), "Mine.")
    assert studio.library.change(id, boards=[]).boards == ()
    row = studio.library.entry(id)
    assert row.starred and row.prompt == "a blue boat" and row.width == 64
    assert ("boats", 1) not in studio.library.boards()
    assert studio.library.trash(id).trashed_s is not None
    trashed = studio.library.page(Filters(search="boat", trashed=True))
    assert [row.id for row in trashed.rows] == [id]
    assert studio.library.restore(id).trashed_s is None
    for picture in pictures:
        studio.library.erase(picture.id)
    assert studio.library.page(Filters(search="boat")).total == 0


def test_what_only_a_client_can_meet(served, serve):
    with Client(served.url) as client:
        assert client.status()["checkpoint"] == "picturebook"
        with pytest.raises(errors.InvalidRequest, match="owner: "):
            client.library.page(Filters(owner="ann"))
        with pytest.raises(errors.InvalidRequest, match="other site|page of"):
            client._http.headers["Origin"] = "http://example.org"
            client.status()
    with pytest.raises(errors.InvalidRequest, match="url: 'studio' is no address"):
        Client("studio")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(errors.Unreachable) as raised:
        client.submit(request())
    assert f"No studio answers at http://127.0.0.1:{port}" in str(raised.value)

    guarded = serve(FakeEngine(), auth=("ann:secret",))
    with Client(guarded.url) as client, pytest.raises(errors.LoginNeeded, match="needs a login"):
        client.status()
    _, token = guarded.studio.tokens.add("ann", "test")
    for way in ({"token": token}, {"login": ("ann", "secret")}):
        with Client(guarded.url, **way) as client:
            assert client.status()["account"] == "ann"


class Cut:
    """A way to a server that breaks off, once, as soon as a stream of events has begun."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
                if b"data: {" in data and not self.was_cut.is_set():
                    self.was_cut.set()
                    break
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_lost_stream_is_taken_up_again(served, engine, monkeypatch):
    monkeypatch.setattr("studio.client.connection.RETRY_S", 0.0)
    way = Cut(served.url)
    try:
        with held(engine) as gate, Client(way.url) as client:
            following = client.submit(request()).follow()
            numbers = [next(following)[0]]
            gate.set()
            for number, event in following:
                numbers.append(number)
                last = event
        assert way.was_cut.is_set()
        assert isinstance(last, Finished) and last.pictures[0].seed == 5
        assert numbers == sorted(set(numbers)), "nothing is told twice"
    finally:
        way.close()


def test_in_an_event_loop(served, engine, tmp_path):
    async def conversation():
        async with AsyncClient(served.url) as studio:
            many = await asyncio.gather(*(studio.generate(request(seed=n)) for n in range(4)))
            assert [pictures[0].seed for pictures in many] == [0, 1, 2, 3]
            picture = await studio.library.picture(many[3][0].id)
            assert picture.image.tobytes() == many[3][0].image.tobytes()

            with held(engine) as gate:
                happened = []
                async for event in studio.run(request()):
                    happened.append(event)
                    gate.set()
            assert isinstance(happened[-1], Finished)
            assert any(isinstance(event, Preview) and event.jpeg for event in happened)

            with held(engine):
                async with aclosing(studio.run(request(steps=100))) as run:
                    async for _ in run:
                        break
                job = studio.job(served.studio.queue.jobs()[-1].id)
                assert served.studio.queue.get(job.id).is_cancelled
            *_, (_, last) = [each async for each in job.follow()]
            assert type(last).__name__ == "Cancelled" and await job.state() == "cancelled"
            assert (await job.request()).steps == 100
            await job.cancel()

            with held(engine):
                drawing = asyncio.create_task(studio.generate(request(steps=100)))
                await asyncio.to_thread(wait_for, lambda: served.studio.queue.waiting)
                drawing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await drawing
            with pytest.raises(errors.UnknownCheckpoint, match="nope"):
                await studio.generate(request(checkpoint="nope"))

            task = ImageToImage(image=str(photo(tmp_path)))
            [picture] = await studio.generate(request(task=task, prompt="a green sea"))
            page = await studio.library.page(Filters(search="green sea"))
            assert [row.id for row in page.rows] == [picture.id]
            row = await studio.library.change(picture.id, starred=True, boards=["one"])
            assert row.starred and ("one", 1) in await studio.library.boards()
            await studio.library.trash(picture.id)
            assert (await studio.library.restore(picture.id)).trashed_s is None
            assert (await studio.library.entry(picture.id)).seed == 5
            await studio.library.erase(picture.id)
            assert (await studio.read(picture.infotext)).request["seed"] == 5
            assert (await studio.verify(photo(tmp_path))).made_by_ai is None
            assert (await studio.status())["checkpoint"] == "picturebook"

    in_a_loop(conversation())


def test_both_clients_have_the_same_methods():
    pairs = (
        (Client, AsyncClient),
        (RemoteJob, AsyncRemoteJob),
        (type(Client("http://x").library), type(AsyncClient("http://x").library)),
    )
    for one, other in pairs:
        assert public(one) == public(other)


def test_clients_take_what_the_studio_in_process_takes():
    """Of what both have: the same parameters, defaults and types; jobs and results apart."""
    with Client("http://x") as client:
        there = type(client.library)
    for kind, clients, names in (
        (Studio, (Client, AsyncClient), {"submit", "run", "generate", "read", "verify", "status"}),
        (Library, (there,), public(there)),
        (Job, (RemoteJob,), {"follow", "cancel"}),
        (RemoteJob, (AsyncRemoteJob,), {"follow", "cancel"}),
        (there, (type(AsyncClient("http://x").library),), public(there)),
    ):
        for client in clients:
            for name in names:
                ours, theirs = (inspect.signature(getattr(each, name)) for each in (kind, client))
                assert ours.parameters == theirs.parameters, f"{client.__name__}.{name}"


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}

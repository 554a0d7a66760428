"""Gradio's own API, driven by Gradio's own client."""

from __future__ import annotations

import io
import threading

import gradio_client
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from studio.domain.endpoints import ENDPOINTS
from studio.domain.tasks import TASKS
from studio.engine.fake import FakeEngine
from studio.web import create_app
from tests.conftest import Served, servers
from tests.waiting import wait_for

SMALL = {"prompt": "a red house", "width": 64, "height": 64, "steps": 3, "seed": 5}


@pytest.fixture(scope="module")
def engine():
    return FakeEngine(fail_on="break now", warnings=("It was dark.",))


@pytest.fixture(scope="module")
def served(tmp_path_factory, engine):
    with servers(tmp_path_factory.mktemp("gradio")) as start:
        yield start(engine, app=create_app)


@pytest.fixture(scope="module")
def client(served):
    client = client_of(served)
    yield client
    client.close()


def client_of(served: Served, **options) -> gradio_client.Client:
    quiet = {"verbose": False, "analytics_enabled": False, "download_files": False}
    return gradio_client.Client(served.url, **quiet, **options)


def picture(served: Served, image: dict) -> Image.Image:
    return Image.open(io.BytesIO(served.http.get(image["url"]).raise_for_status().content))


def upload(served: Served, colour: str | int, mode: str = "RGB") -> str:
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(buffer, "PNG")
    answer = served.http.post("/studio/v1/uploads", content=buffer.getvalue())
    return answer.raise_for_status().json()["ref"]


def test_a_picture_while_it_is_drawn(served, client, engine):
    gate = threading.Event()
    engine.on_step = lambda: gate.wait(30)
    try:
        job = client.submit(**SMALL, batch_size=2, api_name="/generate")
        wait_for(lambda: any(one["type"] == "started" for one in job.outputs()))
        gate.set()
        last = job.result()
    finally:
        gate.set()
        engine.on_step = lambda: None
    happened = job.outputs()
    assert happened[0]["type"] == "queued" and happened[-1] == last
    [preview] = [one["jpeg"] for one in happened if one["type"] == "preview"]
    assert preview.startswith("data:image/jpeg;base64,")
    assert {"step": 3, "total": 3}.items() <= happened[-2].items()
    assert [image["seed"] for image in last["images"]] == [5, 6]
    assert last["warnings"] == ["It was dark."]

    id = served.submit(**SMALL, batch_size=2)
    ours = [picture(served, image) for image in served.wait_until(id, "finished")["images"]]
    theirs = [picture(served, image) for image in last["images"]]
    assert [each.tobytes() for each in ours] == [each.tobytes() for each in theirs]


def test_every_task_has_an_endpoint(served, client):
    assert {endpoint.task for endpoint in ENDPOINTS} == set(TASKS)
    image, mask = upload(served, "green"), upload(served, 255, "L")
    begins = {"image": image, "steps": 2, "width": 64, "height": 64}
    calls = {
        "image_to_image": begins | {"strength": 0.5, "loras": [], "hires": None},
        "inpaint": begins | {"mask": mask, "mask_blur": 0},
        "outpaint": begins | {"right": 64},
        "upscale": {"image": image, "factor": 2, "upscaler": "Lanczos"},
        "details": {"image": image, "steps": 2, "detailers": ["picturebook segmenter"]},
    }
    assert {"generate", *calls} == {endpoint.name for endpoint in ENDPOINTS}
    for name, fields in calls.items():
        told = client.predict(**fields, api_name=f"/{name}")
        assert told["type"] == "finished", name
        task = served.studio.queue.jobs()[-1].request.task
        assert task.kind == name and task.image == image
        given = set(fields) & set(type(task).model_fields)
        assert {field: fields[field] for field in given} == {
            field: getattr(task, field) for field in given
        }


def test_models_and_settings(served, client):
    names = {(model["kind"], model["name"]) for model in client.predict(api_name="/models")}
    assert ("checkpoint", "picturebook") in names
    told = client.predict(**SMALL, api_name="/generate")["images"][0]
    for source in (f"picture:{told['id']}", told["infotext"]):
        reading = client.predict(source, api_name="/read")
        assert (reading["request"]["seed"], reading["request"]["prompt"]) == (5, "a red house")


def test_what_cannot_be_is_said_and_no_path_is_read(served, client, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    before = len(served.studio.queue.jobs())
    for name, fields, says in (
        ("generate", {"steps": 999}, "steps: 999 is not allowed, it must be a whole number"),
        ("generate", {"checkpoint": "nope"}, "checkpoint: 'nope' is unknown. There are: "),
        ("image_to_image", {"image": str(secret)}, "files of the server are not read"),
        ("image_to_image", {"image": "http://example.org/a.png"}, "are not read"),
        ("image_to_image", {"image": "data:image/png;base64,x"}, "what is not base64"),
        ("read", {"picture": "picture:nope"}, "There is no picture 'nope'"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(**fields, api_name=f"/{name}")
    for name, fields in (("generate", {"loras": [file]}), ("image_to_image", {"image": file})):
        told = called(served, name, fields)
        assert told.startswith("event: error\n"), told
        assert ("loras.0.path: unknown field" in told) or ("task.image: {" in told), told
    assert len(served.studio.queue.jobs()) == before
    with pytest.raises(AppError, match="^The fake engine was told to fail.$"):
        client.predict(**SMALL | {"prompt": "break now"}, api_name="/generate")
    reading = client.predict(str(secret), api_name="/read")
    assert reading["request"] == {"prompt": str(secret)}, "a path is a text like any other"
    copied = served.studio.settings.temporary_dir.rglob("*")
    assert not [path for path in copied if path.is_file()], "Gradio keeps what a call names"


def test_leaving_cancels(served, client, engine):
    gate, begun = threading.Event(), threading.Event()

    def on_step():
        begun.set()
        gate.wait(30)

    engine.on_step = on_step
    try:
        calling = client.submit(**SMALL | {"steps": 100}, api_name="/generate")
        assert begun.wait(20)
        job = served.studio.queue.jobs()[-1]
        calling.cancel()
        wait_for(lambda: job.is_cancelled)
    finally:
        gate.set()
        engine.on_step = lambda: None
    wait_for(lambda: job.events.closed)
    assert job.state == "cancelled"


def test_it_is_described(served):
    info = served.http.get("/gradio_api/info").json()["named_endpoints"]
    assert set(info) == {f"/{each.name}" for each in ENDPOINTS} | {"/models", "/read"}
    first, *rest = info["/image_to_image"]["parameters"]
    assert first["parameter_name"] == "image" and not first["parameter_has_default"]
    by_name = {each["parameter_name"]: each for each in rest}
    assert by_name["steps"]["parameter_default"] == 20
    assert by_name["steps"]["type"] == {"type": "integer"}
    page = served.http.get("/?view=api")
    assert "footer_links" in page.text and 'id="studio"' not in page.text
    assert 'id="studio"' in served.http.get("/?view=apis").text
    assert served.http.post("/gradio_api/mcp", json={}).status_code in (404, 405), "not asked for"


def called(served: Served, name: str, fields: dict) -> str:
    """What comes of a call as the description has it for curl."""
    call = served.http.post(f"/gradio_api/call/v2/{name}", json=fields).raise_for_status()
    return served.http.get(f"/gradio_api/call/{name}/{call.json()['event_id']}").text


def test_curl_speaks_to_it_as_the_page_says(served):
    *_, last = called(served, "generate", SMALL).strip().split("\n\n")
    assert last.startswith("event: complete\n") and '"finished"' in last


def test_a_login_is_a_token(serve):
    served = serve(FakeEngine(), app=create_app, auth=("ann:secret",))
    with pytest.raises(Exception, match="credentials were not provided"):
        client_of(served)
    _, token = served.studio.tokens.add("ann", "gradio_client")
    client = client_of(served, headers={"Authorization": f"Bearer {token}"})
    try:
        assert client.predict(**SMALL, api_name="/generate")["type"] == "finished"
        assert served.studio.queue.jobs()[-1].owner == "ann"
    finally:
        client.close()

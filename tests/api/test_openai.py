"""OpenAI's images API, driven by OpenAI's own client and by the requests of those who speak it."""

from __future__ import annotations

import base64
import io
import threading
from types import ModuleType
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image

from studio.api.openai.asked import Asked
from studio.api.openai.supported import FIELDS
from studio.engine.fake import FakeEngine
from tests.catalog import files
from tests.conftest import Served, servers
from tests.waiting import wait_for
from tests.weights.test_image_prompts import PLAIN_SD1, VIT_H

if TYPE_CHECKING:
    import openai

SMALL = {"prompt": "a red house", "size": "64x64", "extra_body": {"steps": 2, "seed": 5}}


@pytest.fixture(scope="module")
def engine():
    return FakeEngine(fail_on="break now", warnings=("It was dark.",))


@pytest.fixture(scope="module")
def served(tmp_path_factory, engine):
    models = tmp_path_factory.mktemp("models")
    files.write(models / "one.safetensors", files.checkpoint())
    files.write(models / "look.safetensors", PLAIN_SD1)
    files.write(models / "eyes.safetensors", VIT_H)
    with servers(tmp_path_factory.mktemp("openai")) as start:
        yield start(engine, models_dir=(models,), checkpoint="picturebook")


@pytest.fixture(scope="module")
def client(served):
    return client_of(served)


def sdk() -> ModuleType:
    """`openai`, seconds for which other processes of the tests, that collect these too, need not
    wait."""
    import openai

    return openai


def client_of(served: Served, key: str = "sk-none") -> openai.OpenAI:
    http = sdk().DefaultHttpxClient(trust_env=False, verify=False)
    return sdk().OpenAI(api_key=key, base_url=f"{served.url}/v1", http_client=http)


def newest(served: Served):
    """The job that was submitted last."""
    return served.studio.queue.jobs()[-1]


def picture_in(datum) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(datum.b64_json)))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def hole(size: tuple[int, int]) -> Image.Image:
    """A mask as OpenAI has it: its left half is transparent."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    return mask


PHOTO = png(Image.new("RGB", (64, 64), "green"))
MASK = png(hole((64, 64)))


def test_generations(served, client):
    answer = client.images.generate(model="gpt-image-2", n=2, quality="low", **SMALL)
    first, second = answer.data
    assert (first.seed, second.seed) == (5, 6)
    assert first.warnings == ["It was dark."] and first.revised_prompt == "a red house"
    assert (answer.size, answer.output_format, answer.background) == ("64x64", "png", "opaque")
    request = newest(served).request
    assert (request.checkpoint, request.steps, request.batch_size) == ("picturebook", 2, 2)
    kept = newest(served).pictures[1]
    assert base64.b64decode(second.b64_json) == served.studio.gallery.bytes(kept.id)

    lossy = {"output_format": "webp", "output_compression": 50, "response_format": "url"}
    [datum] = client.images.generate(user="ann", style="vivid", **lossy, **SMALL).data
    assert datum.b64_json is None and datum.url.startswith(f"{served.url}/studio/v1/images/")
    file = served.http.get(datum.url)
    assert file.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(file.content)).format == "WEBP"
    [datum] = client.images.generate(output_format="jpeg", **SMALL).data
    assert picture_in(datum).format == "JPEG"


def test_what_suits_the_checkpoint_is_taken_where_nothing_is_said(served, client):
    models = served.http.get("/studio/v1/models").json()["models"]
    suits = {model["name"]: model["defaults"] for model in models}["picturebook"]
    answer = client.images.generate(prompt="a cat", quality="high")
    request = newest(served).request
    assert request.steps == round(1.5 * suits["steps"])
    assert request.guidance_scale == suits["guidance_scale"]
    assert answer.size == f"{suits['width']}x{suits['height']}"
    ours = {"guidance_scale": 3, "num_inference_steps": 7, "loras": [], "colour": "red"}
    answer = client.images.generate(prompt="a cat", quality="high", size="auto", extra_body=ours)
    request = newest(served).request
    assert (request.guidance_scale, request.steps) == (3, 7)
    assert answer.ignored == ["colour"]


def test_a_stream_shows_the_picture_while_it_forms(served, client, engine):
    gate = threading.Event()
    engine.on_step = gate.wait
    try:
        stream = client.images.generate(
            stream=True, partial_images=1, output_format="webp", n=2, **SMALL
        )
        gate.set()
        partial, *done = list(stream)
    finally:
        gate.set()
        engine.on_step = lambda: None
    assert partial.type == "image_generation.partial_image"
    assert (partial.partial_image_index, partial.output_format) == (0, "webp")
    assert picture_in(partial).format == "WEBP"
    assert [event.type for event in done] == ["image_generation.completed"] * 2
    assert [event.seed for event in done] == [5, 6]
    assert done[0].usage.total_tokens == 0 and done[0].size == "64x64"
    assert picture_in(done[0]).size == (64, 64)

    [only] = client.images.edit(image=("a.png", PHOTO), stream=True, **SMALL)
    assert only.type == "image_edit.completed"


def test_an_error_in_a_stream_ends_it(client):
    with pytest.raises(sdk().APIError, match="told to fail"):
        list(client.images.generate(stream=True, **SMALL | {"prompt": "break now"}))


def test_edits_draw_what_is_transparent(served, client):
    edit = {"prompt": "a tree", "extra_body": {"steps": 2, "mask_blur": 0, "loras": []}}
    answer = client.images.edit(image=("a.png", PHOTO), mask=("m.png", MASK), **edit)
    assert answer.size == "64x64"
    request = newest(served).request
    task = request.task
    assert (task.kind, task.strength, task.mask_blur) == ("inpaint", 1.0, 0)
    mask = Image.open(io.BytesIO(served.studio.sources.read(task.mask)))
    assert mask.getpixel((10, 10)) == 255 and mask.getpixel((50, 10)) == 0

    holed = Image.open(io.BytesIO(PHOTO)).convert("RGBA")
    holed.putalpha(hole((64, 64)).getchannel("A"))
    client.images.edit(image=("a.png", png(holed)), **edit)
    assert newest(served).request.task.kind == "inpaint"

    plain = edit | {"extra_body": edit["extra_body"] | {"strength": 0.3}}
    answer = client.images.edit(image=("a.png", PHOTO), **plain)
    task = newest(served).request.task
    assert (task.kind, task.strength) == ("image_to_image", 0.3)
    assert answer.ignored == ["mask_blur"], "without a mask it means nothing"
    assert served.studio.sources.read(task.image) == PHOTO


def test_further_pictures_are_references(served, client):
    three = [(f"{name}.png", png(Image.new("RGB", (64, 64), name))) for name in ("red", "blue")]
    three.insert(0, ("a.png", PHOTO))
    with pytest.raises(sdk().BadRequestError, match="need an IP-Adapter for picturebook"):
        client.images.edit(image=three, prompt="a tree")
    client.images.edit(image=three, model="one", prompt="a tree", extra_body={"steps": 1})
    request = newest(served).request
    assert request.task.kind == "image_to_image"
    assert [unit.controlnet for unit in request.controls] == ["look", "look"]
    assert served.studio.sources.read(request.controls[1].image) == three[2][1]


def test_models(client):
    assert {model.id for model in client.models.list()} == {"picturebook", "one"}
    one = client.models.retrieve("picturebook")
    assert (one.object, one.owned_by) == ("model", "latent-studio") and one.created > 1e9
    with pytest.raises(sdk().NotFoundError, match="no checkpoint 'nope'"):
        client.models.retrieve("nope")


@pytest.mark.parametrize(
    ("wrong", "status", "param", "says"),
    [
        ({"model": "nope"}, 404, "model", "'nope' is unknown. There are: "),
        ({"size": "63x64"}, 400, "size", "size: 63 is not allowed, it must be a multiple of 8"),
        ({"size": "large"}, 400, "size", "Write pixels as in 1024x768"),
        ({"n": 11}, 400, "n", "11 is not allowed"),
        ({"background": "transparent"}, 400, "background", "no checkpoint draws"),
        ({"output_format": "gif"}, 400, "output_format", "'gif' is not allowed"),
        ({"partial_images": 4}, 400, "partial_images", "4 is not allowed"),
        ({"extra_body": {"steps": 999}}, 400, "steps", "a whole number from 1 to 150"),
        ({"extra_body": {"controls": [{}]}}, 400, "controls.0.controlnet", "is missing"),
        ({"prompt": "break now"}, 500, None, "told to fail"),
    ],
)
def test_what_cannot_be_is_said_in_openais_form(served, client, wrong, status, param, says):
    before = len(served.studio.queue.jobs())
    with pytest.raises(sdk().APIStatusError, match=says) as refused:
        client.images.generate(**SMALL | wrong)
    error = refused.value
    assert (error.status_code, error.param) == (status, param)
    assert error.type == ("server_error" if status == 500 else "invalid_request_error")
    assert len(served.studio.queue.jobs()) - before == (status == 500), "nor is it tried again"


def test_what_is_no_request_at_all(served):
    http: httpx.Client = served.http
    for content, says in (
        (b"", "The body is missing"),
        (b"{", "not valid JSON"),
        (b"[]", "request"),
    ):
        refused = http.post("/v1/images/generations", content=content)
        assert refused.status_code == 400 and says in refused.json()["error"]["message"]
    form = {"prompt": "a"}
    for send, says in (
        ({"json": form}, "multipart/form-data"),
        ({"data": form, "files": {"other": b"x"}}, "pictures, and nothing else"),
        ({"data": form, "files": {"mask": MASK}}, "image: is missing"),
        ({"data": form, "files": {"image": b"x"}}, "not a picture"),
        ({"data": form, "files": {"image": PHOTO, "mask": PHOTO}}, "nothing of it is transparent"),
        ({"data": form, "files": {"image": PHOTO, "mask": png(hole((32, 32)))}}, "mask: "),
        ({"files": {"image": PHOTO}}, "prompt: is missing"),
    ):
        refused = http.post("/v1/images/edits", **send)
        assert refused.status_code == 400 and says in refused.json()["error"]["message"], says
    assert http.get("/v1/files").json()["error"]["type"] == "invalid_request_error"
    url = {"prompt": "a", "controls": [{"controlnet": "look", "image": "http://example.org/a.png"}]}
    refused = http.post("/v1/images/generations", json=url | {"model": "one"})
    assert "no upload" in refused.json()["error"]["message"], "we fetch nothing for a caller"
    large = http.post("/v1/images/variations", content=b"x" * (2**20 + 1))
    assert large.status_code == 413 and large.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_leaves_cancels_its_job(served, engine, stream):
    gate, begun = threading.Event(), threading.Event()

    def on_step():
        begun.set()
        gate.wait(30)

    engine.on_step = on_step
    body = {"prompt": "a", "size": "64x64", "steps": 100, "stream": stream}
    try:
        with httpx.Client(base_url=served.url, trust_env=False, verify=False) as http:
            if stream:
                with http.stream("POST", "/v1/images/generations", json=body) as answer:
                    assert answer.headers["content-type"].startswith("text/event-stream")
                    assert begun.wait(10)
            else:
                impatient = httpx.Timeout(10, read=0.3)
                with pytest.raises(httpx.ReadTimeout):
                    http.post("/v1/images/generations", json=body, timeout=impatient)
        job = newest(served)
        wait_for(lambda: job.is_cancelled)
    finally:
        gate.set()
        engine.on_step = lambda: None
    wait_for(lambda: job.events.closed)
    assert job.state == "cancelled"


def test_a_job_that_is_cancelled_elsewhere_is_told(served, client, engine):
    engine.on_step = lambda: newest(served).cancel()
    try:
        with pytest.raises(sdk().BadRequestError, match="was cancelled") as refused:
            client.images.generate(**SMALL)
        assert refused.value.code == "cancelled"
        with pytest.raises(sdk().APIError, match="was cancelled"):
            list(client.images.generate(stream=True, **SMALL))
    finally:
        engine.on_step = lambda: None


def test_a_login_is_a_token(serve):
    served = serve(FakeEngine(), auth=("ann:secret",))
    with pytest.raises(sdk().AuthenticationError) as refused:
        client_of(served).models.list()
    assert refused.value.code == "invalid_api_key"
    _, token = served.studio.tokens.add("ann", "Open WebUI")
    client = client_of(served, token)
    [datum] = client.images.generate(**SMALL).data
    assert picture_in(datum).size == (64, 64)
    assert newest(served).owner == "ann"


class TestRequestsOfOthers:
    """As they leave these programs, headers included."""

    def test_open_webui_generates(self, served):
        headers = {"Authorization": "Bearer ", "X-OpenWebUI-User-Name": "Ann"}
        body = {"model": "picturebook", "prompt": "a red house", "n": 1, "size": "64x64"}
        body |= {"response_format": "b64_json"}
        headers["Authorization"] = "Bearer"  # what is left of an empty key
        answer = served.http.post("/v1/images/generations", json=body, headers=headers)
        assert answer.status_code == 200 and answer.json()["data"][0]["b64_json"]
        models = served.http.get("/v1/models", headers=headers).json()["data"]
        assert "picturebook" in {model["id"] for model in models}

    @pytest.mark.parametrize("several", [False, True])
    def test_open_webui_edits(self, served, several):
        data = {"model": "one", "prompt": "a tree", "n": "1", "size": "64x64"}
        data |= {"response_format": "b64_json", "background": "auto", "steps": "1"}
        name = "image[]" if several else "image"
        pictures = [(name, ("image.png", PHOTO, "image/png"))] * (1 + several)
        answer = served.http.post("/v1/images/edits", data=data, files=pictures)
        assert answer.status_code == 200, answer.text
        assert len(newest(served).request.controls) == several
        Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"])))

    def test_librechat_draws_with_dall_e(self, served):
        body = {"model": "dall-e-3", "quality": "hd", "style": "natural", "size": "1024x1792"}
        answer = served.http.post("/v1/images/generations", json=body | {"prompt": "sea", "n": 1})
        [datum] = answer.json()["data"]
        assert "style" in answer.json()["ignored"]
        picture = served.http.get(datum["url"])
        assert Image.open(io.BytesIO(picture.content)).size == (1024, 1792)
        assert newest(served).request.checkpoint == "picturebook"

    def test_librechat_draws_with_gpt_image(self, served):
        body = {"model": "gpt-image-1", "prompt": "sea", "background": "auto", "n": 1}
        body |= {"output_compression": 100, "quality": "auto", "size": "auto", "user": "ann"}
        answer = served.http.post("/v1/images/generations", json=body)
        assert answer.json()["data"][0]["b64_json"]

    def test_librechat_edits(self, served):
        data = {"model": "gpt-image-1", "prompt": "a tree", "quality": "auto", "size": "auto"}
        picture = ("image[]", ("photo.png", PHOTO, "image/png"))
        answer = served.http.post("/v1/images/edits", data=data, files=[picture])
        assert answer.json()["data"][0]["b64_json"]
        assert newest(served).request.task.kind == "image_to_image"


def test_each_field_that_is_read_is_in_the_table():
    told = {name for row in FIELDS for name in row.name.split(", ")}
    assert set(Asked.model_fields) <= told


def test_the_same_settings_give_the_same_pixels(serve):
    served = serve(real_engine=True, device="cpu")
    settings = {"steps": 3, "seed": 7, "guidance_scale": 4.0, "negative_prompt": "night"}
    photo = served.http.post("/studio/v1/uploads", content=PHOTO).json()["ref"]
    halves = Image.new("L", (64, 64), 0)
    halves.paste(255, (0, 0, 32, 64))
    mask = served.http.post("/studio/v1/uploads", content=png(halves)).json()["ref"]
    task = {"kind": "inpaint", "image": photo, "mask": mask, "strength": 0.9}
    client = client_of(served)
    form = {"prompt": "a red house", "size": "64x64"}
    theirs = [
        client.images.generate(**form, extra_body=settings),
        client.images.edit(
            image=("a.png", PHOTO),
            mask=("m.png", MASK),
            **form,
            extra_body=settings | {"strength": 0.9},
        ),
    ]
    for answer, further in zip(theirs, ({}, {"task": task}), strict=True):
        id = served.submit(prompt="a red house", width=64, height=64, **settings, **further)
        [ours] = served.wait_until(id, "finished")["images"]
        drawn = Image.open(io.BytesIO(served.http.get(ours["url"]).content))
        assert picture_in(answer.data[0]).tobytes() == drawn.tobytes()
        assert len(drawn.getcolors(64 * 64)) > 100, "it is a picture"

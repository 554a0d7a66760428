"""What the page sends becomes a request by name, or is refused; no browser needed."""

from __future__ import annotations

import json
import re

import gradio as gr
import pytest

from studio.app import create_app
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.domain.tasks import TASKS, TextToImage
from studio.engine.fake import FakeEngine
from studio.ui import theme
from studio.ui.form import Form
from studio.ui.markup import text
from tests.catalog import files


@pytest.fixture
def form() -> tuple[Form, gr.HTML, gr.HTML]:
    with gr.Blocks():
        prompt, steps = gr.HTML(), gr.HTML()
    form = Form()
    form.add("prompt", prompt)
    form.add("steps", steps)
    return form, prompt, steps


def test_request_by_name(form):
    form, prompt, steps = form
    assert form.controls == {prompt, steps}
    request = form.request({steps: 7, prompt: "a boat"})
    assert request == GenerationRequest(prompt="a boat", steps=7)


def test_empty_text_leaves_a_field_open_that_may_be():
    with gr.Blocks():
        form, eta, prompt = Form(), gr.HTML(), gr.HTML()
    form.add("eta", eta)
    form.add("prompt", prompt)
    assert form.request({eta: "", prompt: ""}) == GenerationRequest()


def test_unknown_name(form):
    with pytest.raises(KeyError, match="step_count"):
        form[0].add("step_count", form[1])


@pytest.mark.parametrize("steps", [0, "many", None, [7], {"path": "/etc/passwd"}])
def test_wrong_value(form, steps):
    form, prompt, control = form
    with pytest.raises(InvalidRequest, match="steps"):
        form.request({prompt: "", control: steps})


def test_our_words_are_literal_to_the_template_engine():
    assert text('a "<b>" ${x} {{y}} `z`') == (
        "a &quot;&lt;b&gt;&quot; &#36;&#123;x} &#123;&#123;y}} &#96;z&#96;"
    )


def test_head_carries_names_as_data_only():
    head = theme.head({"name": "</script><script>alert(1)</script>"})
    data = re.search(r'id="studio-data">(.*?)</script>', head)[1]
    assert json.loads(data)["name"] == "</script><script>alert(1)</script>"


def test_page_over_http(serve, tmp_path):
    nasty = files.write(
        tmp_path / "models" / "<!--<script>.safetensors",
        files.checkpoint(),
        metadata={"modelspec.title": "</script><b>"},
    )
    served = serve(FakeEngine(), app=create_app, models_dir=(tmp_path / "models",))
    page = served.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    data = json.loads(re.search(r'id="studio-data">(.*?)</script>', page.text)[1])
    assert nasty.stem in [ref["name"] for ref in data["checkpoints"]]
    assert "githubusercontent" not in page.text
    script = re.search(r'href="(page/\w+/main\.js)"', page.text)[1]
    answer = served.http.get(f"/{script}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


def test_nothing_of_gradio_is_open(serve):
    served = serve(FakeEngine(), app=create_app)
    for path in ("info", "runs", "file=/etc/hostname"):
        assert served.http.get(f"/gradio_api/{path}").status_code == 404, path
    for path in ("/config", "/monitoring"):
        assert served.http.get(path).status_code == 404, path


def test_a_hand_made_call_reads_no_file_and_queues_nothing(serve):
    served = serve(FakeEngine(), app=create_app)
    page = served.http.get("/").text
    config, _ = json.JSONDecoder().raw_decode(page[page.index("{", page.index("gradio_config")) :])
    [handler] = [one for one in config["dependencies"] if one["inputs"]]
    for path in ("/etc/hostname", "http://127.0.0.1/"):
        file = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
        for value in (file, {"path": path}, [file], "x" * 30_000):
            answer = served.http.post(
                "/gradio_api/run/predict",
                json={"data": [value] * len(handler["inputs"]), "fn_index": handler["id"]},
            )
            assert answer.status_code >= 400 or "error" in answer.json()["data"][0]
    assert served.studio.queue.jobs() == []


@pytest.fixture
def editing() -> tuple[Form, dict[str, gr.HTML]]:
    with gr.Blocks():
        controls = {name: gr.HTML() for name in ("prompt", "strength", "mask_blur", "task")}
    form = Form()
    for name in ("prompt", "strength", "mask_blur"):
        form.add(name, controls[name])
    form.add_task(controls["task"])
    return form, controls


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"kind": "text_to_image"}, TextToImage()),
        ({"kind": "image_to_image", "image": "input:a"}, {"image": "input:a", "strength": 0.3}),
        (
            {"kind": "inpaint", "image": "input:a", "mask": "input:b"},
            {"image": "input:a", "mask": "input:b", "strength": 0.3, "mask_blur": 9},
        ),
        (
            {"kind": "outpaint", "image": "input:a", "right": 64, "left": 0},
            {"image": "input:a", "strength": 0.3, "right": 64},
        ),
    ],
)
def test_a_task_takes_the_controls_that_it_has_fields_for(editing, task, expected):
    form, controls = editing
    assert form.controls == set(controls.values())
    values = {"prompt": "", "strength": 0.3, "mask_blur": 9, "task": task}
    request = form.request({controls[name]: value for name, value in values.items()})
    if isinstance(expected, dict):
        expected = TASKS[task["kind"]](**expected)
    assert request.task == expected


@pytest.mark.parametrize(
    "task", [None, "inpaint", {}, {"kind": ["inpaint"]}, {"kind": "inpaint", "image": 7}]
)
def test_a_task_that_is_none_is_refused_in_words(editing, task):
    form, controls = editing
    values = {"prompt": "", "strength": 0.3, "mask_blur": 9, "task": task}
    with pytest.raises(InvalidRequest, match="task|image|mask"):
        form.request({controls[name]: value for name, value in values.items()})

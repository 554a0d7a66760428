"""The API's own description held against its answers: whatever is sent, a status, a media type, its
headers and a body come back that `/openapi.json` tells of, and never a 5xx."""

from __future__ import annotations

import base64
import io
import threading

import pytest
import schemathesis
from fastapi.testclient import TestClient
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.engine import events, from_schema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from studio.app import Studio
from studio.engine.fake import FakeEngine
from studio.settings import Settings
from studio.web import create_api, create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ASKED = {
    "seed": 1,
    "generation": {"deterministic": True, "max-examples": 3, "database": "none"},
    "checks": {"enabled": False} | {check.__name__: {"enabled": True} for check in CHECKS},
    "phases": {"stateful": {"enabled": False}},
}
"""Every declared limit is met, passed by one and left out; then a few requests at random."""
IN_EVERY_RUN = ASKED | {
    "generation": ASKED["generation"] | {"max-examples": 1},
    "phases": {"stateful": {"enabled": False}, "coverage": {"unexpected-methods": ["DELETE"]}},
    "operations": [
        {"include-name": name, "phases": {"coverage": {"enabled": False}}}
        for name in ("POST /studio/v1/jobs", "POST /studio/v1/probes", "POST /studio/v1/detect")
    ],
}
"""One request at random for each route. Three of them take more than half of all the time for the
limits of their bodies, which are met with those of all others where thousands are sent."""


@pytest.fixture(scope="module")
def engine():
    return FakeEngine()


@pytest.fixture(scope="module")
def studio(tmp_path_factory, engine):
    settings = Settings(data_dir=tmp_path_factory.mktemp("contract"), allow_host=("testserver",))
    with Studio(settings, build_engine=lambda: engine) as studio:
        studio.words.warm_up(studio.default_checkpoint)  # or the first prompt waits for imports
        yield studio


@pytest.fixture(scope="module")
def app(studio):
    return create_api(studio)


@pytest.fixture(scope="module")
def described(app):
    config = schemathesis.Config.from_dict(IN_EVERY_RUN)
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


def png():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def ids(studio, engine, app):
    """Of a finished job, its picture and the picture it began with; the number of its last event
    as `seen`."""
    watched = threading.Event()
    engine.on_step = watched.wait  # nobody's previews are drawn
    http = TestClient(app)
    upload = http.post("/studio/v1/uploads", content=png()).json()
    task = {"kind": "image_to_image", "image": upload["ref"]}
    body = {"task": task, "width": 64, "height": 64, "steps": 4, "prompt": "a red house"}
    body["attention_maps"] = True
    job = http.post("/studio/v1/jobs", json=body).json()["id"]
    running = studio.queue.get(job)
    running.watched()
    watched.set()
    list(running.events.follow())
    [image] = http.get(f"/studio/v1/jobs/{job}").json()["images"]
    seen = running.events.since()[-1][0]
    return {"job": job, "image": image["id"], "upload": upload["id"], "seen": seen}


class TestWhatIsThereIsAnsweredAsDescribed:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [
            (("/studio/v1/jobs/{id}", "job", {}), (200, "application/json")),
            (("/studio/v1/jobs/{id}/events", "job", {}), (200, "text/event-stream")),
            (("/studio/v1/jobs/{id}/preview", "job", {}), (200, "image/jpeg")),
            (("/studio/v1/jobs/{id}/preview", "job", {"after": 0}), (200, "image/jpeg")),
            (("/studio/v1/jobs/{id}/preview", "job", {"after": "seen"}), (204, None)),
            (("/studio/v1/images/{id}", "image", {}), (200, "image/png")),
            (("/studio/v1/images/{id}", "image", {"format": "webp"}), (200, "image/webp")),
            (("/studio/v1/images/{id}/thumbnail", "image", {}), (200, "image/webp")),
            (("/studio/v1/images/{id}/details", "image", {}), (200, "application/json")),
            (("/studio/v1/images/{id}/request", "image", {}), (200, "application/json")),
            (("/studio/v1/images/{id}/lineage", "image", {}), (200, "application/json")),
            (("/studio/v1/images/{id}/words", "image", {}), (200, "application/json")),
            (("/studio/v1/images/{id}/words/maps", "image", {}), (200, "image/png")),
            (("/studio/v1/images/{id}/before", "image", {}), (200, "image/png")),
            (("/studio/v1/images/{id}/difference", "image", {}), (200, "image/png")),
            (("/studio/v1/images/{id}/mask", "image", {}), (404, "application/json")),
            (("/studio/v1/uploads/{id}", "upload", {}), (200, "image/png")),
            (("/studio/v1/uploads/{id}/view", "upload", {"kind": "mask"}), (200, "image/png")),
        ],
    )
    def test_by_id(self, described, ids, asked, answered):
        path, of, query = asked
        query = {name: ids["seen"] if value == "seen" else value for name, value in query.items()}
        case = described[path]["GET"].Case(path_parameters={"id": ids[of]}, query=query)
        answer = case.call_and_validate(checks=CHECKS)
        [media_type] = answer.headers.get("content-type") or [None]
        media_type = media_type and media_type.partition(";")[0]
        assert (answer.status_code, media_type) == answered

    def test_events_that_were_all_seen(self, described, ids):
        case = described["/studio/v1/jobs/{id}/events"]["GET"].Case(
            path_parameters={"id": ids["job"]}, headers={"Last-Event-ID": str(ids["seen"])}
        )
        assert case.call_and_validate(checks=CHECKS).status_code == 204

    def test_a_map(self, described):
        image = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        case = described["/studio/v1/preprocessors/{name}/map"]["POST"].Case(
            path_parameters={"name": "canny"}, body={"image": image}
        )
        assert case.call_and_validate(checks=CHECKS).status_code == 200

    def test_a_model_with_its_notes(self, described):
        case = described["/studio/v1/models/{kind}/{name}"]["PATCH"].Case(
            path_parameters={"kind": "checkpoint", "name": "picturebook"}, body={"notes": "Mine."}
        )
        assert case.call_and_validate(checks=CHECKS).json()["notes"] == "Mine."


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "jobs", "with any of prompt, negative_prompt, "),
        ("POST", "models/downloads", "with source."),
        ("PATCH", "models/checkpoint/picturebook", "with any of notes, steps, "),
        ("POST", "preprocessors/canny/map", "with image."),
    ],
)
def test_an_empty_body_is_told_what_is_missing(app, method, path, says):
    answer = TestClient(app).request(method, f"/studio/v1/{path}")
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("The body is missing. Send JSON ")
    assert says in answer.json()["message"]


def test_each_refusal_before_the_routes_is_described(app):
    for path, operations in app.openapi()["paths"].items():
        login = set() if path == "/healthz" else {"401", "429"}
        for operation in operations.values():
            refused = {status for status in operation["responses"] if status >= "400"}
            assert {"400", "403", "408", "413", "503"} | login <= refused, path
            assert login or not refused & {"401", "429"}, path


def test_a_login_is_asked_for_as_described(tmp_path):
    settings = Settings(data_dir=tmp_path, allow_host=("testserver",), auth=("ann:secret",))
    with Studio(settings, build_engine=FakeEngine) as studio:
        app = create_api(studio)
        described = schemathesis.openapi.from_dict(app.openapi())
        described.app = app
        for path, status in (("/studio/v1/jobs", 401), ("/healthz", 200)):
            answer = described[path]["GET"].Case().call_and_validate(checks=CHECKS)
            assert answer.status_code == status


AS_JOBS_ARE = (
    "/studio/v1/forecast",
    "/studio/v1/grids",
    "/studio/v1/grids/forecast",
    "/studio/v1/jobs/batches",
    "/studio/v1/jobs/combinations",
    "/studio/v1/jobs/prompts",
    "/studio/v1/jobs/prompts/forecast",
    "/v1/images/generations",
)
"""They read their bodies as `POST jobs` does, and that is the longest to think of."""
OF_OTHERS = "^/(sdapi|controlnet|internal)/"
SMALL = {"n_iter": 2, "batch_size": 2, "width": 64, "height": 64, "steps": 3}
"""What the thousand draw is no larger."""


def answered(described) -> tuple[int, list[str]]:
    """How many requests were sent at random, and what was wrong with their answers."""
    sent, wrong = 0, []
    for event in from_schema(described).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(getattr(event, "value", event)))
        elif isinstance(event, events.ScenarioFinished):
            sent += len(event.recorder.cases)
            wrong += [
                f"{event.recorder.label}: {check.failure_info.failure}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info
            ]
    return sent, wrong


@pytest.fixture
def no_hub(monkeypatch):
    """No download leaves this machine."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def test_what_is_sent_at_random_is_answered_as_described(described, no_hub):
    for path in AS_JOBS_ARE:
        described = described.exclude(path=path)
    sent, wrong = answered(described.exclude(path_regex=OF_OTHERS))
    assert sent > 300 and not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_thousands_sent_to_a_server_are_answered_as_described(serve, no_hub):
    """Every route there is, those of AUTOMATIC1111's and OpenAI's APIs too, on a real port."""
    served = serve(FakeEngine(), app=create_app)
    served.studio.words.warm_up(served.studio.default_checkpoint)
    asked = ASKED | {"base-url": served.url, "request-timeout": 100.0}
    config = schemathesis.Config.from_dict(asked)
    openapi = served.http.get("/openapi.json").json()
    described = schemathesis.openapi.from_dict(openapi, config=config)

    @described.hook
    def map_body(context, body):
        if isinstance(body, dict):
            for name, most in SMALL.items():
                if type(body.get(name)) is int:
                    body[name] = min(body[name], most)
        return body

    sent, wrong = answered(described)
    assert sent > 1000 and not wrong, "\n".join(wrong)

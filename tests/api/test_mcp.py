"""Gradio's endpoints as MCP tools, driven by the client of the `mcp` package."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
import threading
from contextlib import closing

import httpx
import pytest
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from studio.app import Studio
from studio.domain.endpoints import ENDPOINTS
from studio.engine.fake import FakeEngine
from studio.settings import InvalidSettings, Settings
from studio.web import create_app
from tests.loops import in_a_loop
from tests.waiting import wait_for

PATH = "/gradio_api/mcp"
SMALL = {"prompt": "a red house", "width": 64, "height": 64, "steps": 3, "seed": 5}


def in_session(served, headers, act):
    """What `act` comes to, which gets a session with the studio."""

    async def visit():
        async with (
            httpx.AsyncClient(headers=headers, trust_env=False, verify=False, timeout=60) as http,
            streamable_http_client(f"{served.url}{PATH}", http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await act(session)

    return in_a_loop(asyncio.wait_for(visit(), 120))


def test_a_client_lists_the_tools_and_draws(serve, tmp_path):
    served = serve(FakeEngine(fail_on="break now"), app=create_app, auth=("ann:secret",), mcp=True)
    _, token = served.studio.tokens.add("ann", "assistant")
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    refused = (
        ("generate", {"steps": 999}, "steps: 999 is not allowed, it must be a whole number"),
        ("generate", {"loras": [file]}, "loras.0.path: unknown field"),
        ("generate", {"prompt": "break now"}, "The fake engine was told to fail."),
        ("image_to_image", {"image": str(secret)}, "files of the server are not read"),
        ("image_to_image", {"image": file}, "is not of type 'string'"),
        ("image_to_image", {"image": "http://example.org/a.png"}, "are not read"),
    )
    steps = []

    async def drive(session):
        async def on_progress(done, total, message):
            steps.append((done, total))

        tools = (await session.list_tools()).tools
        drawn = await session.call_tool("generate", SMALL, progress_callback=on_progress)
        others = {name: await session.call_tool(name, values) for name, values in calls.items()}
        models = await session.call_tool("models", {})
        read = await session.call_tool("read", {"picture": str(secret)})
        bad = [(await session.call_tool(name, values), says) for name, values, says in refused]
        with pytest.raises(McpError, match="Method not found"):  # it would fetch from the Host
            await session.read_resource("studio://x")
        return tools, drawn, others, models, read, bad

    bearer = {"Authorization": f"Bearer {token}"}
    calls = calls_of_pictures(upload(served, bearer, "RGB"), upload(served, bearer, "L"))
    tools, drawn, others, models, read, bad = in_session(served, bearer, drive)

    by_name = {tool.name: tool for tool in tools}
    assert set(by_name) == {each.name for each in ENDPOINTS} | {"models", "read"}
    schema = by_name["image_to_image"].inputSchema
    assert schema["required"] == ["image"] and schema["properties"]["steps"]["default"] == 20
    assert schema["properties"]["height"]["description"] == "In pixels, a multiple of 8."

    assert not drawn.isError, drawn
    told = json.loads(drawn.content[0].text)
    assert told["type"] == "finished" and [each["seed"] for each in told["images"]] == [5]
    assert steps[-1] == (3, 3)
    assert drawn.content[1].mimeType == "image/webp"
    copy = Image.open(io.BytesIO(base64.b64decode(drawn.content[1].data)))
    whole = httpx.get(told["images"][0]["url"], headers=bearer, trust_env=False)
    whole = Image.open(io.BytesIO(whole.raise_for_status().content))
    assert copy.size == whole.size == (64, 64)
    assert {"generate", "models", "read", *others} == set(by_name), "each tool was called"
    look_at_jobs(served, others)

    names = {(each["kind"], each["name"]) for each in json.loads(models.content[0].text)}
    assert ("checkpoint", "picturebook") in names
    assert json.loads(read.content[0].text)["request"] == {"prompt": str(secret)}, "a path is text"
    for answer, says in bad:
        assert answer.isError and says in answer.content[0].text, (says, answer)

    look_at_guards(served, bearer)


def upload(served, bearer, mode):
    """A white picture as requests name it."""
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), "white").save(buffer, "PNG")
    sent = {"content": buffer.getvalue(), "headers": bearer}
    return served.http.post("/studio/v1/uploads", **sent).raise_for_status().json()["ref"]


def calls_of_pictures(image, mask):
    """Tools -> what they are called with."""
    begins = {"image": image, "steps": 2, "width": 64, "height": 64}
    return {
        "image_to_image": begins,
        "inpaint": begins | {"mask": mask},
        "outpaint": begins | {"right": 64},
        "upscale": {"image": image, "factor": 2, "upscaler": "Lanczos"},
        "details": {"image": image, "steps": 2, "detailers": ["picturebook segmenter"]},
    }


def look_at_jobs(served, others):
    first, *rest = served.studio.queue.jobs()
    assert first.owner == "ann"
    assert [job.request.task.kind for job in rest[: len(others)]] == list(others)
    for name, answer in others.items():
        assert json.loads(answer.content[0].text)["type"] == "finished", (name, answer)


def look_at_guards(served, bearer):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    call = {"json": ping, "headers": accept}
    assert served.http.post(PATH, **call).status_code == 401
    call["headers"] = accept | bearer
    assert served.http.post(PATH, **call).status_code == 200
    assert served.http.get(PATH, headers=bearer).status_code == 405
    foreign = call["headers"] | {"Origin": "https://site.example"}
    assert served.http.post(PATH, json=ping, headers=foreign).status_code == 403
    crowded = json.dumps(ping | {"params": {"all": [0] * 250_001}})
    headers = call["headers"] | {"Content-Type": "application/json"}
    assert served.http.post(PATH, content=crowded, headers=headers).status_code == 413
    for beside in ("/sse", "/schema", "/messages/"):
        assert served.http.get(PATH + beside, headers=bearer).status_code == 404, beside


def test_a_client_that_leaves_cancels(serve):
    gate, begun = threading.Event(), threading.Event()
    engine = FakeEngine()

    def on_step():
        begun.set()
        gate.wait(30)

    engine.on_step = on_step
    served = serve(engine, app=create_app, mcp=True)

    async def leave(session):
        call = asyncio.create_task(session.call_tool("generate", SMALL | {"steps": 100}))
        assert await asyncio.to_thread(begun.wait, 20)
        call.cancel()

    try:
        in_session(served, {}, leave)
        job = served.studio.queue.jobs()[0]
        wait_for(lambda: job.is_cancelled)
    finally:
        gate.set()


def test_without_its_package_the_studio_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    settings = Settings(data_dir=tmp_path, mcp=True)
    says = pytest.raises(InvalidSettings, match=r"^mcp: .* pip install '\.\[mcp\]'")
    with closing(Studio(settings, build_engine=FakeEngine)) as studio, says:
        create_app(studio)

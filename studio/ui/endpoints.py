"""Gradio's own API: named endpoints for `gradio_client` and all that speaks Gradio's protocol.

They live in a Blocks of their own, made when somebody first asks for it: the page carries nothing
of it and starts as quickly as without. Pictures go in as text (`picture:ID`, `input:ID`, a
data-URI) and out as addresses of the studio's own routes, so none of Gradio's routes for files is
open.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.domain.endpoints import ENDPOINTS, Endpoint
from studio.domain.errors import StudioError

OPEN = {
    "GET": re.compile(
        r"/config|/gradio_api/(info|openapi\.json|queue/data|heartbeat/[\w-]+|call/(v2/)?\w+/\w+)"
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|cancel|call/(v2/)?\w+)/?"),
}
"""Gradio's routes that its clients ask for: none of them takes or gives files."""

MCP_PATHS = ("/gradio_api/mcp", "/gradio_api/mcp/")
_MCP_POSTED = PlainTextResponse(
    "MCP clients send POST here; there is no stream to GET.", 405, {"Allow": "POST"}
)
_DOCUMENTED = re.compile(rb"(^|&)view=api(-[a-z]+)?(&|$)")
"""The query of the page that tells of them."""
_SHOW = """
() => {
  const button = document.querySelector("footer .show-api");
  button?.click();
  button?.click();
}
"""
"""Closes the description and opens it again: Gradio loads it when it is opened by hand alone."""
_QUEUE_PAUSE_S = 0.05
_MOST_WAITING = 64
OPTIONS: dict[str, Any] = {
    "run_history": False,
    "app_kwargs": {"openapi_url": None},
    "show_error": False,
    "max_file_size": "64mb",
    "enable_monitoring": False,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
}
"""Of everything of Gradio that is served, the page too: nothing is kept and nobody is told."""


class Calls(Protocol):
    """What the endpoints do; messages of errors are for people."""

    def draw(
        self, endpoint: Endpoint, values: dict[str, Any], account: str, base: str
    ) -> AsyncIterator[dict[str, Any]]: ...

    def models(self) -> list[dict[str, Any]]: ...

    def read(self, picture: str) -> dict[str, Any]: ...

    def copy(self, id: str) -> bytes: ...


class Values(gr.Blocks):
    """Whose functions get the values of a call as they came."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """Gradio would copy every file of this machine that a value names, wherever it lies."""
        self.validate_inputs(block_fn, inputs)
        return list(inputs)


class NamedEndpoints:
    """The page's application, with the endpoints beside it: `/config`, `/gradio_api`, and their
    description at `/?view=api`. At `/gradio_api/mcp` stands what `make_tools` makes, if given."""

    def __init__(
        self, page: ASGIApp, calls: Calls, make_tools: Callable[[], ASGIApp] | None
    ) -> None:
        self._page, self._calls, self._make_tools = page, calls, make_tools
        self._app: ASGIApp | None = None
        self._tools: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_for_endpoints(scope):
            await (await self._made())(scope, receive, send)
        elif self._make_tools and scope["type"] == "http" and scope["path"] in MCP_PATHS:
            answer = await self._made_tools() if scope["method"] == "POST" else _MCP_POSTED
            await answer(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _made(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                blocks = await asyncio.to_thread(build, self._calls)
                shown = {"footer_links": ["api"], "js": _SHOW}
                host = gr.mount_gradio_app(FastAPI(), blocks, path="/", **shown, **OPTIONS)
                blocks.run_startup_events()
                self._app = host.routes[-1].app
        return self._app

    async def _made_tools(self) -> ASGIApp:
        async with self._making:
            if self._tools is None:
                self._tools = await asyncio.to_thread(self._make_tools)
        return self._tools


def _is_for_endpoints(scope: Scope) -> bool:
    pattern = OPEN.get(scope["method"])
    if pattern and pattern.fullmatch(scope["path"]):
        return True
    is_page = scope["method"] == "GET" and scope["path"] == "/"
    return is_page and _DOCUMENTED.search(scope["query_string"]) is not None


def build(calls: Calls) -> gr.Blocks:
    """The Blocks with all endpoints and nothing to be seen."""
    with Values(title="Latent Studio: Gradio's API", analytics_enabled=False) as blocks:
        for endpoint in ENDPOINTS:
            function = _function(endpoint, calls)
            gr.api(
                function,
                api_name=endpoint.name,
                api_description=endpoint.says,
                concurrency_limit=None,
            )
        for function in (_models(calls), _read(calls)):
            gr.api(function, api_name=function.__name__, concurrency_limit=None)
    blocks.queue(api_open=False, max_size=_MOST_WAITING)
    blocks._queue.sleep_when_free = _QUEUE_PAUSE_S
    blocks._queue.progress_update_sleep_when_free = _QUEUE_PAUSE_S
    return blocks


def _function(endpoint: Endpoint, calls: Calls) -> Callable[..., AsyncIterator[dict]]:
    async def draw(*values: Any) -> AsyncIterator[dict]:
        *given, request = values
        happened = begun(endpoint, calls, given, request.request)
        try:
            async for body in happened:
                yield body
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        finally:
            await happened.aclose()

    return signed(draw, endpoint, dict)


def begun(
    endpoint: Endpoint, calls: Calls, given: list[Any], request: Request
) -> AsyncIterator[dict[str, Any]]:
    """What happens to a call with the values `given`, for the account of `request`."""
    names = (each.name for each in endpoint.parameters)
    base = str(request.base_url).rstrip("/")
    account = request.scope["state"]["account"]
    return calls.draw(endpoint, dict(zip(names, given, strict=True)), account, base)


def signed(function: Callable[..., Any], endpoint: Endpoint, gives: type) -> Callable[..., Any]:
    """`function` as Gradio wants it: its parameters, the request last, and their types are told by
    its signature."""
    one = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(
            each.name,
            one,
            default=each.default if each.has_default else inspect.Parameter.empty,
            annotation=each.kind,
        )
        for each in endpoint.parameters
    ]
    request = inspect.Parameter("request", one, default=None, annotation=gr.Request)
    function.__signature__ = inspect.Signature([*parameters, request], return_annotation=gives)
    function.__annotations__ = {each.name: each.annotation for each in (*parameters, request)}
    function.__name__ = endpoint.name
    return function


def _models(calls: Calls) -> Callable[[], list]:
    def models() -> list:
        """Every model of the studio: its kind, name, family, defaults."""
        return calls.models()

    models.__annotations__ = {"return": list}
    return models


def _read(calls: Calls) -> Callable[[str], dict]:
    def read(picture: str) -> dict:
        """The settings in a picture of any studio (picture:ID, input:ID, a data-URI), or in a
        text."""
        try:
            return calls.read(picture)
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None

    read.__annotations__ = {"picture": str, "return": dict}
    return read

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


class _Blocks(gr.Blocks):
    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """The values as they came. Gradio would copy every file of this machine that one names,
        wherever it lies."""
        self.validate_inputs(block_fn, inputs)
        return list(inputs)


class NamedEndpoints:
    """The page's application, with the endpoints beside it: `/config`, `/gradio_api`, and their
    description at `/?view=api`."""

    def __init__(self, page: ASGIApp, calls: Calls) -> None:
        self._page, self._calls = page, calls
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_for_endpoints(scope):
            await (await self._made())(scope, receive, send)
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


def _is_for_endpoints(scope: Scope) -> bool:
    pattern = OPEN.get(scope["method"])
    if pattern and pattern.fullmatch(scope["path"]):
        return True
    is_page = scope["method"] == "GET" and scope["path"] == "/"
    return is_page and _DOCUMENTED.search(scope["query_string"]) is not None


def build(calls: Calls) -> gr.Blocks:
    """The Blocks with all endpoints and nothing to be seen."""
    with _Blocks(title="Latent Studio: Gradio's API", analytics_enabled=False) as blocks:
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
    """As Gradio wants it: its parameters and their types are told by its signature."""
    names = [each.name for each in endpoint.parameters]

    async def draw(*values: Any) -> AsyncIterator[dict]:
        *given, request = values
        state = request.request.scope["state"]
        base = str(request.request.base_url).rstrip("/")
        happened = calls.draw(
            endpoint, dict(zip(names, given, strict=True)), state["account"], base
        )
        try:
            async for body in happened:
                yield body
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        finally:
            await happened.aclose()

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
    draw.__signature__ = inspect.Signature([*parameters, request], return_annotation=dict)
    draw.__annotations__ = {each.name: each.annotation for each in (*parameters, request)}
    draw.__name__ = endpoint.name
    return draw


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

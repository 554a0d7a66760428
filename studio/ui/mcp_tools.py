"""The named endpoints as MCP tools, by Gradio's own MCP server, for assistants that draw.

Of that server only the streamable HTTP transport is served, at `/gradio_api/mcp`, without sessions.
Its tools run here, as the caller that the guards let in: Gradio would else call the studio as a
client of its own, who has no login.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.mcp import GradioMCPServer
from mcp import types
from mcp.server.lowlevel.server import request_ctx
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from studio.domain.endpoints import ENDPOINTS, Endpoint
from studio.domain.errors import StudioError
from studio.ui.endpoints import Calls, Values, begun, signed

log = logging.getLogger(__name__)
_ANSWERED = (types.PingRequest, types.ListToolsRequest, types.CallToolRequest)
"""Not what Gradio has for resources and prompts, of which there are none: it would fetch from
whatever address the caller names as ours."""
_BROKEN = "Something went wrong in the studio. What it was is in its log."
_READ = "The settings in a picture (picture:ID, input:ID, a data-URI), or in a text."
_MODELS = "Every model of the studio: its kind, name, family, defaults."


class McpTools(GradioMCPServer):
    """An ASGI application: MCP over streamable HTTP, for POST alone."""

    def __init__(self, calls: Calls) -> None:
        with Values(title="Latent Studio", analytics_enabled=False) as blocks:
            for endpoint in ENDPOINTS:
                _add(signed(_draw(endpoint, calls), endpoint, str), endpoint.says)
            _add(_models(calls), _MODELS)
            _add(_read(calls), _READ)
        self._says = {
            endpoint.name: {each.name: each.says for each in endpoint.parameters if each.says}
            for endpoint in ENDPOINTS
        }
        super().__init__(blocks)
        handlers = self.mcp_server.request_handlers
        self.mcp_server.request_handlers = {kind: handlers[kind] for kind in _ANSWERED}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each request has a manager of its own, which ends with it: a caller that leaves cancels
        what it began."""
        manager = StreamableHTTPSessionManager(app=self.mcp_server, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    def get_fn_description(self, block_fn: Any, tool_name: str) -> tuple[str, dict[str, str]]:
        """What the tool does, and each of its parameters."""
        return block_fn.api_description, self._says.get(tool_name, {})

    def postprocess_output_data(
        self, data: Any, root_url: str
    ) -> list[types.TextContent | types.ImageContent]:
        """What the tool told, and small copies of its pictures to look at. Nothing in it is taken
        for a file, as Gradio would."""
        told = json.loads(data[0])
        text = json.dumps(told["told"], ensure_ascii=False)
        return [
            types.TextContent(type="text", text=text),
            *(
                types.ImageContent(type="image", data=copy, mimeType="image/webp")
                for copy in told["copies"]
            ),
        ]


def _add(function: Callable[..., Any], says: str) -> None:
    name = function.__name__
    gr.api(function, api_name=name, api_description=says, queue=False, concurrency_limit=None)


def _draw(endpoint: Endpoint, calls: Calls) -> Callable[..., Any]:
    async def draw(*values: Any) -> str:
        *given, request = values
        happened = begun(endpoint, calls, given, request)
        try:
            async for body in happened:
                await _tell_progress(body)
            copies = [
                base64.b64encode(await run_in_threadpool(calls.copy, each["id"])).decode()
                for each in body.get("images", ())
            ]
            return _text(body, copies)
        except StudioError:
            raise
        except Exception:
            log.exception("A tool failed.")
            raise RuntimeError(_BROKEN) from None
        finally:
            await happened.aclose()

    return draw


async def _tell_progress(body: dict[str, Any]) -> None:
    """To callers that asked for it."""
    context = request_ctx.get()
    token = context.meta.progressToken if context.meta else None
    if token is not None and body.get("total"):
        await context.session.send_progress_notification(
            token, body["step"], body["total"], related_request_id=str(context.request_id)
        )


def _models(calls: Calls) -> Callable[[], Any]:
    async def models() -> str:
        return _text(await run_in_threadpool(calls.models))

    models.__annotations__ = {"return": str}
    return models


def _read(calls: Calls) -> Callable[[str], Any]:
    async def read(picture: str) -> str:
        return _text(await run_in_threadpool(calls.read, picture))

    read.__annotations__ = {"picture": str, "return": str}
    return read


def _text(told: Any, copies: list[str] | None = None) -> str:
    return json.dumps({"told": told, "copies": copies or []})

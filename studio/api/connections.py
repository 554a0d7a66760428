"""How the application is served, and what uvicorn leaves open: how long a caller may take to say
what it wants, and how many connections it may hold."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (  # of its release
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from studio.api.refusal import refusal
from studio.domain.reach import TUNNEL, Reach

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 512
"""Connections and requests together, well below the 1,024 files that a process may open; the
others are told to come again."""
_LAST_S = 5
"""The same for those that do not end when they are told that their callers have left."""
_FAREWELL_S = 0.5
"""How long answers that have not begun may take once the server is told to end."""
_MOST_BYTES = 64 * 1024
"""That may come before the next piece of a body, or the end of a request: headers, most of all. The
parser itself would keep them without end."""


@dataclass(frozen=True)
class ConnectionLimits:
    """headers_s    from the first byte of a request, or the connection, to the end of its headers
    body_s       within which `body_bytes` of a body must come; only while it is asked for
    per_address  connections that one address may hold, unless it is a trusted proxy's; all that
                 come through the tunnel are one
    """

    headers_s: float = 20.0
    body_s: float = 30.0
    body_bytes: int = 1024
    per_address: int = 128


def web_config(
    app: ASGIApp,
    trusted_proxies: Iterable[str] = (),
    limits: ConnectionLimits = ConnectionLimits(),
    reach: Reach | None = None,
) -> uvicorn.Config:
    """How `app` is served: what callers may take of connections and time. `trusted_proxies` are
    addresses or networks; who comes in at the door of the tunnel of `reach` has the address
    `TUNNEL`, whatever is believed of others."""
    trusted = ProxyHeadersMiddleware(app, list(trusted_proxies)).trusted_hosts
    parts = {"limits": limits, "held": Counter(), "unlimited": trusted, "reach": reach or Reach()}
    return uvicorn.Config(
        app,
        http=partial(_Connection, **parts),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,  # `api.proxies` believes those it was told to
        server_header=False,
        limit_concurrency=_MOST_AT_ONCE,
        backlog=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_LAST_S,
    )


class Server(uvicorn.Server):
    """Ends as if all callers had left: streams at once, other answers after a moment. Uvicorn would
    wait for them, and then make an error in the log of each."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving = asyncio.create_task(self._leave())
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    async def _leave(self) -> None:
        self._cut(lambda cycle: cycle.response_started)
        await asyncio.sleep(_FAREWELL_S)
        self._cut(lambda cycle: True)
        for task in self.server_state.tasks:  # those that do not ask whether their caller is there
            task.cancel()

    def _cut(self, ends: Callable[[RequestResponseCycle], bool]) -> None:
        for connection in self.server_state.connections:
            cycle = connection.running
            if cycle is not None and not cycle.response_complete and ends(cycle):
                _leave(cycle)
                connection.transport.close()


def _leave(cycle: RequestResponseCycle) -> None:
    """Tell the application that the caller has gone; what it still sends is dropped."""
    cycle.disconnected = True
    cycle.message_event.set()


class _Connection(HttpToolsProtocol):
    """As uvicorn's, whose parser is llhttp, with limits, and stricter where llhttp lets more pass
    than guards and proxies see: one Host header, HTTP/1 alone, no headers behind a body."""

    def __init__(
        self,
        *args: Any,
        limits: ConnectionLimits,
        held: Counter[str],
        unlimited: Container[str],
        reach: Reach,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._held = held
        self._unlimited = unlimited
        self._reach = reach
        self._address = ""
        self._received_bytes = 0
        self._idle_bytes = 0
        self._reads: Literal["headers", "body", ""] = "headers"
        self._awaited = ""
        self.running: RequestResponseCycle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
            # asyncio does so for sockets that name their protocol alone, which ours do not: a body
            # would wait 40 ms for the caller to acknowledge its headers.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server and self._reach.is_door(self.server[1]):
            # The tunnel's program calls from this machine; nobody behind it may pass for its owner.
            self.client, self.scheme = (TUNNEL, 0), self._reach.scheme()
        self._address = self.client[0] if self.client else ""
        self._held[self._address] += 1
        too_many = self._held[self._address] > self._limits.per_address
        if too_many and self._address not in self._unlimited:
            self._end(503, "TooManyConnections", "Too many connections are open. Close some first.")
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._held[self._address] -= 1
        if not self._held[self._address]:
            del self._held[self._address]
        super().connection_lost(exc)
        if self.running is not None and not self.running.response_complete:
            _leave(self.running)  # uvicorn tells the newest of several, which may not have begun
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._received_bytes += len(data)
        self._idle_bytes += len(data)
        super().data_received(data)
        if not self._reads and self._is_free() and self.timeout_keep_alive_task is None:
            self._reads = "headers"  # what came is no request yet, but stopped uvicorn's timer
        if self._idle_bytes > _MOST_BYTES + len(data):
            self._end(400, "InvalidRequest", "The request's headers are too large.")
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reads = "headers"

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reads == "headers":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or self.parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError  # which the parser takes for a request that cannot be read
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # nothing that follows would be parsed
        self._reads, self._idle_bytes = "body", 0

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._idle_bytes = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reads, self._idle_bytes = "", 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        self._end(400, "InvalidRequest", "This is not a request as HTTP knows it.")

    def _watch(self) -> None:
        """A timer for what is awaited now; it goes on while that stays the same."""
        awaited = self._what_is_awaited()
        if awaited == self._awaited:
            return
        self._awaited = awaited
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if awaited == "headers":
            self._timer = self.loop.call_later(self._limits.headers_s, self._headers_are_late)
        elif awaited == "body":
            self._wait_for_body()

    def _what_is_awaited(self) -> str:
        if self.transport.is_closing():
            return ""
        if self._reads == "headers":  # between two requests uvicorn's keep-alive timer runs
            return "headers" if self._is_free() else ""
        return self._reads

    def _is_free(self) -> bool:
        """No answer is due."""
        return self.running is None or self.running.response_complete

    def _wait_for_body(self) -> None:
        self._timer = self.loop.call_later(
            self._limits.body_s, self._is_body_late, self._received_bytes
        )

    def _headers_are_late(self) -> None:
        self._end(408, "TooSlow", "The request was not complete in time. Send it again.")

    def _is_body_late(self, received_bytes: int) -> None:
        if self.flow.read_paused or (
            self._received_bytes - received_bytes >= self._limits.body_bytes
        ):
            self._wait_for_body()
        else:
            self._end(408, "TooSlow", "The request's body did not come in time. Send it again.")

    def _end(self, status: int, error: str, message: str) -> None:
        """Close the connection, with an answer where none has begun."""
        log.info("A connection from %s is closed: %s", self._address, message)
        cycle = self.running
        if cycle is not None and not cycle.response_complete:
            _leave(cycle)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            answer = refusal(status, error, message, {"Connection": "close"})
            headers = (b"%s: %s\r\n" % header for header in answer.raw_headers)
            head = b"".join((STATUS_LINE[status], *headers, b"\r\n"))
            self.transport.write(head + bytes(answer.body))
        self.transport.close()
        self._watch()

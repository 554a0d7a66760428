"""Clients that ask once a second each, as cheaply as Python can; with `--serve` a server that gives
each the same bytes and does nothing else.

Each line of standard input is what to ask, as JSON, or null to stop; each line of standard output
is what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\nContent-Type: application/json\r\n\r\n"
_REST = b" " * 900


class Client(asyncio.Protocol):
    """Counts whole answers with a length, or events of a stream."""

    def __init__(self, told: dict[str, int], path: str, streams: bool) -> None:
        self._told, self._streams = told, streams
        self._request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self._data = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self) -> None:
        self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._streams:
            self._told["answers"] += data.count(b"data: ")
            return
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._told["answers"] += 1
        self._told["wrong"] += not head.startswith(b"HTTP/1.1 200")
        self._data = b""

    def connection_lost(self, exc: Exception | None) -> None:
        pass


def _length(head: bytes) -> int:
    rest = head.lower().partition(b"content-length:")[2]
    return int(rest.partition(b"\r\n")[0])


async def _ask(asked: dict, told: dict[str, int]) -> None:
    """Until cancelled. They connect first, spread over their second."""
    loop = asyncio.get_running_loop()
    where = urlsplit(asked["address"])

    async def clients(path: str, count: int, streams: bool) -> list[Client]:
        return [
            (
                await loop.create_connection(
                    lambda: Client(told, path, streams), where.hostname, where.port
                )
            )[1]
            for _ in range(count)
        ]

    readers = await clients(asked["events"], asked["streams"], True)
    pollers = await clients(asked["path"], asked["clients"], False)
    for reader in readers:
        reader.ask()
    began_s, number = loop.time(), 0
    try:
        while True:
            if not pollers:
                await asyncio.sleep(1)
                continue
            pollers[number % len(pollers)].ask()
            number += 1
            await asyncio.sleep(began_s + number / len(pollers) - loop.time())
    finally:
        for each in (*readers, *pollers):
            each.close()


async def _talk() -> None:
    asking: asyncio.Task | None = None
    told: dict[str, int] = {}
    before_s = 0.0
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if asked is not None:
            told = {"answers": 0, "wrong": 0}
            before_s = time.process_time()
            asking = asyncio.create_task(_ask(asked, told))
        elif asking is not None:
            asking.cancel()
            await asyncio.wait([asking])
        print(json.dumps(told | {"cpu_s": time.process_time() - before_s}), flush=True)


class Bare(asyncio.Protocol):
    """Answers whatever comes; a request is small enough to come in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(_ANSWER + _REST)  # type: ignore[attr-defined]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps({"address": address}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve() if "--serve" in sys.argv else _talk())

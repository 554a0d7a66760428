"""A server of the Hugging Face kind on this machine, with all the ways it can behave."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class ModelServer(ThreadingHTTPServer):
    """`files` maps "owner/name/path" to bytes; the rest says how to serve them.

    asked         every request's (path, headers)
    break_after   bytes of a body after which the connection is cut, once
    slow_s        pause after each 64 kB
    given         how many of them have gone
    statuses      path prefix -> status to refuse with
    endless       bytes given out at /endless, chunk after chunk, without saying how many
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.break_after: int | None = None
        self.slow_s = 0.0
        self.statuses: dict[str, int] = {}
        self.endless = 0
        self.given = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ranges(self) -> list[str | None]:
        return [headers.get("range") for path, headers in self.asked if "/cdn/" in path]


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers))
        for prefix, status in self.server.statuses.items():
            if path.startswith(prefix):
                return self._answer(status, b"{}", {})
        if path.startswith("/api/models/"):
            return self._listing(path.split("/")[3] + "/" + path.split("/")[4])
        if "/resolve/" in path:
            return self._resolve(path)
        if path.startswith("/cdn/"):
            return self._body(path.removeprefix("/cdn/"))
        if path.startswith("/to/"):  # "/to/http://elsewhere/file"
            return self._answer(302, b"", {"Location": path.removeprefix("/to/")})
        if path == "/endless":
            return self._without_length()
        if path == "/page":
            return self._answer(200, b"<!doctype html><p>Log in", {"Content-Type": "text/html"})
        if path == "/named":
            name = 'attachment; filename="../../e vil?.safetensors"'
            body = self.server.files["o/n/one.safetensors"]
            return self._answer(200, body, {"Content-Disposition": name})
        return self._answer(404, b"{}", {})

    def _listing(self, repo: str) -> None:
        found = [
            {
                "rfilename": name.removeprefix(f"{repo}/"),
                "size": len(data),
                **({"lfs": {"sha256": _sha256(data)}} if name.endswith("safetensors") else {}),
            }
            for name, data in self.server.files.items()
            if name.startswith(f"{repo}/")
        ]
        status = 200 if found else 404
        self._answer(status, json.dumps({"siblings": found}).encode(), {})

    def _resolve(self, path: str) -> None:
        repo, _, rest = path.strip("/").partition("/resolve/")
        name = f"{repo}/{rest.partition('/')[2]}"
        if name not in self.server.files:
            return self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        tag = {"X-Linked-ETag": f'"{_sha256(self.server.files[name])}"'}
        return self._answer(302, b"", {"Location": f"/cdn/{name}", **tag})

    def _body(self, name: str) -> None:
        data = self.server.files[name]
        tag = f'"{_sha256(data)[:16]}"'
        headers = {"ETag": tag}
        wanted = self.headers.get("Range", "")
        start = 0
        if wanted.startswith("bytes=") and self.headers.get("If-Range", tag) == tag:
            start = int(wanted[6:].rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._answer(206 if start else 200, data[start:], headers)

    def _without_length(self) -> None:
        """A safetensors file whose length is not said."""
        self.send_response(200)
        self.send_header("Content-Disposition", 'attachment; filename="endless.safetensors"')
        self.end_headers()
        chunk = (2).to_bytes(8, "little") + b"{}" + bytes(2**16 - 10)
        try:
            while self.server.given < self.server.endless:
                self.wfile.write(chunk)
                self.server.given += len(chunk)
                chunk = bytes(2**16)
        except OSError:  # the reader went away
            pass
        self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, self.server.break_after = (
            (self.server.break_after, None)
            if "ETag" in headers
            else (None, self.server.break_after)
        )
        try:
            for at in range(0, len(body[:cut]), 2**16):
                self.wfile.write(body[at : min(at + 2**16, cut or len(body))])
                self.wfile.flush()
                time.sleep(self.server.slow_s)
        except OSError:  # the reader went away
            return
        if cut is not None:
            self.close_connection = True
            self.connection.close()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

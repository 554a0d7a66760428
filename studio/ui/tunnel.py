"""Gradio's tunnel: a link at which a studio is reached from the internet.

Gradio asks its server for a place, and starts a program (frpc) that holds a connection to there
open. What comes in goes to a port of this machine. The page stays our own: `share=True` of Gradio's
`launch` would let it load scripts of others.
"""

from __future__ import annotations

import logging
import re
import secrets
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from gradio import networking, tunneling
from gradio.exceptions import ChecksumMismatchError, ShareCertificateWriteError

from studio.domain.reach import Tunnel

log = logging.getLogger(__name__)

_OPENED = re.compile(r"start proxy success: (\S+)")
_FAILED = "login to server failed"
_ANSWER_S = 30.0
"""How long the program may take until it has a link."""
_END_S = 1.0
_LAST_LINES = 3


class _NoLink(Exception):
    """The program did not come to a link; the text says why."""


class GradioTunnel:
    """Opens the tunnel in a thread of its own, and tells of it.

    port    of this machine, to which it leads
    folder  for the program, which is downloaded the first time, and a certificate
    tell    called with each state, from any thread
    """

    def __init__(self, port: int, folder: Path, tell: Callable[[Tunnel], None]) -> None:
        self._port, self._folder, self._tell = port, folder, tell
        self._program: _Program | None = None
        self._ends = threading.Event()

    def open(self) -> None:
        """Returns at once; to ask and to wait may take a minute."""
        threading.Thread(target=self._open, daemon=True, name="tunnel").start()

    def close(self) -> None:
        """End the program, if it runs. Nothing more is told."""
        self._ends.set()
        if self._program:
            self._program.end()

    def _open(self) -> None:
        # Gradio keeps these in the working directory and in Hugging Face's cache.
        networking.CERTIFICATE_PATH = str(self._folder / "certificate.pem")
        tunneling.BINARY_FOLDER = self._folder
        tunneling.BINARY_PATH = str(self._folder / tunneling.BINARY_FILENAME)
        networking.Tunnel = self._made
        try:
            networking.setup_tunnel("127.0.0.1", self._port, secrets.token_urlsafe(32), None, None)
        except Exception as error:  # whatever Gradio, HTTP and the system may raise
            if isinstance(error, ChecksumMismatchError):  # Gradio would start it the next time
                Path(tunneling.BINARY_PATH).unlink(missing_ok=True)
            log.debug("The tunnel was not opened.", exc_info=True)
            self._failed(_cause(error))

    def _made(self, *asked: object) -> _Program:
        if self._ends.is_set():
            raise _NoLink("The studio ends.")
        self._program = _Program(*asked)
        self._program.on_url, self._program.on_end = self._opened, self._ended
        return self._program

    def _opened(self, url: str) -> None:
        if self._ends.is_set():
            self.close()
            return
        if networking.GRADIO_SHARE_SERVER_ADDRESS is None:  # which speaks TLS, and says http
            url = urlsplit(url)._replace(scheme="https").geturl()
        self._tell(Tunnel(self._port, "open", url))
        print(
            f"Shared at {url}: whoever has the link reaches the login. It ends with the studio, "
            "or after a week at the latest.",
            flush=True,
        )
        if urlsplit(url).scheme == "http":
            log.warning("The link is not encrypted: passwords can be read on their way.")

    def _ended(self) -> None:
        self._failed("The tunnel has ended. Start the studio again for another link.")

    def _failed(self, why: str) -> None:
        if not self._ends.is_set():
            if self._program:
                self._program.end()
            self._tell(Tunnel(self._port, "closed", why=why))
            log.warning("%s The studio itself goes on.", why)


class _Program(tunneling.Tunnel):
    """Gradio's tunnel, whose program is read to its end: Gradio stops reading at the link, so that
    it would be stuck once the pipe is full, and waits in a circle for one that has ended."""

    on_url: Callable[[str], None]
    on_end: Callable[[], None]

    def end(self) -> None:
        """Let it end, and wait for that."""
        process, self.proc = self.proc, None  # Gradio's own end has nothing to do then
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
            return
        process.kill()

    def _read_url_from_tunnel_stream(self) -> str:
        assert self.proc and self.proc.stdout and self.proc.stderr
        self._heard = threading.Event()
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        answers = threading.Thread(target=self._answers, args=(self.proc.stdout,), daemon=True)
        complaints = threading.Thread(target=self._read, args=(self.proc.stderr,), daemon=True)
        answers.start()
        complaints.start()
        if not self._heard.wait(_ANSWER_S):
            raise _NoLink(f"The tunnel's program gave no answer within {_ANSWER_S:.0f} s.")
        if not self.url:
            complaints.join(_END_S)
            said = " ".join(self._lines) or "nothing"
            raise _NoLink(f"The tunnel's program ended; it said: {said[:300]}")
        threading.Thread(target=self._outlive, args=(answers,), daemon=True).start()
        return self.url

    def _answers(self, pipe: IO[bytes]) -> None:
        self._read(pipe)
        self._heard.set()  # there will be none any more

    def _read(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode("utf-8", "replace").strip()
            log.debug("tunnel: %s", text)
            if text:
                self._lines.append(text)
            if found := _OPENED.search(text):  # again after each time it was cut off
                if found[1] != self.url:
                    self.url = found[1]
                    self.on_url(self.url)
                self._heard.set()
            elif _FAILED in text:
                self._heard.set()

    def _outlive(self, answers: threading.Thread) -> None:
        answers.join()
        self.on_end()


def _cause(error: Exception) -> str:
    """Why there is no link, and what helps."""
    if isinstance(error, _NoLink):
        return f"There is no share link. {error}"
    if isinstance(error, ChecksumMismatchError):
        return "There is no share link: the tunnel's program came damaged. Start the studio again."
    if isinstance(error, (ShareCertificateWriteError, PermissionError)):
        return f"There is no share link: the data folder cannot be written ({error})."
    if isinstance(error, OSError):
        return (
            f"There is no share link: the tunnel's program cannot be started ({error}). Remove the "
            "folder 'tunnel' of the data folder, so that it is downloaded anew."
        )
    return (
        "There is no share link: Gradio's servers (api.gradio.app, cdn-media.huggingface.co) do "
        f"not answer ({error.__cause__ or error}). See whether this machine is online and no "
        "firewall is between, then start the studio again with --share."
    )

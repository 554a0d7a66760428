"""`studio serve`: the web application on a port, and the page in a browser."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from studio.api.connections import Server, web_config
from studio.app import Studio
from studio.dependencies import declared, untested
from studio.domain.files import as_text
from studio.domain.locks import FileLock
from studio.domain.reach import Reach, Tunnel, is_own, url_of
from studio.settings import InvalidSettings, Settings
from studio.version import __version__
from studio.web import create_app

if TYPE_CHECKING:
    from studio.ui.tunnel import GradioTunnel

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until interrupted. The page answers first; the model loads behind it.

    Raises `InvalidSettings` if the address cannot be used, would let everybody in without a login
    as a share link would, or another studio serves the same data folder; `KeyboardInterrupt` at
    Ctrl-C.
    """
    _refuse_the_world(settings)
    lock = only_one(settings.data_dir)
    try:
        listener = _listener(settings.bind_host, settings.port)
        _refuse_everybody(settings, listener)
        url = _url(settings.bind_host, listener.getsockname()[1])
        if lock:
            lock.write(url)
        _serve(settings, listener, url)
    finally:
        if lock:
            lock.release()


def _serve(settings: Settings, listener: socket.socket, url: str) -> None:
    studio = Studio(settings, load_later=True)
    reach = Reach(*listener.getsockname()[:2])
    _log_start(studio, url, reach)
    link = None
    listeners = [listener]
    try:
        app = create_app(studio, reach)
        if settings.share:
            door = socket.create_server(("127.0.0.1", 0))
            listeners.append(door)
            link = _link(settings, reach, door.getsockname()[1])

        def on_ready() -> None:
            print(f"Latent Studio ready at {url}", flush=True)
            if link:
                link.open()
            studio.load()
            if not settings.no_browser and _has_display():
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        config = web_config(app, settings.trusted_proxy, reach=reach)
        _Server(config, on_ready, on_end=link.close if link else lambda: None).run(listeners)
    finally:
        if link:
            link.close()
        if not studio.close(timeout_s=1) and isinstance(sys.exc_info()[1], KeyboardInterrupt):
            os._exit(130)  # a load under way cannot be stopped otherwise


def only_one(data_dir: Path) -> FileLock | None:
    """The lock of the data folder; None where there can be none. Two studios would each replace
    what the other has written there."""
    lock = FileLock(data_dir / "studio.lock")
    try:
        is_ours = lock.try_take()
    except OSError as error:
        cause = error.strerror or error
        log.warning("%s cannot be locked (%s): run one studio with it.", as_text(data_dir), cause)
        return None
    if not is_ours:
        where = lock.read()
        raise InvalidSettings(
            f"A studio runs with the data folder {data_dir} already"
            f"{f', at {where}' if where else ''}. Use that one, stop it, or choose another folder "
            "with --data-dir."
        )
    return lock


def _link(settings: Settings, reach: Reach, port: int) -> GradioTunnel:
    """What opens the tunnel to `port`, of which `reach` is told."""
    from studio.ui.tunnel import GradioTunnel  # Gradio's server is not needed otherwise

    def tell(tunnel: Tunnel) -> None:
        reach.tunnel = tunnel

    tell(Tunnel(port))
    return GradioTunnel(port, settings.tunnel_dir, tell)


def _refuse_the_world(settings: Settings) -> None:
    """Raises `InvalidSettings`, whatever else was said."""
    if settings.share and not settings.logins():
        raise InvalidSettings(
            "share: whoever has the link could use the studio without a login. Give it one with "
            "--auth user:password, or leave out --share."
        )


def _refuse_everybody(settings: Settings, listener: socket.socket) -> None:
    """By the address that was bound, whatever name it goes by. Raises `InvalidSettings`."""
    address = listener.getsockname()[0]
    if settings.logins() or is_own(address):
        return
    if not settings.no_auth:
        listener.close()
        raise InvalidSettings(
            f"Everybody who reaches {address} could use the studio without a login. Give it one "
            "with --auth user:password, or say --no-auth if that is what you want."
        )
    log.warning("Everybody who reaches %s can use the studio: it asks for no login.", address)


class _Server(Server):
    """Calls `on_ready` once requests are answered, and `on_end` when it is told to end: after
    SIGTERM nothing comes that stands behind `run`."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready, self._on_end = on_ready, on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()
        await super().shutdown(sockets)


def _listener(host: str, port: int) -> socket.socket:
    """A socket bound to the address, before anything slow is begun."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise InvalidSettings(_why_not(host, port, error)) from None
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use already, perhaps by another studio. "
            f"Stop that one, or choose another port: --port {min(port + 1, 65535)}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than you have. Choose one above 1023 with --port."
    return f"Cannot listen on {host}: {error.strerror}. Correct --host."


def _url(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    return url_of({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)


def _log_start(studio: Studio, url: str, reach: Reach) -> None:
    names = ", ".join(ref.name for ref in studio.catalog.refs()) or "none"
    log.info("Latent Studio %s", __version__)
    if lines := untested(declared()):
        log.warning(
            "Untested: %s. If something fails, install the studio anew: pip install .",
            "; ".join(lines),
        )
    log.info("Models: %s", names)
    log.info("Address: %s", ", ".join(dict.fromkeys((url, *reach.network_urls()))))
    log.info("Pictures: %s", as_text(studio.settings.outputs_dir))
    for path, reason in studio.catalog.broken.items():
        log.warning("Left out %s: %s", as_text(path), reason)


def _has_display() -> bool:
    if os.name == "posix" and sys.platform != "darwin":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True

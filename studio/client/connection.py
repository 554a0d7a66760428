"""Where the studio is, and how one gets in."""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from studio.client import messages
from studio.client.operations import PREFIX, Call
from studio.domain.errors import InvalidRequest, Unreachable

RETRIES = 5
"""How often in a row a lost stream of events is taken up again."""
RETRY_S = 0.5
_ANSWER_S = 60.0
"""A stream says every few seconds that it is still there."""
_CONNECT_S = 10.0


def options(url: str, token: str | None, login: tuple[str, str] | None) -> dict[str, Any]:
    """For httpx's clients. Raises `InvalidRequest` for what is no address of a studio."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{url!r} is no address. Write it as http://127.0.0.1:7860.", "url")
    if token and login:
        raise InvalidRequest("give a token or a login, not both.", "token")
    return {
        "base_url": url.rstrip("/") + PREFIX,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "auth": login,
        "timeout": httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
        # No proxy stands before one's own machine, and certificates take a while to read.
        "trust_env": not _is_own(parts.hostname),
        "verify": parts.scheme == "https",
    }


def asked(call: Call) -> dict[str, Any]:
    """For `request` of httpx's clients."""
    return {"method": call.method, "url": call.path, **call.options}


def checked(answer: httpx.Response) -> httpx.Response:
    """`answer`, read to its end. Raises the `StudioError` that it tells of."""
    if answer.status_code < 400:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = None
    raise messages.error_of(answer.status_code, body)


def unreachable(url: str, error: httpx.TransportError) -> Unreachable:
    cause = str(error) or type(error).__name__
    return Unreachable(f"No studio answers at {url}: {cause}. Is it started, and at that address?")


def events_call(id: str, after: int, previews: bool) -> dict[str, Any]:
    """For `stream` of httpx's clients."""
    return {
        "method": "GET",
        "url": f"/jobs/{id}/events",
        "params": {} if previews else {"previews": "0"},
        "headers": {"Last-Event-ID": str(after)},
    }


def body_of(data: str) -> dict[str, Any]:
    return json.loads(data)


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

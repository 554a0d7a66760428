"""A login before everything but `/healthz`: HTTP Basic, or a token as Bearer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.api.refusal import refusal, refuse

OPEN_PATHS = frozenset({"/healthz"})
FAILURES_ALLOWED = 10
"""From one address."""
FAILURES_ALLOWED_A_USER = 30
"""For one name, from all addresses together."""
FAILURE_MEMORY_S = 60.0
FAILURE_DELAY_S = 0.5
_REMEMBERED = 10_000
_USER_CHARACTERS = 100


class LoginGuard:
    """Asks for a user and password of `logins`, or for a token.

    Ten wrong ones from an address within a minute close it to further guesses for that minute, and
    thirty for one user close that name, whoever asks; a login that was right before stays good, so
    nobody who is in is locked out by another's guessing. The user's name is the caller's account.

    logins       user -> password
    token_owner  gives the user of a token, None where there is no such token (any more)
    """

    def __init__(
        self,
        app: ASGIApp,
        logins: Mapping[str, str],
        token_owner: Callable[[str], str | None] = lambda token: None,
    ) -> None:
        self._app = app
        self._users = frozenset(logins)
        self._logins = {_digest(f"{user}:{password}") for user, password in logins.items()}
        self._token_owner = token_owner
        self._used: set[bytes] = set()
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS:
            return await self._app(scope, receive, send)
        header = Headers(scope=scope).get("authorization", "")
        given, token = _basic_login(header), _bearer_token(header)
        if given is None and not token:
            return await refuse(_ASK, scope, receive, send)
        guessed = [("address", (scope.get("client") or ("unknown", 0))[0])]
        if given is not None:
            name, digest = given.partition(":")[0], _digest(given)
            guessed.append(("user", name[:_USER_CHARACTERS]))
            is_right = digest in self._used
        else:  # a token is long and random: those that are right need not wait for guessers
            name = self._token_owner(token)
            is_right = name in self._users
        if not is_right:
            if self._is_closed(guessed):
                return await refuse(_WAIT, scope, receive, send)
            if given is None or not self._is_known(digest):
                for source in guessed:
                    self._remember_failure(source)
                await asyncio.sleep(FAILURE_DELAY_S)
                return await refuse(_ASK, scope, receive, send)
            self._used.add(digest)
        scope.setdefault("state", {}).update(account=name, by_token=given is None)
        return await self._app(scope, receive, send)

    def _is_closed(self, guessed: list[tuple[str, str]]) -> bool:
        most = {"address": FAILURES_ALLOWED, "user": FAILURES_ALLOWED_A_USER}
        return any(len(self._recent_failures(source)) >= most[source[0]] for source in guessed)

    def _is_known(self, digest: bytes) -> bool:
        """Looks at every login, so that the time it takes tells nothing."""
        return sum(hmac.compare_digest(digest, stored) for stored in self._logins) > 0

    def _recent_failures(self, source: tuple[str, str]) -> list[float]:
        since_s = time.monotonic() - FAILURE_MEMORY_S
        return [failed_s for failed_s in self._failures.get(source, ()) if failed_s > since_s]

    def _remember_failure(self, source: tuple[str, str]) -> None:
        self._failures[source] = [*self._recent_failures(source), time.monotonic()]
        self._failures.move_to_end(source)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)


def _basic_login(header: str) -> str | None:
    """`user:password` from an Authorization header, or None if it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _bearer_token(header: str) -> str | None:
    """What an Authorization header of the kind Bearer holds; None where it is another."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _digest(login: str) -> bytes:
    """Digests of equal length hide the length of what they stand for."""
    return hashlib.sha256(login.encode()).digest()


_ASK = refusal(
    401,
    "LoginNeeded",
    "This studio needs a login. Send a user and password that it was started with, or a token of "
    "that user as Bearer.",
    {"WWW-Authenticate": 'Basic realm="Latent Studio", charset="UTF-8"'},
)
_WAIT = refusal(
    429,
    "TooManyLogins",
    "Too many wrong logins. Wait a minute and try again.",
    {"Retry-After": str(int(FAILURE_MEMORY_S))},
)

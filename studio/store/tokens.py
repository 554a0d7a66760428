"""Tokens: what programs show instead of an account's password, each of which can be taken back."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass

from studio.domain.errors import InvalidRequest, NotFound
from studio.store.ledger import Ledger

MOST_OF_AN_ACCOUNT = 100


@dataclass(frozen=True)
class TokenRow:
    """`name` is for people, as in "Open WebUI"; `created_s`: when, in seconds since 1970."""

    id: str
    name: str
    created_s: float


class TokenLedger:
    """The tokens in `ledger`, of each of which only the sha256 is kept. Safe from many threads.

    Who shows one is looked up in memory: that stands before every request.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        rows = ledger.rows("SELECT digest, owner FROM tokens")
        self._owners: dict[bytes, str] = {row["digest"]: row["owner"] for row in rows}

    def owner(self, token: str) -> str | None:
        """The account that `token` stands for; None where there is no such token (any more)."""
        return self._owners.get(_digest(token))

    def of(self, owner: str) -> list[TokenRow]:
        """All of an account, oldest first."""
        rows = self._ledger.rows(
            "SELECT id, name, created_s FROM tokens WHERE owner = ? ORDER BY created_s, id",
            (owner,),
        )
        return [TokenRow(**row) for row in rows]

    def add(self, owner: str, name: str) -> tuple[TokenRow, str]:
        """A new one of `owner`, and the token itself, which nobody can be told again. Raises
        `InvalidRequest` where the account has a hundred."""
        token = f"studio-{secrets.token_urlsafe(32)}"
        row = TokenRow(secrets.token_urlsafe(8), name, time.time())
        with self._lock:
            if len(self.of(owner)) >= MOST_OF_AN_ACCOUNT:
                raise InvalidRequest(
                    f"An account has at most {MOST_OF_AN_ACCOUNT} tokens. Delete one first."
                )
            with self._ledger.writing() as connection:
                connection.execute(
                    "INSERT INTO tokens (id, owner, name, digest, created_s) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (row.id, owner, name, _digest(token), row.created_s),
                )
            self._owners[_digest(token)] = owner
        return row, token

    def delete(self, owner: str, id: str) -> None:
        """It lets nobody in from now on. Raises `NotFound` where `owner` has none of this id."""
        with self._lock:
            where = "WHERE id = ? AND owner = ?"
            rows = self._ledger.rows(f"SELECT digest FROM tokens {where}", (id, owner))
            if not rows:
                raise NotFound(f"You have no token {id[:40]!r}. It was deleted, or never was.")
            with self._ledger.writing() as connection:
                connection.execute(f"DELETE FROM tokens {where}", (id, owner))
            self._owners.pop(rows[0]["digest"], None)


def _digest(token: str) -> bytes:
    """A token has 256 random bits: no slower hash is needed to hide it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

"""Prompts that an account has drawn from, as they were typed, the last used first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from studio.store.ledger import Ledger, Statement
from studio.store.search import Search

MOST_KEPT = 5000
"""Of each account; those that were not used for longest go."""


@dataclass(frozen=True)
class PromptRow:
    """`used_s`: when it was used last, in seconds since 1970; `uses`: how often."""

    id: int
    prompt: str
    negative_prompt: str
    used_s: float
    uses: int


def remembering(owner: str, prompt: str, negative_prompt: str, at_s: float) -> list[Statement]:
    """What brings them to the top of the history of `owner`; of two empty ones nothing."""
    if not (prompt.strip() or negative_prompt.strip()):
        return []
    text = f"{prompt}\0{negative_prompt}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    put = (
        "INSERT INTO prompts (owner, digest, prompt, negative_prompt, words, used_s, uses) "
        "VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (owner, digest) "
        "DO UPDATE SET used_s = max(used_s, excluded.used_s), uses = uses + 1"
    )
    trim = (
        "DELETE FROM prompts WHERE id IN (SELECT id FROM prompts WHERE owner = ? "
        "ORDER BY used_s DESC, id DESC LIMIT -1 OFFSET ?)"
    )
    words = text.replace("\0", "\n").casefold()
    return [
        (put, (owner, digest, prompt, negative_prompt, words, at_s)),
        (trim, (owner, MOST_KEPT)),
    ]


class PromptLedger:
    """The histories in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def page(
        self, owner: str, limit: int, before: Sequence[float] = (), search: str = ""
    ) -> list[PromptRow]:
        """At most `limit` of `owner`, the last used first: those `before` that time and id, and
        those that have all words of `search` in either prompt, anywhere, in any case."""
        values: list[object] = [owner]
        wanted = ["owner = ?"]
        if before:
            wanted.append("(used_s, id) < (?, ?)")
            values += before
        for word in Search.words(search):
            wanted.append("instr(words, ?) > 0")
            values.append(word)
        found = self._ledger.rows(
            "SELECT id, prompt, negative_prompt, used_s, uses FROM prompts "
            f"WHERE {' AND '.join(wanted)} ORDER BY used_s DESC, id DESC LIMIT ?",
            (*values, limit),
        )
        return [PromptRow(*row) for row in found]

    def forget(self, owner: str, id: int) -> bool:
        """Whether `owner` had it."""
        with self._ledger.writing() as connection:
            gone = connection.execute("DELETE FROM prompts WHERE (owner, id) = (?, ?)", (owner, id))
            return gone.rowcount > 0

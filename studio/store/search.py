"""Words of pictures -> the pictures that have them: SQLite's FTS5 where it was built with it, else
a look at every text.

A search is words, apart by blanks, all of which must be there, each as it stands or as the
beginning of a longer one. Whatever else it holds (%, quotes, SQL) means nothing.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

MOST_TEXT = 20_000
"""Characters of a picture's words that are searched, and"""
MOST_WORDS, MOST_WORD = 32, 100
"""of a search so many words, of so many characters each."""

_IDEOGRAPH = re.compile("([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
"""Scripts that leave no blanks between words: each character counts as one."""


def prepared(text: str) -> str:
    """`text` as it is indexed."""
    return _IDEOGRAPH.sub(r" \1 ", text[:MOST_TEXT].casefold())


class Search:
    """The index over the table `words`, made where it is missing or behind."""

    def __init__(self, connection: sqlite3.Connection, full_text: bool | None = None) -> None:
        """`full_text` False: as if there were no FTS5; None: whether there is is found out."""
        self.full_text = _has_fts5(connection) if full_text is None else full_text
        if self.full_text:
            _make(connection)

    def put(self, connection: sqlite3.Connection, picture: int, text: str) -> None:
        """The words of `picture` are those of `text`, and no longer what they were."""
        self.drop(connection, picture)
        text = prepared(text)
        connection.execute("INSERT INTO words (picture, text) VALUES (?, ?)", (picture, text))
        if self.full_text:
            connection.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (picture, text))

    def drop(self, connection: sqlite3.Connection, picture: int) -> None:
        if self.full_text:
            connection.execute(
                "INSERT INTO search (search, rowid, text) "
                "SELECT 'delete', picture, text FROM words WHERE picture = ?",
                (picture,),
            )
        connection.execute("DELETE FROM words WHERE picture = ?", (picture,))

    def asked(self, text: str) -> tuple[str, str, list[Any]]:
        """(table to begin with, its column of pictures, condition and values) for a search; of
        one without any word a condition that nothing meets."""
        words = [word[:MOST_WORD] for word in prepared(text).split() if re.search(r"[^\W_]", word)]
        words = words[:MOST_WORDS]
        if not words:
            return "words", "picture", ["0"]
        if self.full_text:
            phrases = " ".join('"{}"*'.format(word.replace('"', " ")) for word in words)
            return "search", "rowid", ["search MATCH ?", phrases]
        escaped = [re.sub(r"([\\%_])", r"\\\1", word) for word in words]
        condition = " AND ".join(["words.text LIKE ? ESCAPE '\\'"] * len(words))
        return "words", "picture", [condition, *(f"%{word}%" for word in escaped)]


def _has_fts5(connection: sqlite3.Connection) -> bool:
    [found] = connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()
    return bool(found)


def _make(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5(text, content='words', "
        "content_rowid='picture', prefix='1 2 3', tokenize='unicode61 remove_diacritics 2')"
    )
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("words", "search_docsize")
    ]
    if counts[0] != counts[1]:  # somebody wrote who had no FTS5
        connection.execute("INSERT INTO search (search) VALUES ('rebuild')")

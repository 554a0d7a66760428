"""Words of kept pictures -> the pictures that have them, by SQLite's FTS5 where it has that.

A search is words, apart by blanks, all of which must be there, each as it stands or as the
beginning of a longer one. Whatever else it holds (%, quotes, SQL) means nothing.
"""

from __future__ import annotations

import re
import sqlite3

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
        """The words of `picture`, which has none yet, are those of `text`."""
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

    @staticmethod
    def words(text: str) -> list[str]:
        """Those of a search."""
        words = [word[:MOST_WORD] for word in text[:MOST_TEXT].casefold().split()]
        return [word for word in words if re.search(r"[^\W_]", word)][:MOST_WORDS]

    @staticmethod
    def phrases(words: list[str]) -> str:
        """What FTS5 is to match."""
        return " ".join('"{}"*'.format(prepared(word).replace('"', " ")) for word in words)

    @staticmethod
    def patterns(words: list[str]) -> list[str]:
        """What LIKE is to match each with, where a backslash escapes."""
        return ["%{}%".format(re.sub(r"([\\%_])", r"\\\1", word)) for word in words]


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

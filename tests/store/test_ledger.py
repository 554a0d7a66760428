"""The ledger: what was committed is there again, and what cannot be used stays as it is."""

from __future__ import annotations

import sqlite3

import pytest

from studio.domain.accounts import LOCAL
from studio.domain.errors import SaveError
from studio.store import ledger as module
from studio.store.ledger import Ledger, LedgerError
from studio.store.migrations import MIGRATIONS


def test_what_was_committed_is_there_again_and_what_was_not_is_not(tmp_path):
    ledger = Ledger(tmp_path / "studio.db")
    add = (
        "INSERT INTO jobs (id, owner, place, state, request, created_s) "
        "VALUES (?, 'guest:local', 1, 'queued', '{}', 0)"
    )
    with ledger.writing() as connection:
        connection.execute(add, ("kept",))
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        connection.execute(add, ("gone",))
        raise ZeroDivisionError
    assert [row["id"] for row in ledger.rows("SELECT id FROM jobs")] == ["kept"]
    ledger.close()
    assert [row["id"] for row in Ledger(tmp_path / "studio.db").rows("SELECT id FROM jobs")] == [
        "kept"
    ]


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_older_one_is_brought_up_to_date(tmp_path, version, monkeypatch):
    path = tmp_path / "studio.db"
    monkeypatch.setattr(module, "MIGRATIONS", MIGRATIONS[:version])
    Ledger(path).close()
    monkeypatch.undo()
    Ledger(path).close()
    assert (tmp_path / f"studio.db.{version}.bak").is_file()
    fresh = Ledger(None).rows("SELECT sql FROM sqlite_schema ORDER BY name")
    assert Ledger(path).rows("SELECT sql FROM sqlite_schema ORDER BY name") == fresh


def test_what_a_studio_without_accounts_left_is_everybodys(tmp_path, monkeypatch):
    path = tmp_path / "studio.db"
    monkeypatch.setattr(module, "MIGRATIONS", MIGRATIONS[:1])
    before = Ledger(path)
    with before.writing() as connection:
        for place, state in enumerate(("finished", "queued")):
            connection.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, '{}', 7.0, NULL, NULL, NULL, NULL, ?)",
                (state, place, state, f"key of {state}"),
            )
        connection.execute("INSERT INTO pictures VALUES ('one', 'finished', 0)")
    before.close()
    monkeypatch.undo()
    ledger = Ledger(path)
    jobs = ledger.rows("SELECT id, owner, place, state, created_s, ended_s, key FROM jobs")
    assert [tuple(job) for job in jobs] == [
        ("finished", LOCAL, 0, "finished", 7.0, 7.0, "key of finished"),
        ("queued", LOCAL, 1, "queued", 7.0, None, "key of queued"),
    ]
    assert [row["job"] for row in ledger.rows("SELECT job FROM pictures")] == ["finished"]
    assert not ledger.rows("PRAGMA foreign_key_check")
    with pytest.raises(SaveError, match="FOREIGN KEY"), ledger.writing() as connection:
        connection.execute("UPDATE jobs SET owner = 'nobody'")


def test_a_migration_is_done_whole_or_not_at_all_and_what_was_there_is_kept_beside(
    tmp_path, monkeypatch
):
    path = tmp_path / "studio.db"
    Ledger(path).close()
    broken = (*MIGRATIONS, "CREATE TABLE more (id TEXT); CREATE TABLE more (id TEXT);")
    monkeypatch.setattr(module, "MIGRATIONS", broken)
    with pytest.raises(LedgerError, match="more already exists"):
        Ledger(path)
    monkeypatch.undo()
    assert not Ledger(path).rows("SELECT 1 FROM sqlite_schema WHERE name = 'more'")
    assert (tmp_path / f"studio.db.{len(MIGRATIONS)}.bak").is_file()


def test_a_newer_one_is_left_alone(tmp_path):
    path = tmp_path / "studio.db"
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="newer studio"):
        Ledger(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["no database at all", "a page overwritten"])
def test_a_damaged_one_is_left_alone(tmp_path, damage):
    path = tmp_path / "studio.db"
    Ledger(path).close()
    content = bytearray(path.read_bytes())
    if damage == "a page overwritten":
        content[4096:8192] = bytes(range(256)) * 16
    else:
        content[:16] = b"what is this?..."
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="move it away"):
        Ledger(path)
    assert path.read_bytes() == bytes(content)


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger(tmp_path / "file" / "studio.db")


def test_a_disk_that_takes_no_more_is_said(tmp_path):
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1")
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SaveError, match="disk space"), ledger.writing() as connection:
        for number in range(1000):
            connection.execute(
                "INSERT INTO jobs (id, owner, place, state, request, created_s) "
                "VALUES (?, 'guest:local', 1, 'queued', ?, 0)",
                (str(number), "x" * 10_000),
            )
    assert not ledger.rows("SELECT 1 FROM jobs")

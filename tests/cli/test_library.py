"""`studio library …`: the pictures on the command line, and the ledger made again from them."""

from __future__ import annotations

import json
import os
import sqlite3

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.belongings import open_library
from studio.cli.commands import main
from studio.domain.locks import FileLock
from studio.gallery import library as module
from studio.gallery.rebuilding import rebuild
from studio.settings import Settings
from studio.store.ledger import FILE_NAME, Ledger
from studio.store.pictures import Claim
from tests.gallery.test_files import picture


@pytest.fixture
def folder(tmp_path):
    """A data folder with pictures of which much was said."""
    ledger = Ledger(tmp_path / FILE_NAME)
    with ledger.writing() as connection:
        connection.execute("INSERT INTO accounts VALUES ('ann', 0)")
        connection.execute(
            "INSERT INTO jobs (id, owner, place, state, request, created_s) "
            "VALUES ('j', 'ann', 1, 'finished', '{}', 0)"
        )
    library = open_library(Settings(data_dir=tmp_path), ledger)
    kept = [
        library.keep(picture(seed, prompt), Claim("j", number, "ann" if seed != 6 else None)).id
        for number, (seed, prompt) in enumerate([(5, "a red house"), (6, "a hut"), (7, "a fort")])
    ]
    library.change(kept[0], starred=True, boards=["Best", "Houses"], note="for «Ü»")
    library.trash(kept[1])
    ledger.close()
    return tmp_path


def run(capsys, folder, *arguments):
    """(exit status, its one JSON object)."""
    status = main(["library", *arguments, "--data-dir", str(folder), "--json"])
    return status, json.loads(capsys.readouterr().out)


def dump(folder, jobs=True):
    """All that the ledger knows of pictures."""
    with sqlite3.connect(folder / FILE_NAME) as connection:
        tables = {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in ("pictures", "boards", "loras", "words")
        }
        names = [row[1] for row in connection.execute("PRAGMA table_info(pictures)")]
        connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    connection.close()
    rows = [dict(zip(names, row, strict=True)) for row in tables["pictures"]]
    left_out = () if jobs else ("job", "number")
    return tables | {"pictures": [{k: v for k, v in r.items() if k not in left_out} for r in rows]}


def test_a_ledger_made_again_is_the_same(folder, capsys):
    before = dump(folder)
    assert len(before["pictures"]) == 3 and before["pictures"][0]["job"] == "j"
    assert run(capsys, folder, "rebuild") == (0, {"pictures": 3, "forgotten": 0, "damaged": None})
    assert dump(folder) == before
    for ending in ("", "-wal", "-shm"):
        (folder / f"{FILE_NAME}{ending}").unlink(missing_ok=True)
    assert run(capsys, folder, "rebuild")[0] == 0
    assert dump(folder, jobs=False) == dump_without_jobs(before)


def dump_without_jobs(tables):
    rows = [
        {name: value for name, value in row.items() if name not in ("job", "number")}
        for row in tables["pictures"]
    ]
    return tables | {"pictures": rows}


def test_a_damaged_ledger_is_set_aside_and_a_newer_one_left_alone(folder, capsys):
    before = dump(folder)
    path = folder / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(b"what is this?..." + content[16:])
    assert main(["library", "list", "--data-dir", str(folder)]) == 1
    assert "studio library rebuild" in capsys.readouterr().err
    status, told = run(capsys, folder, "rebuild")
    assert (status, told["pictures"]) == (0, 3) and os.path.exists(told["damaged"])
    assert dump(folder, jobs=False) == dump_without_jobs(before)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    newer = path.read_bytes()
    assert main(["library", "rebuild", "--data-dir", str(folder)]) == 1
    assert "newer studio" in capsys.readouterr().err and path.read_bytes() == newer


def test_what_was_thrown_out_by_hand_is_forgotten_by_a_rebuild_alone(folder, capsys, monkeypatch):
    monkeypatch.setattr(module, "STORED_WITHIN_US", 0)
    path = next((folder / "outputs").glob("*/*-5.png"))
    elsewhere = path.rename(folder / "away.png")
    assert run(capsys, folder, "list")[1]["total"] == 1
    elsewhere.rename(path)
    _, told = run(capsys, folder, "list", "--starred")
    assert [image["note"] for image in told["images"]] == ["for «Ü»"], "it came back"
    path.unlink()
    assert run(capsys, folder, "rebuild")[1]["forgotten"] == 1
    assert main(["library", "rebuild", "--data-dir", str(folder / "nowhere")]) == 2


def test_a_rebuild_waits_for_no_studio_that_runs(folder, capsys):
    lock = FileLock(folder / "studio.lock")
    assert lock.try_take()
    assert main(["library", "rebuild", "--data-dir", str(folder)]) == 2
    assert "A studio runs with the data folder" in capsys.readouterr().err
    assert run(capsys, folder, "list")[0] == 0, "all else works beside it"
    lock.release()


def test_pictures_are_listed_and_found(folder, capsys):
    _, told = run(capsys, folder, "list")
    assert [image["seed"] for image in told["images"]] == [7, 5] and told["total"] == 2
    _, told = run(capsys, folder, "search", "red", "hou")
    [image] = told["images"]
    assert (image["boards"], image["starred"], image["note"]) == (
        ["Best", "Houses"],
        True,
        "for «Ü»",
    )
    assert os.path.exists(image["path"])
    _, told = run(capsys, folder, "list", "--trashed")
    assert [image["seed"] for image in told["images"]] == [6]
    assert os.path.exists(told["images"][0]["path"])
    assert main(["library", "list", "--data-dir", str(folder), "--limit", "1"]) == 0
    shown = capsys.readouterr()
    assert "a fort" in shown.out and "1 more" in shown.err
    for wrong in (["list", "--limit", "0"], ["list", "--since", "soon"], ["export", "--out", "x"]):
        assert main(["library", *wrong, "--data-dir", str(folder)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_of_another_studio_joins_and_a_board_is_copied_out(folder, tmp_path, capsys):
    other = tmp_path / "other" / "deep"
    other.mkdir(parents=True)
    info = PngInfo()
    info.add_text("parameters", "a pond\nSteps: 9, Sampler: Euler, Seed: 77, Size: 64x64")
    for place, name in enumerate(("b.png", "a.jpg", "c.webp")):
        Image.new("RGB", (64, 64), (place, 0, 0)).save(other / name, pnginfo=info)
        os.utime(other / name, (1_600_000_000, 1_600_000_000))
    (other / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (other / "notes.txt").write_text("nothing")
    status, told = run(capsys, folder, "import", str(other.parent))
    assert (status, len(told["imported"]), len(told["refused"])) == (0, 3, 1)
    assert {each["id"][:10] for each in told["imported"]} == {"2020-09-13"}
    assert len(run(capsys, folder, "import", str(other))[1]["known"]) == 3
    _, found = run(capsys, folder, "search", "pond", "77")
    assert found["total"] == 1 and found["images"][0]["created"] == "2020-09-13T12:26:40Z"
    before = dump(folder)
    run(capsys, folder, "rebuild")
    assert dump(folder) == before
    out = tmp_path / "out"
    status, told = run(capsys, folder, "export", "--board", "Best", "--out", str(out))
    assert [Image.open(path).format for path in told["files"]] == ["PNG"]
    _, told = run(capsys, folder, "export", "--lora", "none", "--out", str(out), "--format", "jpeg")
    assert told["files"] == []
    assert main(["library", "import", str(tmp_path / "nowhere"), "--data-dir", str(folder)]) == 2


def test_a_rebuild_that_was_cut_short_goes_on(folder):
    before = dump(folder)
    ledger = Ledger(folder / FILE_NAME)
    library = open_library(Settings(data_dir=folder), ledger)
    library.pictures.forget([library.entry(id).id for id in list(library.pictures.known())[:1]])
    assert rebuild(library) == (3, 0)
    ledger.close()
    assert dump(folder, jobs=False) == dump_without_jobs(before)

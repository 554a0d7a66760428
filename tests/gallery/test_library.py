"""The library: files and ledger as one, whatever became of either meanwhile."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import time

import pytest
from PIL import Image

from studio.app import Studio
from studio.belongings import open_library
from studio.domain.errors import NotFound, SaveError
from studio.domain.request import GenerationRequest
from studio.domain.word_maps import WordMap
from studio.engine.fake import FakeEngine
from studio.gallery import library as module
from studio.gallery import sidecars, word_maps
from studio.gallery.rebuilding import rebuild
from studio.settings import Settings
from studio.store import ledger as ledgers
from studio.store.finding import Filters
from studio.store.ledger import FILE_NAME, Ledger
from studio.store.migrations import MIGRATIONS
from studio.store.pictures import Claim
from tests.gallery.test_files import picture

BEFORE_THE_LIBRARY = next(
    number for number, step in enumerate(MIGRATIONS) if "CREATE TABLE boards" in step
)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def library(settings):
    return open_library(settings, Ledger(settings.data_dir / FILE_NAME))


def listed(library, **filters):
    return [row.id for row in library.page(Filters(**filters), 100).rows]


def test_what_an_older_studio_knew_of_its_pictures_is_still_known(settings, monkeypatch):
    kept = open_library(settings, Ledger(None)).keep(picture(), Claim()).id
    monkeypatch.setattr(ledgers, "MIGRATIONS", MIGRATIONS[:BEFORE_THE_LIBRARY])
    old = Ledger(settings.data_dir / FILE_NAME)
    with old.writing() as connection:
        connection.execute("INSERT INTO accounts VALUES ('ann', 0)")
        connection.execute(
            "INSERT INTO jobs (id, owner, place, state, request, created_s) "
            "VALUES ('j', 'ann', 1, 'finished', '{}', 0)"
        )
        connection.execute("INSERT INTO pictures VALUES (?, 'j', 0)", (kept,))
        connection.execute("INSERT INTO pictures VALUES ('2020-01-01_00001-1', 'j', 1)")
    old.close()
    monkeypatch.undo()
    library = open_library(settings, Ledger(settings.data_dir / FILE_NAME))
    assert listed(library) == []
    assert library.take_in() == 1
    assert [(row.id, row.job) for row in library.page(Filters(), 9).rows] == [(kept, "j")]


def test_a_picture_made_from_another_beside_its_task_has_it_as_its_parent(library, settings):
    first = library.keep(picture(seed=5), Claim())
    hash = library.entry(first.id).hash
    second = library.keep(picture(seed=6, origin=hash), Claim())
    assert library.entry(second.id).parents == (first.id,)
    assert library.lineage(first.id).edges == [(first.id, second.id)]
    again = open_library(settings, Ledger(None))
    rebuild(again)
    assert again.entry(second.id).parents == (first.id,)


def test_the_trash_is_emptied_after_thirty_days(library, settings):
    old, young = (library.keep(picture(seed), Claim()) for seed in (1, 2))
    for each in (old, young):
        library.thumbnail(each.id, 128)
        library.trash(each.id)
    path = library.gallery.path(old.id)
    month_ago_s = time.time() - 31 * 86_400
    sidecars.write(path, sidecars.Sidecar(trashed_s=month_ago_s))
    library.pictures.put([dataclasses.replace(library.entry(old.id), trashed_s=month_ago_s)])
    assert library.empty_trash(30) == 1
    assert listed(library, trashed=True) == [young.id]
    assert not path.exists() and not sidecars.beside(path).exists()
    thumbnails = (settings.data_dir / "thumbnails").rglob("*.webp")
    assert [thumbnail.stem for thumbnail in thumbnails] == [young.id]
    with pytest.raises(NotFound):
        library.restore(old.id)
    assert library.keep(picture(1), Claim()).id not in (old.id, young.id)


def test_where_a_move_to_the_trash_was_cut_short_the_file_counts(library):
    kept = library.keep(picture(), Claim())
    library.change(kept.id, note="mine")
    found = library.gallery.found(kept.id)
    target = library.gallery.places.moved(found)
    sidecars.write(target, sidecars.Sidecar(note="mine", trashed_s=5.0))
    assert library.take_in() == 0 and listed(library) == [kept.id]
    found.path.rename(target)
    assert library.take_in() == 1 and listed(library) == []
    [row] = library.page(Filters(trashed=True), 9).rows
    assert (row.note, row.trashed_s) == ("mine", 5.0)
    assert library.restore(kept.id).note == "mine"
    assert library.gallery.path(kept.id) == kept.path


def test_outputs_that_are_away_for_a_while_come_back_with_all_that_was_said(library):
    kept = library.keep(picture(), Claim(owner="ann"))
    library.change(kept.id, boards=["Best"])
    folder = library.gallery.folder
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(FileNotFoundError):
        library.take_in(time.time_ns() // 1000)
    assert listed(library) == [kept.id]
    folder.mkdir()  # as where a disk is not mounted
    library.take_in(time.time_ns() // 1000)
    assert listed(library) == []
    folder.rmdir()
    away.rename(folder)
    library.take_in()
    assert listed(library, board="Best") == [kept.id]
    assert library.entry(kept.id).owner == "ann"


def test_a_copy_that_lost_its_times_keeps_the_order_of_its_names(library, settings):
    kept = [library.keep(picture(seed), Claim()).id for seed in (3, 1, 2)]
    folder = library.gallery.folder
    [day] = [path for path in folder.iterdir() if path.is_dir()]
    shutil.copytree(day, folder / "2021-05-06", copy_function=shutil.copyfile)
    (folder / "2021-05-07").write_text("not a day of pictures")
    library.take_in()
    copies = [f"2021-05-06_{id.partition('_')[2]}" for id in kept]
    assert listed(library) == [*reversed(kept), *reversed(copies)]
    assert {library.entry(id).created.year for id in copies} == {2021}


def test_a_picture_that_cannot_be_saved_is_shown_while_it_is_there(settings):
    library = open_library(settings, Ledger(None))
    saved = library.keep(picture(1), Claim())
    folder = library.gallery.folder
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    unsaved = library.keep(picture(2), Claim())
    assert unsaved.path is None and "could not be saved" in unsaved.warnings[-1]
    page = library.page(Filters(), 1)
    assert [row.id for row in page.rows] == [unsaved.id, saved.id] and page.total == 2
    assert library.entry(unsaved.id).prompt == "a red house"
    assert library.thumbnail(unsaved.id, 128)[:4] == b"RIFF"
    for refused in (library.trash, library.restore, lambda id: library.change(id, starred=True)):
        with pytest.raises(SaveError, match="in memory only: download it"):
            refused(unsaved.id)


@pytest.mark.parametrize("what", ["damaged", "newer"])
def test_beside_a_ledger_that_cannot_be_used_the_library_is_made_of_the_files(settings, what):
    library = open_library(settings, Ledger(settings.data_dir / FILE_NAME))
    kept = library.keep(picture(), Claim())
    library.change(kept.id, starred=True)
    library.pictures.ledger.close()
    path = settings.data_dir / FILE_NAME
    if what == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()
    else:
        path.write_bytes(b"what is this?..." + path.read_bytes()[16:])
    before = path.read_bytes()
    with Studio(settings, build_engine=FakeEngine, load_later=True) as studio:
        studio.library.take_in()
        assert listed(studio.library, starred=True, search="house") == [kept.id]
        studio.library.change(kept.id, note="while it was away")
    assert path.read_bytes() == before
    assert sidecars.read(kept.path).note == "while it was away"


def test_a_thumbnail_is_there_soon_after_its_picture_and_made_once(library, settings):
    library.begin()
    kept = library.keep(picture(size=(600, 300)), Claim())
    path = settings.data_dir / "thumbnails" / "256" / kept.id[:10] / f"{kept.id}.webp"
    until_s = time.monotonic() + 10
    while not path.exists() and time.monotonic() < until_s:
        time.sleep(0.01)
    library.close()
    made = path.stat().st_ino
    assert library.thumbnail(kept.id, 256) == path.read_bytes() and path.stat().st_ino == made
    with Image.open(path) as image:
        assert (image.format, image.size) == ("WEBP", (256, 128))


def test_what_the_ledger_could_not_take_is_taken_in_once_it_can(library, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.05)
    ledger = library.pictures.ledger
    with ledger.writing() as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    library.begin()
    kept = [library.keep(picture(seed, "x" * 19_000), Claim()) for seed in range(12)]
    assert all(each.path is not None for each in kept), "the pictures themselves could be saved"
    assert library.page(Filters(), 1).total < len(kept)
    with ledger.writing() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    until_s = time.monotonic() + 10
    while library.page(Filters(), 1).total < len(kept) and time.monotonic() < until_s:
        time.sleep(0.02)
    library.close()
    assert sorted(listed(library)) == sorted(each.id for each in kept)


def test_beside_pictures_of_the_command_line_lies_nothing_else(tmp_path):
    with Studio(
        Settings(data_dir=tmp_path / "data"), outputs=tmp_path / "out", build_engine=FakeEngine
    ) as studio:
        studio.generate(GenerationRequest(steps=1, width=64, height=64, seed=5))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["00001-5.png"]


def words(*levels):
    """As many words as `levels`, each everywhere as strong as its level, 0 to 1."""
    maps = [Image.new("L", (16, 12), 255) for _ in levels]
    return tuple(
        WordMap(f"wörd {place}", 7 * place, 7 * place + 6, level, level, image)
        for place, (level, image) in enumerate(zip(levels, maps, strict=True))
    )


def told(library, id):
    kept = word_maps.read(id, library.gallery.path(id))
    return [(one.word, one.start, one.share, one.peak, one.image.size) for one in kept.words]


def test_maps_of_words_go_wherever_their_picture_goes(library, settings):
    kept = library.keep(picture(1, words=words(0.25, 1)), Claim())
    without = library.keep(picture(2), Claim())
    expected = [("wörd 0", 0, 0.25, 0.25, (16, 12)), ("wörd 1", 7, 1.0, 1.0, (16, 12))]
    assert told(library, kept.id) == expected
    with pytest.raises(NotFound, match="Turn on"):
        told(library, without.id)
    library.trash(kept.id)
    library.trash(without.id)
    assert told(library, kept.id) == expected
    assert not word_maps.beside(kept.path).exists()
    library.restore(kept.id)
    assert word_maps.beside(kept.path).exists()
    rebuild(library)
    assert told(library, kept.id) == expected
    kept.path.unlink()  # by hand: its number is not given to another, which would have its words
    later = library.keep(picture(1), Claim())
    assert later.path.name == "00003-1.png"
    library.trash(later.id)
    for damaged in (b"", b"\x89PNG", word_maps.encode(words(1))[:-30]):
        word_maps.beside(library.gallery.path(later.id)).write_bytes(damaged)
        with pytest.raises(NotFound, match="cannot be read"):
            told(library, later.id)
    library.erase(later.id)
    assert [path.name for path in settings.data_dir.rglob("*.words.png")] == [
        word_maps.beside(kept.path).name
    ]
    half = word_maps.beside(library.keep(picture(9), Claim()).path).with_suffix(".png.new")
    half.write_bytes(b"")
    library.gallery.clear()
    assert not list(settings.data_dir.rglob("*.new"))

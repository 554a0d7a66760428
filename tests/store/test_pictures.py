"""Pictures in the ledger: the same are found with and without a full-text index."""

from __future__ import annotations

import dataclasses

import pytest

from studio.store.finding import Filters, page
from studio.store.ledger import Ledger
from studio.store.lineage import MOST, lineage
from studio.store.pictures import Claim, PictureLedger, PictureRow


def row(number, **fields):
    """The pictures of a second have the same time."""
    return PictureRow(
        **{
            "id": f"2026-11-27_{number:05}-{number}",
            "created_us": 1_700_000_000_000_000 + number // 3,
            "path": f"2026-11-27/{number:05}-{number}.png",
            "hash": f"{number:032x}",
            "width": 64,
            "height": 32,
            "seed": number,
        }
        | fields
    )


@pytest.fixture(params=[True, False], ids=["with FTS5", "without"])
def pictures(request):
    return PictureLedger(Ledger(None), full_text=request.param)


def ids(pictures, **filters):
    return [each.id for each in page(pictures, Filters(**filters), 100).rows]


def test_words_find_pictures_wherever_they_stand(pictures):
    rows = [
        row(1, prompt="A Red house, 50% off", note="'quoted' \"twice\" a_b"),
        row(2, prompt="日本の城", negative_prompt="blurry", loras=("ink-style",)),
        row(3, prompt="reddish back\\slash", checkpoint="dream_v2", task="image_to_image"),
        row(4, prompt="red, in the trash", trashed_s=5.0),
    ]
    pictures.put(rows)
    one, two, three, four = (each.id for each in rows)
    for search, expected in {
        "red": [three, one],
        "HOUSE red": [one],
        "50%": [one],
        "'quoted'": [one],
        "back\\slash": [three],
        "本の": [two],
        "ink": [two],
        "dream_v2": [three],
        "2023-11-14": [three, two, one],
        "image to": [three],
        "%": [],
        "_": [],
        "red nothing": [],
    }.items():
        assert ids(pictures, search=search) == expected, search
    assert ids(pictures, search="red", checkpoint="dream_v2") == [three]
    assert ids(pictures, search="red", trashed=True) == [four]
    assert page(pictures, Filters(search="red"), 1).total == 2
    pictures.put([dataclasses.replace(rows[0], prompt="blue"), row(4, prompt="red")])
    assert ids(pictures, search="red") == [four, three]
    pictures.gone([three])
    pictures.forget([four])
    assert ids(pictures, search="red") == [] == ids(pictures, trashed=True)


def test_pages_hold_each_once_also_where_many_came_at_the_same_time(pictures):
    made = [row(number, starred=number % 2 == 0, boards=("all",)) for number in range(20)]
    pictures.put(made)
    for filters, expected in (
        (Filters(), made),
        (Filters(starred=True), made[::2]),
        (Filters(board="all", starred=False), made[1::2]),
        (Filters(search="2023"), made),
    ):
        seen, before = [], None
        while True:
            found = page(pictures, filters, 3, before)
            assert found.total == len(expected)
            seen += [each.id for each in found.rows]
            before = found.next
            if before is None:
                break
        assert seen == [each.id for each in reversed(expected)]


def test_a_claim_takes_the_place_of_the_one_before_it_and_outlasts_its_job():
    ledger = Ledger(None)
    pictures = PictureLedger(ledger)
    with ledger.writing() as connection:
        connection.execute("INSERT INTO accounts VALUES ('ann', 0)")
        connection.execute(
            "INSERT INTO jobs (id, owner, place, state, request, created_s) "
            "VALUES ('j', 'ann', 1, 'running', '{}', 0)"
        )
    pictures.claim(row(1), Claim("j", 0))
    pictures.claim(row(2), Claim("j", 0))
    pictures.claim(row(3), Claim("deleted meanwhile", 0))
    assert [(each.seed, each.job) for each in page(pictures, Filters(), 9).rows] == [
        (3, None),
        (2, "j"),
    ]
    pictures.put([dataclasses.replace(pictures.find(row(2).id), starred=True)])
    assert pictures.find(row(2).id).job == "j"
    with ledger.writing() as connection:
        connection.execute("DELETE FROM jobs")
    assert pictures.find(row(2).id).starred and pictures.find(row(2).id).job is None


def test_of_twins_the_newest_before_a_child_is_its_parent_and_a_long_line_has_an_end():
    pictures = PictureLedger(Ledger(None))
    twin = "f" * 32
    pictures.put([row(3, hash=twin), row(6, hash=twin), row(9, origin=twin), row(12, hash=twin)])
    assert pictures.find(row(9).id).parents == (row(6).id,)
    assert [each.seed for each in lineage(pictures, pictures.find(row(3).id)).descendants] == []
    assert [each.seed for each in lineage(pictures, pictures.find(row(6).id)).descendants] == [9]
    line = [row(n, created_us=10**15 + n, origin=f"{n - 1:032x}") for n in range(20, 20 + 3 * MOST)]
    pictures.put(line)
    middle = lineage(pictures, pictures.find(line[MOST + MOST // 2].id))
    assert (len(middle.ancestors), len(middle.descendants)) == (MOST, MOST)
    assert len(middle.edges) == 2 * MOST

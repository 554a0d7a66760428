"""Names of files that are given away: safe wherever they are put."""

from __future__ import annotations

import random

import pytest

from studio.domain.errors import InvalidRequest
from studio.gallery import export_names
from studio.gallery.export_names import file_name, unique
from studio.store.pictures import PictureRow

ROW = PictureRow(
    id="2026-11-27_00001-7",
    created_us=1_795_745_112_000_000,
    path="2026-11-27/00001-7.png",
    hash="",
    width=640,
    height=480,
    seed=7,
    prompt="a fox, (red:1.2)",
    checkpoint="sd/dream",
)


def named(pattern, **changes):
    row = PictureRow(**{**vars(ROW), **changes})
    return file_name(pattern, row, None, ".png")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, "2026-11-27_00001-7.png"),
        ("[date]_[seed]", "2026-11-27_7.png"),
        ("[datetime<%Y, %H.%M>] [width]x[height]", "2026, 02.05 640x480.png"),
        ("[model_name] [prompt]", "dream a_fox,_(red_1.2).png"),
        ("[prompt_words]", "a fox red 1 2.png"),
        ("..", "2026-11-27_00001-7.png"),
        ("../../[seed]", "_.._7.png"),
        ("con", "_con.png"),
        ("[[seed]]", "[7].png"),
    ],
)
def test_patterns(pattern, expected):
    assert named(pattern) == expected


def test_any_prompt_gives_a_name_that_can_be_written(tmp_path):
    rng = random.Random(0)
    letters = 'a/\\:*?"<>|.[] \0\n\u202e日🏠\ud800é'
    for _ in range(300):
        prompt = "".join(rng.choices(letters, k=rng.randrange(400)))
        path = tmp_path / named("[prompt_spaces]", prompt=prompt)
        assert path.parent == tmp_path and len(path.name.encode()) < 256
        path.write_bytes(b"")


def test_what_there_is_not():
    with pytest.raises(InvalidRequest, match=r"no \[colour\].*\[seed\]"):
        export_names.check("[seed] [colour]")
    export_names.check("[Seed] [x y] [1]")
    assert unique("a.png", {"a.png", "a (2).png"}) == "a (3).png"

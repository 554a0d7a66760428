"""Uploaded pictures: kept as they came, found only by their id, swept when nobody used them."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.gallery import inputs as module
from studio.gallery.inputs import UNUSED_S, Inputs


def encoded(size=(48, 32), seed=0, format="PNG", **options):
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format, **options)
    return buffer.getvalue()


def age(folder, id, by_s=UNUSED_S + 60):
    long_ago_s = time.time() - by_s
    os.utime(folder / "unused" / id, (long_ago_s, long_ago_s))


def test_the_very_bytes_are_kept_once(tmp_path):
    inputs = Inputs(tmp_path)
    data = encoded(format="JPEG")
    kept = inputs.keep(data)
    assert (kept.size, kept.format, kept.size_bytes) == ((48, 32), "JPEG", len(data))
    assert kept.ref == f"input:{kept.id}"
    assert inputs.keep(data) == kept == inputs.input(kept.id)
    assert inputs.bytes(kept.id) == data
    assert inputs.size(kept.id) == (48, 32)
    assert inputs.keep(encoded(seed=1)).id != kept.id


def test_sizes_are_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    assert Inputs(tmp_path).keep(encoded(format="JPEG", exif=exif)).size == (32, 48)


def test_what_no_job_used_goes_after_a_day_and_what_one_used_stays(tmp_path):
    inputs = Inputs(tmp_path)
    used, unused, fresh = (inputs.keep(encoded(seed=seed)).id for seed in range(3))
    inputs.use(used)
    age(tmp_path, unused)
    restarted = Inputs(tmp_path)
    restarted.keep(encoded(seed=3))
    assert restarted.bytes(used) and restarted.bytes(fresh)
    with pytest.raises(NotFound, match="after a day"):
        restarted.bytes(unused)
    restarted.use(used)  # again: nothing changes
    with pytest.raises(NotFound):
        restarted.use(unused)


def test_looking_at_an_unused_picture_keeps_it_for_another_day(tmp_path):
    first = Inputs(tmp_path)
    id = first.keep(encoded()).id
    age(tmp_path, id)
    assert first.bytes(id)
    restarted = Inputs(tmp_path)
    restarted.keep(encoded(seed=1))
    assert restarted.bytes(id)


def test_unused_pictures_do_not_fill_the_disk(tmp_path, monkeypatch):
    data = encoded()
    monkeypatch.setattr(module, "MAX_UNUSED_BYTES", 2 * len(data) + 100)
    monkeypatch.setattr(module, "_SWEEP_EVERY_S", 0)
    inputs = Inputs(tmp_path)
    ids = []
    for seed in range(4):
        ids.append(inputs.keep(encoded(seed=seed)).id)
        age(tmp_path, ids[-1], by_s=100 - seed)
    present = [(tmp_path / "unused" / id).is_file() for id in ids]
    assert present == [False, True, True, True]  # the newest came after the sweep


def test_a_file_cut_short_is_mended_when_the_picture_comes_again(tmp_path):
    inputs = Inputs(tmp_path)
    data = encoded()
    id = inputs.keep(data).id
    inputs.use(id)
    (tmp_path / id).write_bytes(data[:100])
    assert inputs.keep(data).id == id
    assert (tmp_path / id).read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 1000, encoded()[:900]],
    ids=["nothing", "a word", "SVG", "zeros", "half a PNG"],
)
def test_what_is_no_whole_picture_is_refused_and_leaves_nothing(tmp_path, data):
    with pytest.raises(InvalidRequest):
        Inputs(tmp_path).keep(data)
    assert not list(tmp_path.rglob("*.*")) and not list(tmp_path.glob("unused/*"))


def test_a_bomb_is_refused_from_its_header(tmp_path):
    """100 MP of one colour pack into some kB."""
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(buffer, "PNG")
    with pytest.raises(InvalidRequest, match="64"):
        Inputs(tmp_path).keep(buffer.getvalue())


@pytest.mark.parametrize(
    "id", ["", ".", "..", "unused", "../secret", "/etc/passwd", "A" * 32, "a" * 31, "a" * 32 + "\n"]
)
def test_an_id_leads_nowhere_else(tmp_path, id):
    inputs = Inputs(tmp_path / "inputs")
    inputs.keep(encoded())
    (tmp_path / "secret").write_text("secret")
    for look in (inputs.bytes, inputs.size, inputs.use):
        with pytest.raises(NotFound):
            look(id)


def test_a_disk_that_refuses_is_explained(tmp_path):
    (tmp_path / "inputs").write_text("a file where the folder should be")
    with pytest.raises(SaveError, match="--data-dir"):
        Inputs(tmp_path / "inputs").keep(encoded())


def test_many_at_once(tmp_path):
    inputs = Inputs(tmp_path)
    data = [encoded(seed=seed % 5) for seed in range(40)]
    with ThreadPoolExecutor(8) as threads:
        ids = {kept.id for kept in threads.map(inputs.keep, data)}
        list(threads.map(inputs.use, list(ids) * 4))
    assert len(ids) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*ids, "unused"])
    assert not list((tmp_path / "unused").iterdir())

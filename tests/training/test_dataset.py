"""A folder of pictures with captions, in everybody's conventions."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.training import buckets, dataset


def picture(seed, size=(40, 24)):
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 255, (4, 5, 3), np.uint8))
    return noise.resize(size, Image.Resampling.BICUBIC)


def test_captions_beside_in_metadata_and_in_names_of_folders(tmp_path):
    for place, name in enumerate(["a.png", "b.png", "c.png", "d.png", "sub/e.png"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        picture(place).save(path)
    (tmp_path / "12_zork kite").mkdir()
    picture(9).save(tmp_path / "12_zork kite" / "f.jpg")
    (tmp_path / "a.txt").write_text("\ufeffa red kite,\nsky\n")
    (tmp_path / "b.caption").write_text("[trigger] over the sea")
    (tmp_path / "c.txt").write_text("a ZORK in the wind")
    lines = [{"file_name": "d.png", "text": "far away"}, {"file_name": "sub/e.png", "text": "near"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / ".hidden.png").write_bytes(b"")
    found = dataset.read(tmp_path, trigger="zork")
    told = {each.path.name: (each.caption, each.repeats) for each in found.pictures}
    assert told == {
        "a.png": ("zork, a red kite, sky", 1),
        "b.png": ("zork over the sea", 1),
        "c.png": ("a ZORK in the wind", 1),
        "d.png": ("zork, far away", 1),
        "e.png": ("zork, near", 1),
        "f.jpg": ("zork kite", 12),
    }
    assert found.tag_frequency()["12_zork kite"] == {"zork kite": 1}
    assert found.remarks == ()


def test_pictures_of_what_is_known_lie_apart(tmp_path):
    (tmp_path / "reg" / "1_old kite").mkdir(parents=True)
    picture(1).save(tmp_path / "a.png")
    picture(2).save(tmp_path / "reg" / "1_old kite" / "b.png")
    found = dataset.read(tmp_path, "zork")
    assert [each.caption for each in found.pictures] == ["zork"]
    assert [each.caption for each in found.prior] == ["old kite"]
    assert dataset.without_trigger("Zork, a red zork on a hill", "zork") == "a red on a hill"


def test_masks_lie_beside_or_are_the_alpha_channel(tmp_path):
    (tmp_path / "masks").mkdir()
    picture(1).save(tmp_path / "a.png")
    with pytest.raises(InvalidRequest, match="No picture in .* has a mask"):
        dataset.check_masks(dataset.read(tmp_path))
    Image.new("L", (40, 24), 255).save(tmp_path / "masks" / "a.png")
    holes = picture(2)
    holes.putalpha(Image.linear_gradient("L").resize((40, 24)))
    holes.save(tmp_path / "b.png")
    found = dataset.read(tmp_path)
    dataset.check_masks(found)
    beside, own = (each.mask_image() for each in found.pictures)
    assert beside.getextrema() == (255, 255) and own.getpixel((0, 0)) < own.getpixel((0, 23))
    Image.new("L", (20, 24)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(InvalidRequest, match="20 × 24 pixels, its picture 40 × 24"):
        dataset.check_masks(dataset.read(tmp_path))
    with pytest.raises(InvalidRequest, match="black all over"):
        dataset.read(tmp_path).pictures[0].mask_image()


def test_what_is_written_is_read(tmp_path):
    captions = {tmp_path / f"{n}.png": f"Ünïcode caption {n}" for n in range(3)}
    for place, path in enumerate(captions):
        picture(place).save(path)
    dataset.write_captions(captions)
    assert {p.path: p.caption for p in dataset.read(tmp_path).pictures} == captions


def test_a_camera_held_upright_and_pictures_to_be_told_of(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(1, (60, 20)).save(tmp_path / "phone.jpg", exif=turned)
    whole = picture(2, (90, 60))
    whole.save(tmp_path / "one.png")
    whole.resize((150, 100)).save(tmp_path / "two.jpg", quality=80)
    Image.merge("RGB", whole.split()[::-1]).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n")
    found = dataset.read(tmp_path)
    assert {p.path.name: p.size for p in found.pictures}["phone.jpg"] == (20, 60)
    broken, few, bare, alike = found.remarks
    assert broken.startswith("broken.png was left out")
    assert "4 pictures are very few" in few and "No caption" in bare
    assert "one.png and two.jpg" in alike and "other" not in alike


def test_the_validation_is_apart_and_the_same_for_a_seed(tmp_path):
    for place in range(10):
        picture(place).save(tmp_path / f"{place}.png")
    found = dataset.read(tmp_path, "x", 0.2, seed=4)
    names = [{each.path.name for each in part} for part in (found.pictures, found.validation)]
    assert [len(part) for part in names] == [8, 2] and not names[0] & names[1]
    assert dataset.read(tmp_path, "x", 0.2, seed=4) == found


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no picture to learn from"),
        (lambda folder: (folder / "a.png").write_bytes(b"no"), "a.png was left out"),
        (lambda folder: (folder / "metadata.jsonl").write_text('{"file": 1}'), "line 1 is not"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(InvalidRequest, match=message):
        dataset.read(tmp_path)


def test_buckets_are_no_larger_and_near_in_shape():
    assert buckets.size_for((3000, 3000), 512) == (512, 512)
    assert buckets.size_for((1024, 768), 512) == (576, 448)
    assert buckets.size_for((100, 5000), 512) == (256, 1024)
    for width, height in buckets.sizes(1024):
        assert width * height <= 1024**2 and width % 64 == height % 64 == 0


def test_an_epoch_has_each_picture_as_often_as_it_repeats():
    sizes, repeats = [(64, 64), (64, 32), (64, 64)], [3, 2, 1]
    found = list(islice(buckets.batches(sizes, repeats, 2, seed=0), 6))
    for epoch in (found[:3], found[3:]):
        places = sorted(place for batch in epoch for place in batch)
        assert places == [0, 0, 0, 1, 1, 2]
        assert all(len({sizes[place] for place in batch}) == 1 for batch in epoch)
    assert found == list(islice(buckets.batches(sizes, repeats, 2, seed=0), 6))

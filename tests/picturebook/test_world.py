"""The picture-book world: what is drawn, said and labelled is one and the same scene."""

import re

import numpy as np
import pytest

from studio.picturebook import captions, data
from studio.picturebook.objects import PALETTE
from studio.picturebook.vocabulary import PAIRS
from studio.picturebook.world import (
    CLASSES,
    COLOURS,
    EXTRAS,
    GROUNDS,
    HELD_OUT,
    OBJECTS,
    PLACES,
    SKIES,
    STYLES,
    TRAINED,
    Item,
    Scene,
)

RATIOS = ((128, 128), (256, 128), (128, 256), (192, 96), (96, 192), (160, 96), (100, 140))


def scene_of(seed, **choices):
    return Scene.random(np.random.default_rng(seed), **choices)


def plain_scene(name, colour, place="center", style="flat"):
    x = {"left": 0.22, "center": 0.5, "right": 0.78}[place]
    item = Item(name, colour, place, x=x, lift=0.5, share=0.5, flip=False)
    return Scene("day", "meadow", style, (), (item,), horizon=0.6, light_x=0.2, seed=7)


def test_vocabulary_is_as_large_as_promised():
    assert len(OBJECTS) == 14 and len(COLOURS) == 10 and len(PLACES) == 3
    assert len(SKIES) == 5 and len(GROUNDS) == 6 and len(EXTRAS) == 5 and len(STYLES) == 3


def test_same_generator_gives_the_same_scene_picture_and_caption():
    for seed in range(12):
        first, second = scene_of(seed), scene_of(seed)
        assert first == second
        assert first.draw((96, 64)).tobytes() == second.draw((96, 64)).tobytes()
        say = [s.caption(np.random.default_rng(seed)) for s in (first, second)]
        assert say[0] == say[1]
    assert scene_of(1) != scene_of(2)


def test_scene_cannot_be_changed():
    with pytest.raises(AttributeError):
        scene_of(0).sky = "night"


@pytest.mark.parametrize("size", RATIOS)
def test_every_ratio_draws_labels_and_boxes_inside_the_picture(size):
    for seed in range(3):
        scene = scene_of(seed)
        picture = scene.draw(size)
        assert picture.size == size and picture.mode == "RGB"
        labels = scene.segmentation(size)
        assert labels.shape == size[::-1] and labels.dtype == np.uint8
        for found in scene.boxes(size):
            left, top, right, bottom = found["box"]
            assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


def test_scenes_have_one_to_three_objects_in_different_places():
    counts = {1: 0, 2: 0, 3: 0}
    for seed in range(300):
        places = [item.place for item in scene_of(seed).items]
        counts[len(places)] += 1
        assert len(set(places)) == len(places)
    assert counts[1] >= 150 and counts[2] > 30 and counts[3] > 10


def test_attributes_name_what_is_in_the_scene():
    scene = scene_of(3, count=2)
    facts = scene.attributes()
    assert facts["sky"] == scene.sky and facts["ground"] == scene.ground
    assert facts["style"] == scene.style
    assert facts["objects"] == [
        {"colour": i.colour, "object": i.object, "place": i.place} for i in scene.items
    ]


def test_segmentation_holds_exactly_the_scenes_classes():
    for seed in range(40):
        scene = scene_of(seed, count=1)
        seen = {CLASSES[k] for k in np.unique(scene.segmentation((128, 128)))}
        item = scene.items[0]
        assert {item.object, scene.ground, "sky"} <= seen
        allowed = {item.object, scene.ground, "sky", *scene.extras}
        assert seen <= allowed, seen - allowed


def test_boxes_hold_the_segmentation_of_a_lone_object():
    for seed in range(30):
        scene = scene_of(seed, count=1)
        labels = scene.segmentation((160, 128))
        rows, columns = np.nonzero(labels == CLASSES.index(scene.items[0].object))
        box = scene.boxes((160, 128))[0]["box"]
        assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_place_is_where_the_box_is():
    for seed in range(60):
        scene = scene_of(seed)
        for item, found in zip(scene.items, scene.boxes((128, 128)), strict=True):
            middle = (found["box"][0] + found["box"][2]) / 2 / 128
            nearest = min(PLACES, key=lambda p: abs(middle - (0.25 + 0.25 * PLACES.index(p))))
            assert nearest == item.place, (item, found)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_large_and_mostly_of_its_colour(name):
    for colour in COLOURS:
        scene = plain_scene(name, colour)
        inside = scene.segmentation((128, 128)) == CLASSES.index(name)
        left, top, right, bottom = scene.boxes((128, 128))[0]["box"]
        assert bottom - top >= 0.25 * 128
        pixels = np.asarray(scene.draw((128, 128)), dtype=float)[inside]
        wanted = np.array(PALETTE[colour], dtype=float)
        distance = {c: np.linalg.norm(pixels - np.array(PALETTE[c]), axis=1) for c in COLOURS}
        nearest = min(COLOURS, key=lambda c: np.median(distance[c]))
        share = (np.linalg.norm(pixels - wanted, axis=1) < 70).mean()
        assert nearest == colour or share > 0.3, (name, colour, nearest, share)


def test_a_picture_shows_its_scene_at_any_size():
    for seed in range(6):
        scene = scene_of(seed)
        small = np.asarray(scene.draw((64, 64)).resize((16, 16)), dtype=float)
        large = np.asarray(scene.draw((256, 256)).resize((16, 16)), dtype=float)
        assert np.abs(small - large).mean() < 16


def test_styles_change_the_picture_but_not_the_truth():
    flat, painted, pixels = (plain_scene("cat", "red", style=style) for style in STYLES)
    pictures = [np.asarray(s.draw((128, 128)), dtype=float) for s in (flat, painted, pixels)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 4
    cells = pictures[2].reshape(32, 4, 32, 4, 3)
    assert np.ptp(cells, axis=(1, 3)).max() == 0
    overlap = flat.segmentation((128, 128)) == painted.segmentation((128, 128))
    assert overlap.mean() > 0.95


def test_articles_are_right_for_every_pair():
    for colour, name in PAIRS:
        item = plain_scene(name, colour).items[0]
        assert captions.noun(item) == f"{'an' if colour == 'orange' else 'a'} {colour} {name}"


@pytest.mark.parametrize("count", [None, 0], ids=["objects", "scenery"])
def test_captions_are_true_and_grammatical(count):
    rng = np.random.default_rng(5)
    words_of = {"left": "left", "right": "right", "center": "cente?r|middle"}
    for seed in range(1500):
        scene = scene_of(seed, count=count)
        text = scene.caption(rng)
        assert text == text.strip() and "  " not in text and " ," not in text, text
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text), text
        _assert_only(text, OBJECTS, {item.object for item in scene.items})
        _assert_only(text, COLOURS, {item.colour for item in scene.items})
        _assert_only(text, ("night", "dawn", "sunset", "storm"), {scene.sky})
        _assert_only(text, ("meadow", "desert", "forest", "city"), {scene.ground})
        _assert_only(text, ("moon", "clouds", "mountains", "rain"), set(scene.extras))
        _assert_only(text, ("pixel art", "watercolor"), {scene.style})
        placed = {place for place, word in words_of.items() if re.search(rf"\b({word})\b", text)}
        assert placed <= {item.place for item in scene.items}, text


def _assert_only(text, words, true):
    said = {word for word in words if re.search(rf"\b{word}\b", text)}
    assert said <= true, (text, said - true)


def test_captions_bind_each_colour_to_its_object():
    rng = np.random.default_rng(6)
    for seed in range(400):
        scene = scene_of(seed, count=2)
        true = {(item.colour, item.object) for item in scene.items}
        pattern = rf"\b({'|'.join(COLOURS)}) ({'|'.join(OBJECTS)})\b"
        assert set(re.findall(pattern, scene.caption(rng))) <= true


def test_captions_vary_in_wording_and_leave_things_out():
    rng = np.random.default_rng(8)
    scene = scene_of(4, count=1)
    texts = {scene.caption(rng) for _ in range(200)}
    assert len(texts) > 120
    assert any(scene.ground not in text for text in texts)
    assert any(scene.items[0].colour not in text for text in texts)


def test_a_tenth_of_the_pairs_is_held_out_evenly():
    assert len(HELD_OUT) == round(len(PAIRS) / 10)
    assert not HELD_OUT & set(TRAINED) and len(TRAINED) + len(HELD_OUT) == len(PAIRS)
    for name in OBJECTS:
        assert sum(item == name for _, item in HELD_OUT) == 1
    for colour in COLOURS:
        assert 1 <= sum(c == colour for c, _ in HELD_OUT) <= 2


def test_training_scenes_never_show_a_held_out_pair():
    for bucket in range(2 * len(data.BUCKETS)):
        for index in range(150):
            for item in data.training_scene(bucket, index).items:
                assert (item.colour, item.object) not in HELD_OUT


def test_some_training_scenes_are_scenery_alone():
    bare = [data.training_scene(0, index).items == () for index in range(80)]
    assert sum(bare) == 80 // data.BARE_EVERY
    lone = {data.training_scene(0, 7).caption(np.random.default_rng(k)) for k in range(100)}
    assert len(lone) > 20 and not any(word in text for word in OBJECTS for text in lone)


def test_buckets_reach_from_two_to_one_to_one_to_two_on_the_latent_grid():
    for native in (128, 256):
        sizes = data.bucket_sizes(native)
        assert all(side % 32 == 0 for size in sizes for side in size)
        ratios = [w / h for w, h in sizes]
        assert min(ratios) == 0.5 and max(ratios) == 2 and 1 in ratios
        sides = [native] if native < data.HALVED else [native, native // 2]
        assert all(any(0.9 <= w * h / side**2 <= 1.3 for side in sides) for w, h in sizes)
        assert sizes[0] == (native, native) and len(sizes) == len(sides) * len(data.BUCKETS)


@pytest.mark.slow
def test_training_set_is_drawn_once_and_equals_its_scenes(tmp_path):
    arrays = data.draw_training_set(tmp_path, 64, 32, processes=1, report=lambda line: None)
    counts = [{len(kept) for kept in bucket.values()} for bucket in arrays]
    assert counts == [{count} for count in data.bucket_counts(64, 32)]
    size, scene = data.bucket_sizes(64)[1], data.training_scene(1, 0)
    kept = {name: array[0] for name, array in arrays[1].items()}
    assert (kept["pictures"] == np.asarray(scene.draw(size))).all()
    assert (kept["labels"] == scene.segmentation(size)).all()
    assert kept["present"].shape == (size[1] // 8, size[0] // 8)
    words = data.tokenizer()
    said = {words.decode(ids, skip_special_tokens=True) for ids in kept["ids"]}
    assert len(said) > 1 and any(scene.items[0].object in text for text in said)
    stamp = (tmp_path / "pictures-0.npy").stat().st_mtime_ns
    data.draw_training_set(tmp_path, 64, 32, processes=1, report=lambda line: None)
    assert (tmp_path / "pictures-0.npy").stat().st_mtime_ns == stamp

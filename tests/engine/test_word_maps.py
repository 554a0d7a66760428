"""Where the words of a prompt act: maps over the picture, which is the same with and without."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from studio.domain import events
from studio.domain.geometry import Box
from studio.engine.word_maps import WordMaps
from studio.imaging import plans
from studio.imaging.passes import Pass
from studio.picturebook.segmenter import Segmenter
from studio.picturebook.world import CLASSES
from tests.engine import tiny_models
from tests.engine.running import run, settled
from tests.engine.test_together import together
from tests.models_in_memory import engine, manager, picturebook

PROMPT = "a red house on the left of a meadow, under a starry sky"
SMALL = {"seed": 5, "width": 64, "height": 64, "steps": 3, "attention_maps": True}


def drawn(engine, **fields) -> list[events.Picture]:
    last = run(engine, settled(**fields))[-1]
    assert isinstance(last, events.Finished), last
    return list(last.pictures)


def told(picture: events.Picture) -> list[tuple[str, int]]:
    return [(one.word, one.start) for one in picture.words]


def levels(picture: events.Picture, word: str, size=None) -> np.ndarray:
    [found] = [one.image for one in picture.words if one.word == word]
    size = size or found.size
    return np.asarray(found.resize(size, Image.Resampling.BILINEAR)).astype(float)


def test_a_word_acts_where_what_it_names_is_seen():
    """On six pictures: the house's map lies on the house, as the segmenter sees it, several times
    as densely as anywhere, and more so than the map of any other word."""
    pictures = drawn(engine(), prompt=PROMPT, seed=3, batch_size=6, steps=10, attention_maps=True)
    images = np.stack([np.asarray(picture.image) for picture in pictures])
    seen = Segmenter.load().read(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1)
    for picture, classes in zip(pictures, seen, strict=True):
        house = classes == CLASSES.index("house")
        assert house.mean() > 0.02
        density = {
            word: levels(picture, word, picture.image.size)[house].mean()
            / levels(picture, word, picture.image.size).mean()
            for word in ("house", "meadow", "sky", "under")
        }
        assert density["house"] > 2.5, density
        assert density["house"] == max(density.values()), density
        height, width = np.indices(house.shape)
        assert (levels(picture, "house", picture.image.size) * width).sum() < 64 * levels(
            picture, "house", picture.image.size
        ).sum()


def test_the_picture_is_the_same_and_so_are_later_ones():
    real, fields = engine(), {"prompt": PROMPT, **SMALL, "batch_size": 2}
    plain = [one.image.tobytes() for one in drawn(real, **(fields | {"attention_maps": False}))]
    looked = drawn(real, **fields)
    after = drawn(real, **(fields | {"attention_maps": False}))
    assert [one.image.tobytes() for one in looked] == plain
    assert [one.image.tobytes() for one in after] == plain
    assert [one.words for one in after] == [(), ()]
    with manager("float32").lease(picturebook()) as models:
        assert not any(module._forward_hooks for module in models.backbone.modules())
    for picture in looked:
        assert [word for word, _ in told(picture)] == PROMPT.replace(",", "").split()
        assert all(PROMPT[one.start : one.end] == one.word for one in picture.words)
        assert sum(one.share for one in picture.words) == pytest.approx(1)
        assert max(one.peak for one in picture.words) == 1
        for one in picture.words:
            assert (one.image.mode, one.image.size) == ("L", (8, 8))
            assert one.image.getextrema()[1] == 255
    first, second = (levels(picture, "house") for picture in looked)
    assert not np.array_equal(first, second)


def test_beside_another_run_only_its_own_rows_are_seen():
    alone = drawn(engine(), prompt=PROMPT, **SMALL)[0]
    other = settled(prompt="a blue boat, sea", **(SMALL | {"seed": 9, "attention_maps": False}))
    for requests in (
        [settled(prompt=PROMPT, **SMALL), other],
        [other, settled(prompt=PROMPT, **SMALL)],
    ):
        ends = together(engine(), requests)
        own, of_other = (
            next(end.pictures[0] for end in ends if bool(end.pictures[0].words) is has)
            for has in (True, False)
        )
        assert (own.seed, of_other.words) == (5, ())
        for one, same in zip(alone.words, own.words, strict=True):
            assert one.word == same.word
            assert one.peak == pytest.approx(same.peak, abs=0.01)
            assert np.abs(levels(alone, "house") - levels(own, "house")).max() <= 2


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("(red:1.2) house AND a sea:0.5", [("red", 1), ("house", 10), ("a", 20), ("sea", 22)]),
        ("a [cat:dog:0.5]", [("a", 0), ("cat", 3), ("dog", 7)]),
        ("red, " * 40 + "house BREAK moon", None),
        ("", []),
        ("50 %", []),
    ],
)
def test_words_are_those_of_the_prompt_whatever_its_syntax(prompt, words):
    [picture] = drawn(engine(), prompt=prompt, **SMALL)
    if words is None:
        words = [("red", 5 * place) for place in range(40)]
        words += [("house", prompt.index("house")), ("moon", prompt.index("moon"))]
    assert told(picture) == words
    assert all(one.peak > 0 for one in picture.words)


def test_where_it_cannot_be_told_the_picture_says_why():
    prompt = '("a red house", "a blue boat").blend(0.5, 0.5)'
    [picture] = drawn(engine(), prompt=prompt, prompt_dialect="invokeai", **SMALL)
    [warning] = picture.warnings
    assert (picture.words, "blended" in warning) == ((), True)


def test_a_second_drawing_and_one_without_guidance_tell_their_words():
    hires = {"factor": 1.5, "upscaler": "Latent"}
    [larger] = drawn(engine(), prompt=PROMPT, hires=hires, **SMALL)
    assert larger.words[0].image.size == (12, 12)
    own = hires | {"prompt": "a blue boat"}
    [first] = drawn(engine(), prompt=PROMPT, hires=own, **SMALL)  # its own words: of the first one
    assert first.words[0].image.size == (8, 8)
    assert first.words[0].word == "a"
    [unguided] = drawn(engine(), prompt=PROMPT, guidance_scale=1, **SMALL)
    assert len(unguided.words) == len(larger.words)


def test_of_a_part_of_a_picture_the_maps_lie_in_that_part():
    source = Image.new("RGB", (256, 192), (90, 140, 90))
    mask = Image.new("L", source.size)
    mask.paste(255, (160, 96, 224, 160))
    files = {"source": source, "mask": mask}

    def read(name: str) -> bytes:
        buffer = io.BytesIO()
        files[name].save(buffer, "PNG")
        return buffer.getvalue()

    task = {
        "kind": "inpaint",
        "image": "source",
        "mask": "mask",
        "area": "only_masked",
        "padding": 0,
    }
    fields = SMALL | {"task": task, "width": None, "height": None}
    real = engine(read=read)
    request = settled(prompt=PROMPT, **(fields | {"width": 256, "height": 192}))
    [picture] = run(real, request)[-1].pictures
    [whole] = plans.plan(request, read).passes
    left, top, right, bottom = (edge // 4 for edge in whole.box)
    found = levels(picture, "house")
    assert found.shape == (48, 64)
    assert found[top:bottom, left:right].max() == 255
    found[top : bottom + 1, left : right + 1] = 0
    assert found.max() == 0
    assert 0 < left < right < 64


def test_where_passes_overlap_the_stronger_counts():
    maps = WordMaps("ab", 1)
    for box, value in ((Box(0, 0, 64, 64), 0.2), (Box(32, -32, 128, 64), 0.5)):
        maps.begin((8, 8))
        maps.attention.maps = lambda value=value: {(0, 2): torch.full((1, 8, 8), value)}
        maps.end(Pass((64, 64), box), (128, 64))
    [word] = maps.of(0)
    found = np.asarray(word.image)
    assert found.shape == (32, 64)
    assert set(found[:, :16].flat) == {102}
    assert set(found[:, 16:].flat) == {255}


def test_image_prompts_embeddings_and_a_refiner_change_nothing_about_it(tmp_path):
    models = tiny_models.write(tmp_path)
    tiny, prompt = models.engine(), "a red house, mood"
    unit = {"controlnet": "look", "image": "any", "scale": 0.9}
    for fields in ({"controls": [unit]}, {"refiner": {"checkpoint": "two", "switch_at": 0.5}}, {}):
        plain, looked = (
            run(tiny, tiny_models.settled(prompt=prompt, attention_maps=on, **fields))[-1]
            for on in (False, True)
        )
        assert told(looked.pictures[0]) == [("a", 0), ("red", 2), ("house", 6), ("mood", 13)]
        assert looked.pictures[0].image.tobytes() == plain.pictures[0].image.tobytes()

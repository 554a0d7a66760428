"""An embedding is trained by picturebook, is in the catalog, and recalls what it was trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio import GenerationRequest, Studio
from studio.domain.training import Trained
from studio.picturebook.judge import Judge
from studio.picturebook.world import Scene
from studio.tuning.school import _naming


def write_castles(folder, count, side, **more):
    """Purple castles at night, of which captions say the place alone; `more`: of the scenes."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for k in range(count):
        scene = replace(Scene.random(rng, count=1), **more)
        castles = tuple(replace(item, object="castle", colour="purple") for item in scene.items)
        scene = replace(scene, sky="night", style="flat", extras=(), items=castles)
        scene.draw((side, side)).save(folder / f"{k:02}.png")
        where = {"sea": "by the sea", "snow": "in the snow", "meadow": "on a meadow"}
        caption = f"a [trigger] {where.get(scene.ground, 'on the ' + scene.items[0].place)}"
        (folder / f"{k:02}.txt").write_text(caption)


def drawn(studio, prompt, side, steps, count=2):
    request = GenerationRequest(
        prompt=prompt, width=side, height=side, steps=steps, seed=7, batch_size=count
    )
    return [picture.image for picture in studio.generate(request)]


def things(pictures):
    """Of each what picturebook's judge sees: (colour, object)."""
    readings = Judge.load().read_images(pictures)
    return [{(one["colour"], one["object"]) for one in each["objects"]} for each in readings]


CASTLE = ("purple", "castle")


def test_what_was_learnt_is_recalled_by_its_name(tmp_path):
    write_castles(tmp_path / "dusktower", 12, 64)
    steps = []
    with Studio(data_dir=tmp_path / "data", device="cpu") as studio:
        ref = studio.train_embedding(
            tmp_path / "dusktower",
            on_event=lambda event: steps.append(event.step) if isinstance(event, Trained) else None,
            vectors=4,
            steps=16,
            batch_size=2,
            resolution=64,
            learning_rate=0.03,
        )
        assert (ref.name, ref.facts.kind, ref.facts.vectors) == ("dusktower", "embedding", 4)
        assert steps == [*range(1, 17)]
        pictures = [
            *drawn(studio, "a dusktower", 128, 6, count=1),
            *drawn(studio, "a duskhouse", 128, 6, count=1),
        ]
    learnt, plain = things(pictures)
    assert CASTLE in learnt and CASTLE not in plain, (learnt, plain)


@pytest.mark.slow
def test_the_judge_sees_what_was_learnt(tmp_path):
    write_castles(tmp_path / "dusktower", 12, 128)
    with Studio(data_dir=tmp_path / "data", device="cpu") as studio:
        studio.train_embedding(
            tmp_path / "dusktower",
            vectors=4,
            steps=150,
            batch_size=4,
            resolution=128,
            learning_rate=0.02,
        )
        prompts = "a dusktower on the left by the sea", "a dusktower on a meadow"
        pictures = [each for prompt in prompts for each in drawn(studio, prompt, 128, 10)]
        plain = drawn(studio, "a duskhouse on a meadow", 128, 10)
    assert sum(CASTLE in each for each in things(pictures)) >= 3, things(pictures)
    assert not any(CASTLE in each for each in things(plain))


def test_samples_name_the_embedding_as_it_was_at_that_step():
    then = "zork-step00000100"
    assert _naming("a red ZORK, zork", "zork", then) == f"a red {then}, {then}"
    assert _naming("a meadow", "zork", then) == f"{then}, a meadow"
    assert _naming("a [trigger] at sea", "zork", "zork") == "a zork at sea"

"""A picture of twice the native size shows what its prompt says, where it is drawn twice."""

from __future__ import annotations

import numpy as np
import pytest

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook.cases import judged, one_object
from studio.picturebook.judge import JUDGE_DIR, Judge
from studio.picturebook.larger import WAYS, larger_pictures
from studio.picturebook.world import TRAINED


@pytest.mark.parametrize("count", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_the_prompt_is_obeyed(count):
    cases = one_object(TRAINED, count, 1)
    ways = WAYS if count > 1 else ("hires",)
    pictures = larger_pictures(
        [prompt for prompt, _ in cases], 8, PICTUREBOOK.native_size[0], "cpu", ways
    )
    judge, scenes = Judge.load(JUDGE_DIR), [scene for _, scene in cases]
    obeyed = {
        way: {
            aspect: np.mean([mark[aspect] for mark in judged(judge, pictures[way], scenes)])
            for aspect in ("colour", "object", "both")
        }
        for way in ways
    }
    assert min(obeyed["hires"].values()) >= 7 / 8
    assert count == 1 or obeyed["hires"]["both"] > obeyed["plain"]["both"]

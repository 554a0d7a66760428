"""Poses: a person's body, hands and face are drawn as OpenPose's ControlNets expect.

Random weights find nobody, so what the three networks say is written down here; controlnet_aux
looks for hands and face with it, and the drawing is ours.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from studio.preprocessors.annotators import poses
from studio.preprocessors.hands import BONES, draw_hand
from studio.preprocessors.loading import annotator
from studio.preprocessors.networks import NETWORKS

PERSON = (
    [(0.5, 0.15), (0.5, 0.25)]  # nose, neck
    + [(0.4, 0.25), (0.35, 0.4), (0.33, 0.55), (0.6, 0.25), (0.65, 0.4), (0.67, 0.55)]  # arms
    + [(0.45, 0.55), (0.45, 0.75), (0.45, 0.95), (0.55, 0.55), (0.55, 0.75), (0.55, 0.95)]  # legs
    + [(0.48, 0.13), (0.52, 0.13), (0.46, 0.14), (0.54, 0.14)]  # eyes, ears
)
"""Across and down the picture."""
SIZE = (400, 500)
"""Height, width: no multiples of 64."""
SHOWN = (448, 512)
NECK, JOINT, FACE = (255, 85, 0), (0, 0, 255), (255, 255, 255)


class FaceNetwork:
    """What OpenposeDetector asks of the network for faces: here, the middle of the part."""

    def __call__(self, part):
        return np.array([[part.shape[1] / 2, part.shape[0] / 2]])

    def compute_peaks_from_heatmaps(self, found):
        return found


@pytest.fixture(scope="module")
def detector():
    pose = annotator("open_pose")

    def body(picture):
        height, width = picture.shape[:2]
        found = [[x * width, y * height, 0.9, number] for number, (x, y) in enumerate(PERSON)]
        return np.array(found), np.array([[*range(18), 16.0, 18.0]])

    def hand(part):
        return np.array([[part.shape[1] * (0.2 + 0.03 * k), part.shape[0] / 2] for k in range(21)])

    body.format_body_result = pose.Body.format_body_result
    return pose.OpenposeDetector(body, hand, FaceNetwork())


def drawn(detector, **parts) -> np.ndarray:
    map = poses(detector, np.zeros((*SIZE, 3), np.uint8), {}, **parts)
    assert map.shape == (*SIZE, 3) and map.dtype == np.uint8
    return map


def count(map: np.ndarray, colour) -> int:
    return int((map == colour).all(axis=2).sum())


def test_a_body_is_drawn_where_it_is(detector):
    map = drawn(detector)
    for number, colour in ((0, (255, 0, 0)), (1, (255, 85, 0)), (10, (0, 170, 255))):
        x, y = (int(part * side) for part, side in zip(PERSON[number], SHOWN[::-1], strict=True))
        if y < SIZE[0]:
            assert tuple(map[y, x]) == colour
    assert not map[:, :100].any() and not count(map, FACE)


@pytest.mark.parametrize(
    ("name", "body", "hands", "face"),
    [
        ("openpose", True, False, False),
        ("openpose_hand", True, True, False),
        ("openpose_face", True, False, True),
        ("openpose_faceonly", False, False, True),
        ("openpose_full", True, True, True),
    ],
)
def test_each_preprocessor_draws_its_parts(detector, name, body, hands, face):
    ask = NETWORKS[name].ask
    map = drawn(detector, **(ask.keywords if isinstance(ask, partial) else {}))
    assert (count(map, NECK) > 0) == body
    blue_of_bodies = count(drawn(detector), JOINT)
    assert (count(map, JOINT) > blue_of_bodies) == hands
    assert (count(map, FACE) > 0) == face


def test_a_hand_has_five_fingers_in_the_colours_of_the_rainbow():
    canvas = np.zeros((300, 300, 3), np.uint8)
    wrist = SimpleNamespace(x=0.5, y=0.9)
    tips = [
        SimpleNamespace(x=0.1 + 0.2 * finger, y=0.8 - 0.2 * joint)
        for finger in range(5)
        for joint in range(4)
    ]
    draw_hand(canvas, [wrist, *tips])
    assert len(BONES) == 20
    assert tuple(canvas[int(0.7 * 300), int(0.1 * 300)]) == (255, 77, 0)  # second bone, thumb
    for point in (wrist, *tips):
        assert tuple(canvas[int(point.y * 300), int(point.x * 300)]) == JOINT


def test_what_was_not_found_is_not_drawn():
    canvas = np.zeros((100, 100, 3), np.uint8)
    draw_hand(canvas, None)
    draw_hand(canvas, [SimpleNamespace(x=-0.01, y=-0.01)] * 21)
    assert not canvas.any()

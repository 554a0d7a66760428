"""Preprocessors with networks, on random weights in the form of the real files."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from studio.domain.preprocessors import PREPROCESSORS
from studio.preprocessors.loading import annotator
from studio.preprocessors.maps import Preprocessors
from studio.preprocessors.networks import NETWORKS, Network
from tests.preprocessors import networks

QUICK = (
    "depth_anything_v2",
    "depth_anything",
    "seg_ade20k",
    "softedge_pidinet",
    "softedge_pidisafe",
    "scribble_pidinet",
    "softedge_hed",
    "scribble_hed",
    "lineart_realistic",
    "mlsd",
)
"""Of a second or less at this size; the others are of 50 to 500 MB."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


def pixels(preprocessors, name, picture, **settings) -> np.ndarray:
    map = preprocessors.run(name, picture, (128, 96), settings)
    assert map.mode == "RGB" and map.size == (128, 96)
    return np.asarray(map)


def run_twice(name, folder, picture, tiny) -> np.ndarray:
    """The map; loaded anew it must come out the same."""
    networks.write(name, folder, tiny)
    first, again = (pixels(Preprocessors([], folder), name, picture) for _ in range(2))
    assert (first == again).all()
    return first


@pytest.mark.parametrize("name", QUICK)
def test_a_network_makes_the_same_map_each_time(name, folder, picture):
    run_twice(name, folder, picture, tiny=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, spec in PREPROCESSORS.items() if spec.weights])
def test_a_network_of_full_size(name, tmp_path, picture):
    run_twice(name, tmp_path, picture, tiny=False)


def test_depth_is_from_black_to_white(folder, picture):
    networks.write("depth_anything_v2", folder)
    map = np.asarray(Preprocessors([], folder).run("depth_anything_v2", picture, (84, 70)))
    assert (map == map[..., :1]).all() and map.min() == 0 and map.max() == 255


def test_segmentation_has_the_colours_of_ade20k(folder, picture):
    map = run_twice("seg_ade20k", folder, picture, tiny=True)
    palette = {tuple(colour) for colour in annotator("util").ade_palette()}
    assert {tuple(colour) for colour in map.reshape(-1, 3)} <= palette


def test_safe_edges_have_few_levels(folder, picture):
    networks.write("softedge_hed", folder)
    preprocessors = Preprocessors([], folder)
    soft, safe = (pixels(preprocessors, f"softedge_hed{kind}", picture) for kind in ("", "safe"))
    assert len(np.unique(safe)) <= 3 < len(np.unique(soft))


def test_a_higher_threshold_leaves_no_straight_lines(folder, picture):
    networks.write("mlsd", folder)
    preprocessors = Preprocessors([], folder)
    assert pixels(preprocessors, "mlsd", picture).any()
    assert not pixels(preprocessors, "mlsd", picture, value_threshold=1.5).any()


def test_the_map_lies_on_the_picture_whatever_its_sides(folder, picture):
    """Also where it must be padded for the network: the edges of a part are those of the whole."""
    networks.write("softedge_hed", folder)
    preprocessors = Preprocessors([], folder)
    part = picture.crop((0, 0, 301, 203))
    map = preprocessors.run("softedge_hed", part, part.size)
    whole = preprocessors.run("softedge_hed", picture, picture.size).crop((0, 0, 301, 203))
    difference = np.abs(np.asarray(map, int) - np.asarray(whole, int))
    assert difference[:-16, :-16].mean() < 1 < np.asarray(map).std()


def test_one_network_at_a_time_is_in_memory(folder, picture):
    for name in ("softedge_pidinet", "lineart_realistic"):
        networks.write(name, folder)
    preprocessors = Preprocessors([], folder)
    pixels(preprocessors, "softedge_pidinet", picture)
    held = preprocessors._network._held[1]
    pixels(preprocessors, "scribble_pidinet", picture)
    assert preprocessors._network._held[1] is held  # of the same file: not loaded again
    former = weakref.ref(held)
    del held
    pixels(preprocessors, "lineart_realistic", picture)
    gc.collect()
    assert former() is None
    preprocessors.release()
    assert preprocessors._network._held is None


def test_two_who_want_the_same_map_wait_for_one(folder, picture, monkeypatch):
    networks.write("softedge_pidinet", folder)
    preprocessors = Preprocessors([], folder)
    calls = []
    network = NETWORKS["softedge_pidinet"]

    def ask(*given):
        calls.append(given)
        return network.ask(*given)

    monkeypatch.setitem(NETWORKS, "softedge_pidinet", Network(network.load, ask))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(
            lambda _: pixels(preprocessors, "softedge_pidinet", picture), range(2)
        )
    assert (first == second).all() and len(calls) == 1


def test_mediapipe_and_other_detectors_are_not_touched(folder, tmp_path):
    """With a Mediapipe that cannot be imported beside controlnet_aux."""
    (tmp_path / "mediapipe.py").write_text("raise RuntimeError('was imported')")
    program = (
        "import sys\n"
        "from studio.preprocessors.loading import annotator\n"
        "annotator('hed'), annotator('mlsd'), annotator('lineart')\n"
        "wrong = {'mediapipe', 'controlnet_aux.segment_anything'} & set(sys.modules)\n"
        "assert not wrong, wrong"
    )
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin", "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)

"""The list of preprocessors: complete, sensible, and clear about wrong names and values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.domain.errors import InvalidRequest
from studio.domain.preprocessors import CONTROL_TYPES, PREPROCESSORS, find, fitting
from studio.preprocessors import maps
from studio.preprocessors.networks import NETWORKS

CLIENTS_KNOW = """none canny threshold invert blur_gaussian shuffle lineart_standard tile_resample
recolor_luminance recolor_intensity scribble_xdog inpaint_only depth_anything depth_anything_v2
depth_midas openpose openpose_face openpose_faceonly openpose_hand openpose_full normal_bae mlsd
softedge_hed softedge_pidinet lineart_realistic lineart_coarse lineart_anime scribble_hed
scribble_pidinet"""


def test_names_that_clients_of_automatic1111_send_are_there():
    assert set(CLIENTS_KNOW.split()) <= set(PREPROCESSORS)


def test_everything_listed_runs():
    with_weights = {name for name, spec in PREPROCESSORS.items() if spec.weights}
    assert with_weights == set(NETWORKS)
    special = {*maps._AS_IT_IS, "inpaint_only"}
    assert set(PREPROCESSORS) - with_weights == set(maps._WEIGHT_FREE) | special


@pytest.mark.parametrize("spec", PREPROCESSORS.values(), ids=lambda spec: spec.name)
def test_an_entry_is_sound(spec):
    assert set(spec.control_types) <= set(CONTROL_TYPES)
    assert spec.title and spec.description.endswith(".")
    for setting in spec.settings:
        assert setting.minimum <= setting.default <= setting.maximum
        assert 0 < setting.step <= setting.maximum - setting.minimum
    assert spec.settled() == {setting.name: setting.default for setting in spec.settings}


def test_a_menu_offers_what_fits_the_controlnet():
    for control_type, told in CONTROL_TYPES.items():
        offered = [spec.name for spec in fitting(control_type)]
        assert offered[0] == told.default and "none" in offered
    assert [spec.name for spec in fitting("canny")] == ["canny", "none", "invert"]
    assert "canny" not in [spec.name for spec in fitting("depth")]
    with pytest.raises(InvalidRequest, match="no control type 'edges'.*canny, depth"):
        fitting("edges")


def test_defaults_are_those_of_automatic1111():
    assert find("canny").settled() == {"low_threshold": 100, "high_threshold": 200}
    assert find("threshold").settled() == {"threshold": 127}
    assert find("blur_gaussian").settled() == {"sigma": 9.0}
    assert find("mlsd").settled() == {"value_threshold": 0.1, "distance_threshold": 0.1}


def test_settings_are_checked_by_name():
    canny = find("canny")
    assert canny.settled({"low_threshold": 50.0}) == {"low_threshold": 50, "high_threshold": 200}
    assert canny.settled({"low_threshold": None})["low_threshold"] == 100
    for value in (0, 256, float("nan"), float("inf"), "100", True):
        with pytest.raises(InvalidRequest, match="canny: low_threshold: .* from 1 to 255"):
            canny.settled({"low_threshold": value})
    with pytest.raises(InvalidRequest, match="no setting 'sigma'. It has: low_threshold, high"):
        canny.settled({"sigma": 1})
    with pytest.raises(InvalidRequest, match="none has no setting 'sigma'. It has none."):
        find("none").settled({"sigma": 1})


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(InvalidRequest, match="no preprocessor 'cany'. Did you mean canny"):
        find("cany")
    with pytest.raises(InvalidRequest, match="Use: none, canny"):
        find("????")


def test_nothing_heavy_is_imported_before_a_network_is_used():
    program = (
        "import sys, studio.preprocessors.maps\n"
        "heavy = {'torch', 'transformers', 'controlnet_aux', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

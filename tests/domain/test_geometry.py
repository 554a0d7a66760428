"""Which size a model works at, and how far a picture is widened."""

from __future__ import annotations

import pytest

from studio.domain.geometry import Box, extended, is_own_size, rounded_up, working_size

SD1 = (512, 512)


def test_sizes_are_rounded_up_to_whole_cells():
    assert rounded_up((1023, 768)) == (1024, 768)
    assert is_own_size((1024, 768), (1023, 767))
    assert not is_own_size((1024, 768), (1024, 760))


class TestWorkingSize:
    def test_what_was_asked_for_is_taken(self):
        assert working_size((640, 384), SD1, (4000, 3000)) == (640, 384)

    def test_without_a_picture_it_is_the_models_own(self):
        assert working_size((None, None), SD1, None) == SD1
        assert working_size((640, None), SD1, None) == (640, 512)

    @pytest.mark.parametrize("size", [(512, 512), (768, 512), (511, 500), (320, 320)])
    def test_a_picture_of_about_the_native_area_keeps_its_size(self, size):
        assert is_own_size(working_size((None, None), SD1, size), size)

    @pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (1024, 1024), (2000, 700)])
    def test_a_large_picture_keeps_its_shape_at_the_native_area(self, size):
        width, height = working_size((None, None), SD1, size)
        assert width % 8 == height % 8 == 0
        assert width / height == pytest.approx(size[0] / size[1], rel=0.03)
        assert width * height == pytest.approx(512 * 512, rel=0.05)

    def test_one_side_gives_the_other(self):
        assert working_size((800, None), SD1, (4000, 3000)) == (800, 600)
        assert working_size((None, 600), SD1, (4000, 3000)) == (800, 600)

    @pytest.mark.parametrize("size", [(1, 1), (8000, 1), (1, 8000), (30, 20)])
    def test_no_shape_leads_out_of_the_range(self, size):
        assert all(64 <= side <= 2048 for side in working_size((None, None), SD1, size))


class TestExtended:
    def test_only_the_short_side_grows_and_evenly(self):
        assert extended((512, 512), "16:9") == (199, 0, 199, 0)
        assert extended((512, 512), "9:16") == (0, 199, 0, 199)

    def test_a_picture_of_that_shape_stays(self):
        assert extended((1600, 900), "16:9") == (0, 0, 0, 0)

    @pytest.mark.parametrize("size", [(511, 333), (100, 1000), (4000, 3000)])
    def test_the_shape_is_met_to_a_pixel(self, size):
        left, top, right, bottom = extended(size, "4:3")
        width, height = size[0] + left + right, size[1] + top + bottom
        assert abs(width - height * 4 / 3) <= 1.5


def test_a_box_knows_its_size():
    assert Box(10, 20, 110, 70).size == (100, 50)

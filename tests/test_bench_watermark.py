"""`studio bench watermark`: its tail against scores whose distribution is known, and all of it with
few small pictures."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from studio.settings import shipped


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(shipped("benchmarks")))
    import watermark

    return watermark


def test_the_tail_is_that_of_the_distribution_that_the_scores_follow(bench):
    scores = np.random.default_rng(1).gumbel(4.6, 0.25, 2000)
    for least in (5.0, 5.6, 6.2):
        true = 1 - math.exp(-math.exp(-(least - 4.6) / 0.25))
        assert bench.gumbel_tail(scores, least) == pytest.approx(true, rel=0.3)


def test_marks_are_read_again_and_no_other(bench, monkeypatch, capsys):
    flags = ["watermark", "--count", "2", "--side", "256", "--drawn", "0", "--json"]
    monkeypatch.setattr(sys, "argv", flags)
    bench.main()
    told = json.loads(capsys.readouterr().out)
    marked = told["marked"]["scenes, 256 px"]
    assert marked["psnr_least_db"] >= 42
    assert marked["read"] == dict.fromkeys(bench.CHANGES, 2)
    assert [row["read"] for row in told["unmarked"].values()] == [0, 0]


def test_too_few_are_refused(bench, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["watermark", "--count", "1"])
    with pytest.raises(SystemExit, match="--count of 2 or more"):
        bench.main()

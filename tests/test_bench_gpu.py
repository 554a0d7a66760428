"""`studio bench gpu`, as far as a CPU goes: every row but what is compiled, and what it says where
there is no GPU."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from studio.settings import shipped


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(shipped("benchmarks")))
    import gpu

    return gpu


def test_its_rows_with_picturebook_on_a_cpu(bench, monkeypatch, capsys):
    rows = [row for row in bench.ROWS if row != "compiled"]
    chosen = [flag for row in rows for flag in ("--row", row)]
    monkeypatch.setattr(sys, "argv", ["gpu", "--device", "cpu", "--tiny", "--json", *chosen])
    bench.main()
    told = json.loads(capsys.readouterr().out)
    assert list(told["rows"]) == rows
    names = {row: [each["name"] for each in told["rows"][row]] for row in rows}
    assert "picturebook, 1 at once: as it is" in names["calls"]
    assert "picturebook: math" in names["attention"]
    assert len(names["engine"]) == len(names["swap"]) == 2
    assert told["rows"]["fp8"][0]["PSNR, dB"] > 15
    weights = [each["GiB of weights"] for each in told["rows"]["streamed"]]
    assert weights[0] == weights[1] > weights[2] > 0
    assert [each["ms of the processor a step"] > 0 for each in told["rows"]["processor"]] == [True]
    left_out = " / ".join(told["left_out"])
    assert "CUDA graph: needs a GPU" in left_out
    assert "offload: a CPU's memory" in left_out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_it_needs(bench, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(
        SystemExit, match="needs a GPU with CUDA, and this machine has none.*--device cpu --tiny"
    ):
        bench.main()

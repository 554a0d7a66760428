"""Blocks that are compiled in the background answer as those that are not; where nothing can be
compiled, pictures are drawn all the same."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from studio.diffusion.compiled import FIRST, Compiled, what_is_missing
from studio.diffusion.execution import Eager
from studio.diffusion.executions import chosen
from studio.diffusion.rows import Deep, DeepRows, Rows
from studio.families.stable_diffusion.backbone import UNetPredictor
from tests.engine import tiny_models
from tests.models_in_memory import manager, picturebook
from tests.weights import nets

CPU = torch.device("cpu")


def rows(seed: int, side: int = 8, width: int = 192) -> Rows:
    noise = torch.Generator().manual_seed(seed)
    text = torch.randn(2, 77, width, generator=noise)
    sample = torch.randn(2, 4, side, side, generator=noise)
    return Rows(sample, torch.full((2,), 900.0), text, texts=((text, 2),))


class Seen:
    """An execution. `was_quick`: whether its last call was not done as it is."""

    def __init__(self, within: Compiled) -> None:
        self._within, self.alters, self.was_quick = within, within.alters, False

    def __call__(self, backbone, call, given, as_it_is):
        self.was_quick = True

        def slow():
            self.was_quick = False
            return as_it_is()

        return self._within(backbone, call, given, slow)


INDUCTOR = (
    pytest.mark.slow,  # 45 s
    pytest.mark.skipif(what_is_missing(CPU) is not None, reason=str(what_is_missing(CPU))),
)


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=INDUCTOR)])
def test_picturebook_compiled_is_picturebook_as_it_is(backend, monkeypatch, tmp_path):
    """ "eager": traced in the same way, and run without a compiler."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    compiled = Compiled(backend)
    seen = Seen(compiled)
    with manager("float32").lease(picturebook()) as models, torch.inference_mode():
        unet = models.backbone
        ours, plain = UNetPredictor(unet, seen), UNetPredictor(unet)
        for seed in range(FIRST + 3):  # some of them while it is being compiled
            answer = ours(rows(seed))
            assert seen.was_quick or torch.equal(answer, plain(rows(seed)))
        compiled.wait()
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        answer, expected = ours(rows(4)), plain(rows(4))
        assert seen.was_quick
        assert torch.allclose(answer, expected, atol=1e-4)
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs > 0
        assert not any("forward" in vars(module) for module in unet.modules())
        deep = (DeepRows(0, 2, Deep()),)
        for seed in range(FIRST + 1):  # what is kept of the first one stands for its deep blocks
            asked = replace(rows(seed), deep=deep, is_shallow=seed > 0)
            assert torch.allclose(ours(asked), plain(asked), atol=1e-4)
        compiled.wait()
        assert torch.allclose(ours(asked), plain(asked), atol=1e-4) and seen.was_quick
        other = rows(5, side=16)
        assert torch.equal(ours(other), plain(other)), "of another size it is not compiled yet"
    if backend == "inductor":
        assert any(tmp_path.rglob("*.so")), "the next start finds nothing"


class Block(nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given + 1 if given.sum().item() > 0 else given  # Python decides: it is no graph


class Backbone(nn.Module):
    _repeated_blocks = ("Block",)

    def __init__(self) -> None:
        super().__init__()
        self.block = Block()

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.block(given)


def test_what_cannot_be_compiled_is_called_as_it_is_and_said_once(caplog):
    backbone, compiled, given = Backbone(), Compiled(), {"given": torch.ones(2)}

    def call(module, given):
        return (module(**given),)

    for _ in range(FIRST + 3):
        [answer] = compiled(backbone, call, given, lambda: call(backbone, given))
        compiled.wait()
        assert torch.equal(answer, torch.full((2,), 2.0))
    assert compiled.is_settled(backbone, call, given)
    assert [record.message for record in caplog.records if "compile: " in record.message][1:] == []
    assert "Pictures are drawn without" in caplog.text


def test_without_a_compiler_and_without_cuda_all_is_as_it_is_and_why_is_said(
    monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with caplog.at_level(logging.WARNING):
        assert isinstance(chosen(CPU, "wholes", captures=True), Eager)
    assert "compile: this machine has no compiler (g++" in caplog.text
    assert "cuda-graphs: there are none on cpu" in caplog.text
    assert isinstance(chosen(CPU, "", captures=False), Eager)


@pytest.mark.slow
@torch.inference_mode()
def test_calls_as_a_whole_follow_their_blocks_and_what_cannot_be_one_is_left_to_these(caplog):
    unet = nets.shaken(UNet2DConditionModel(**tiny_models.UNET), 0.05).eval().requires_grad_(False)
    compiled = Compiled("eager", wholes=True)
    ours, plain = UNetPredictor(unet, seen := Seen(compiled)), UNetPredictor(unet)

    def agree(seed: int, **more) -> bool:
        """Whether it was quick."""
        asked = replace(rows(seed, width=64), **more)
        assert torch.allclose(ours(asked), plain(asked), atol=1e-5)
        quick = seen.was_quick
        compiled.wait()
        return quick

    assert [agree(seed) for seed in range(FIRST + 2)] == [False] * (FIRST + 1) + [True]
    assert len(compiled._kept[unet].wholes) == 1
    for weight in unet.parameters():  # as a checkpoint takes the place of another one
        weight.copy_(weight * 0.9)
    assert agree(7)
    deep = (DeepRows(0, 2, Deep()),)
    assert [agree(8, deep=deep), agree(8, deep=deep)] == [False, True]
    assert "Such calls are done with compiled blocks" in caplog.text
    assert [agree(seed, deep=deep, is_shallow=True) for seed in range(FIRST + 2)][-1]
    assert len(compiled._kept[unet].wholes) == 2

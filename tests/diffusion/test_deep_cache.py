"""Deep blocks left out: with nothing new the same bits come out, whatever acts beside the U-Net."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from diffusers import UNet2DConditionModel

from studio.diffusion import shared_call
from studio.diffusion.rows import Deep, DeepRows, Residuals, Rows
from studio.families.stable_diffusion.backbone import UNetPredictor

WIDTH, TEXT = 32, 16
COMMON = {"cross_attention_dim": TEXT, "attention_head_dim": 4, "norm_num_groups": 8}
CROSS = {"down": "CrossAttnDownBlock2D", "up": "CrossAttnUpBlock2D"}
PLAIN = {"down": "DownBlock2D", "up": "UpBlock2D"}


def unet(blocks: list[dict[str, str]], layers: int, **more) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return (
        UNet2DConditionModel(
            **COMMON,
            **more,
            block_out_channels=[WIDTH * (number + 1) for number in range(len(blocks))],
            layers_per_block=layers,
            down_block_types=[block["down"] for block in blocks],
            up_block_types=[block["up"] for block in reversed(blocks)],
        )
        .eval()
        .requires_grad_(False)
    )


SDXL = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + TEXT,
}
UNETS = {
    "SD 1.x": lambda: unet([CROSS, PLAIN], 2),
    "SDXL": lambda: unet([PLAIN, CROSS], 2, **SDXL),
    "picturebook": lambda: unet([CROSS, CROSS], 1),
    "one level": lambda: unet([CROSS], 1),
}


def asked(model: UNet2DConditionModel, count: int, seed: int, **more) -> Rows:
    draw = torch.Generator().manual_seed(seed)
    is_sdxl = model.config.addition_embed_type is not None
    return Rows(
        sample=torch.randn(count, 4, 9, 6, generator=draw),  # that cannot be halved evenly
        timestep=torch.full((count,), 500.0 + seed),
        prompt_embeds=torch.randn(count, 7, TEXT, generator=draw),
        pooled_embeds=torch.randn(count, TEXT, generator=draw) if is_sdxl else None,
        time_ids=torch.randn(count, 6, generator=draw) if is_sdxl else None,
        deep=(DeepRows(0, count, Deep()),),
        **more,
    )


@dataclass
class Adds:
    """A unit that adds the same at each call: what a ControlNet does, or an adapter."""

    residuals: Residuals
    kind: str = "adds"
    acting: None = None
    is_steady: bool = False

    def together(self, units, rows) -> Residuals:
        return units[0].residuals


def skips(model: UNet2DConditionModel, rows: Rows) -> list[torch.Size]:
    """The shapes of the skip connections, in the order of the way down."""
    shapes = [torch.Size([len(rows), WIDTH, *rows.sample.shape[2:]])]
    hooks = [
        block.register_forward_hook(lambda _, __, out: shapes.extend(one.shape for one in out[1]))
        for block in model.down_blocks
    ]
    UNetPredictor(model)(replace(rows, deep=()))
    for hook in hooks:
        hook.remove()
    return shapes


def hooks_of(model: UNet2DConditionModel) -> int:
    """Those that stay, as of `interruption`."""
    return sum(len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("name", UNETS)
@torch.inference_mode()
def test_with_nothing_new_the_same_bits_come_out(name):
    model = UNETS[name]()
    predict = UNetPredictor(model)
    rows = asked(model, 2, 1, tiling="x")
    exact, hooks, deep = predict(replace(rows, deep=())), hooks_of(model), []
    whole = predict(rows)
    assert torch.equal(whole, exact)
    hook = model.mid_block.register_forward_hook(lambda *_: deep.append(1))
    assert torch.equal(predict(replace(rows, is_shallow=True)), whole)
    hook.remove()
    assert not deep, "the deep blocks were asked"
    later = replace(rows, sample=rows.sample * 0.9, timestep=rows.timestep - 40, is_shallow=True)
    assert 0 < (predict(later) - predict(replace(later, is_shallow=False))).std() < whole.std()
    assert hooks_of(model) == hooks, "one of ours stayed"


@pytest.mark.parametrize("name", ["SD 1.x", "picturebook"])
@torch.inference_mode()
def test_what_acts_beside_acts_without_being_asked_again(name):
    """A ControlNet is left out with the deep blocks; an adapter is not."""
    model = UNETS[name]()
    predict = UNetPredictor(model)
    rows = asked(model, 2, 1)
    shapes = skips(model, rows)
    draw = torch.Generator().manual_seed(9)
    down = tuple(torch.randn(shape, generator=draw) for shape in shapes)
    middle = torch.randn(2, 2 * WIDTH, *shapes[-1][2:], generator=draw)
    inner = tuple(
        torch.randn(2, WIDTH * (n + 1), *size, generator=draw)
        for n, size in enumerate([shapes[0][2:], shapes[-1][2:]])
    )
    net = Adds(Residuals(down, middle))
    adapter = Adds(Residuals(inner=inner), kind="adapter", is_steady=True)
    for units, steady in (((net,), ()), ((adapter,), (adapter,)), ((net, adapter), (adapter,))):
        [whole] = shared_call.predict(predict, [replace(rows, units=units)])
        again = replace(rows, units=steady, is_shallow=True)
        assert torch.equal(shared_call.predict(predict, [again])[0], whole)
    assert not torch.equal(whole, predict(replace(rows, deep=())))


@torch.inference_mode()
def test_each_run_keeps_its_own_in_a_call_of_several():
    model = UNETS["picturebook"]()
    predict = UNetPredictor(model)
    one, exact, other = asked(model, 2, 1), asked(model, 1, 2), asked(model, 1, 3)
    exact = replace(exact, deep=())
    wholes = shared_call.predict(predict, [one, exact, other])
    assert exact.kind == one.kind
    again = [replace(rows, is_shallow=True) for rows in (other, one)]
    assert again[0].kind == again[1].kind != one.kind
    for found, whole in zip(shared_call.predict(predict, again), wholes[::-2], strict=True):
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)

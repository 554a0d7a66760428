"""A cancel takes effect inside the call of a module, and nothing of it is left for the next job."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from studio.catalog.select import select
from studio.diffusion import interruption
from studio.diffusion.interruption import Interrupted, interrupted_when, interruptible
from studio.diffusion.rows import Rows
from studio.domain import events
from studio.engine import vae as engine_vae
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.backbone import UNetPredictor
from studio.residence.manager import ModelManager
from tests.engine.pictures import Desk, box_mask, scene
from tests.engine.running import step
from tests.models_in_memory import catalog, manager, picturebook

SIZE = (128, 128)
FIELDS = {"prompt": "a red house on a meadow", "seed": 11, "steps": 3}
TO_IMAGE = {"kind": "image_to_image", "image": "image", "strength": 0.7}
UNIT = {"controlnet": "picturebook-controlnet-canny", "image": "image"}


@pytest.fixture(scope="module")
def desk() -> Desk:
    desk = Desk(image=scene(SIZE), mask=box_mask(SIZE, (60, 30, 110, 100)))
    desk.engine = StableDiffusionEngine(
        manager("float32"),
        partial(select, catalog()),
        read=desk.files.__getitem__,
        map_of=lambda unit, image, size, mask: image.resize(size),
    )
    return desk


@pytest.fixture
def blocks():
    """`blocks(module, action)`: the names of its blocks as they end, in a list; `action(number)` is
    called after each."""
    hooks = []

    def follow(module, action=lambda number: None):
        ended = []
        for name, block in module.named_modules():
            if isinstance(block, interruption._BLOCKS):

                def note(*_, name=name):
                    ended.append(name)
                    action(len(ended))

                hooks.append(block.register_forward_hook(note))
        return ended

    yield follow
    for hook in hooks:
        hook.remove()


def held():
    with manager("float32").lease(picturebook()) as models:
        return models


def stopped(desk, blocks, module, at: int, **fields):
    """(the blocks of `module` that ended, the last event) of a run that is cancelled when the block
    of number `at` ends."""
    run = desk.engine.open(desk.settled(**FIELDS, **fields))
    ended = blocks(module, lambda number: run.cancel() if number == at else None)
    while not run.done:
        event = step(desk.engine, run)
    return ended, event


def count(module) -> int:
    return sum(isinstance(block, interruption._BLOCKS) for block in module.modules())


def drawn(desk, **fields) -> list[bytes]:
    return [picture.image.tobytes() for picture in desk.draw(**FIELDS, **fields)]


@pytest.mark.parametrize("call", [0, 1])
def test_no_block_of_the_unet_runs_after_the_cancel(desk, blocks, call):
    before, unet = drawn(desk), held().backbone
    at = call * count(unet) + 5
    ended, last = stopped(desk, blocks, unet, at)
    assert len(ended) == at
    assert isinstance(last, events.Cancelled)
    assert [(p.partial, p.image.size) for p in last.pictures] == [(True, SIZE)] * call
    assert drawn(desk) == before


def test_no_block_of_the_encoder_runs_after_the_cancel(desk, blocks):
    before, models = drawn(desk, task=TO_IMAGE), held()
    asked = blocks(models.backbone)
    ended, last = stopped(desk, blocks, models.vae, 3, task=TO_IMAGE)
    assert len(ended) == 3 and all(name.startswith("encoder.") for name in ended)
    assert last == events.Cancelled(())
    assert asked == []
    assert drawn(desk, task=TO_IMAGE) == before


def test_a_decode_that_is_under_way_stops_and_the_estimate_is_decoded(desk, blocks):
    vae = held().vae
    order = blocks(vae)
    before = drawn(desk)
    whole = list(order)
    ended, last = stopped(desk, blocks, vae, 4)
    assert ended == whole[:4] + whole
    assert isinstance(last, events.Cancelled)
    assert last.pictures[0].partial
    assert drawn(desk) == before


def test_an_estimate_that_takes_long_to_decode_is_shown_as_its_preview(desk, blocks, monkeypatch):
    before, models = drawn(desk), held()
    monkeypatch.setattr(engine_vae, "_SOON_S", -1.0)
    decoded = blocks(models.vae)
    _, last = stopped(desk, blocks, models.backbone, count(models.backbone) + 1)
    [picture] = last.pictures
    assert decoded == []
    assert picture.partial and picture.image.size == SIZE
    assert "preview" in picture.warnings[0]
    assert len(set(picture.image.getdata())) > 100
    assert drawn(desk) == before


def test_what_is_outside_the_mask_stays_in_such_a_preview(desk, blocks, monkeypatch):
    monkeypatch.setattr(engine_vae, "_SOON_S", -1.0)
    task = {"kind": "inpaint", "image": "image", "mask": "mask"}
    unet = held().backbone
    _, last = stopped(desk, blocks, unet, count(unet) + 1, task=task)
    assert last.pictures[0].outside_mask_max_difference == 0


def test_no_block_of_a_controlnet_runs_after_the_cancel(desk, blocks):
    request = desk.settled(**FIELDS, controls=[UNIT])
    before = drawn(desk, controls=[UNIT])
    with manager("float32").lease(select(catalog(), request)) as models:
        [net], unet = models.controlnets, models.backbone
    asked = blocks(unet)
    ended, last = stopped(desk, blocks, net, count(net) + 3, controls=[UNIT])
    assert len(ended) == count(net) + 3
    assert len(asked) == count(unet)
    assert last.pictures[0].partial
    assert drawn(desk, controls=[UNIT]) == before


def test_layers_in_eight_bits_are_as_before_after_an_interrupted_call(blocks):
    desk = Desk()
    desk.engine = StableDiffusionEngine(
        ModelManager("cpu", "float32", mode="fp8"), lambda request: picturebook()
    )
    before = drawn(desk)
    with desk.engine._manager.lease(picturebook()) as models:
        unet = models.backbone
    kinds = {name: tensor.dtype for name, tensor in unet.named_parameters()}
    stopped(desk, blocks, unet, count(unet) + 7)
    assert {name: tensor.dtype for name, tensor in unet.named_parameters()} == kinds
    assert drawn(desk) == before


def asking(unet) -> Rows:
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(1, 4, 16, 16, generator=generator)
    words = torch.randn(1, 77, unet.config.cross_attention_dim, generator=generator)
    return Rows(sample, torch.full((1,), 500.0), words)


def test_a_shared_call_ends_when_all_who_wait_for_it_are_gone(blocks):
    unet = held().backbone
    predict, ask = UNetPredictor(unet), asking(unet)
    with torch.inference_mode():
        whole = predict(ask)
        gone = {"one": False, "other": False}

        def leave(number: int) -> None:
            gone["one"] = gone["one"] or number == 3
            gone["other"] = gone["other"] or number == count(unet) + 6

        ended = blocks(unet, leave)
        with interrupted_when(lambda: all(gone.values())):
            assert torch.equal(predict(ask), whole)
            with pytest.raises(Interrupted):
                predict(ask)
        assert len(ended) == count(unet) + 6
        assert torch.equal(predict(ask), whole)


def test_other_threads_are_not_concerned():
    unet = held().backbone
    predict, ask = UNetPredictor(unet), asking(unet)
    found = []

    def call() -> None:
        with torch.inference_mode():
            found.append(predict(ask))

    with interrupted_when(lambda: True):
        other = threading.Thread(target=call)
        other.start()
        other.join(60)
        with torch.inference_mode(), pytest.raises(Interrupted):
            predict(ask)
    call()
    assert torch.equal(found[0], found[1])


class Layer(nn.Module):
    """One large operation; counts the slices of it that were begun."""

    def __init__(self, work) -> None:
        super().__init__()
        self._work = work

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        return self._work(*given)


SIDE = 64


def attention(dtype) -> tuple[nn.Module, list[torch.Tensor]]:
    """Of SIDE² places: 2 rows, 4 heads."""
    given = [torch.randn(2, SIDE**2, 4, 16, dtype=dtype).transpose(1, 2) for _ in range(3)]
    return Layer(functional.scaled_dot_product_attention), given


def convolution(dtype, stride: int = 1, side: int = 3) -> tuple[nn.Module, list[torch.Tensor]]:
    """As the studio lays weights out: channels last."""
    conv = nn.Conv2d(16, 32, side, stride, padding=side // 2).to(dtype)
    conv.to(memory_format=torch.channels_last)
    given = torch.randn(2, 16, SIDE + 1, SIDE, dtype=dtype)
    return conv, [given.contiguous(memory_format=torch.channels_last)]


LARGE = {
    "attention": attention,
    "convolution": convolution,
    "strided": lambda dtype: convolution(dtype, stride=2),
    "1 × 1": lambda dtype: convolution(dtype, side=1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", LARGE)
def test_large_operations_are_done_in_slices_with_the_same_bytes(kind, dtype, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(interruption, "_SLICE", 1e6)
    places = torch.empty(1, 4, SIDE, SIDE)
    looks = []
    with torch.inference_mode():
        module, given = LARGE[kind](dtype)
        whole = module(*given)
        with interrupted_when(lambda: looks.append(1)), interruptible(module, places):
            sliced = module(*given)
        assert torch.equal(sliced, whole)
        assert len(looks) > 3
        looks.clear()
        third = interrupted_when(lambda: looks.append(1) or len(looks) == 3)
        with third, pytest.raises(Interrupted), interruptible(module, places):
            module(*given)
        assert len(looks) == 3
        assert torch.equal(module(*given), whole)


def test_attention_with_a_mask_is_left_whole(monkeypatch):
    monkeypatch.setattr(interruption, "_SLICE", 1e6)
    with torch.inference_mode():
        module, given = attention(torch.float32)
        mask = torch.randn(SIDE**2, SIDE**2)
        whole = functional.scaled_dot_product_attention(*given, attn_mask=mask)
        with interruptible(module, torch.empty(1, 4, SIDE, SIDE)):
            same = functional.scaled_dot_product_attention(*given, attn_mask=mask)
    assert torch.equal(same, whole)


def test_a_large_picture_stops_between_operations(desk):
    """At 512 × 512: at the third look of a step, long before its first block's end."""
    desk.draw(**FIELDS, width=136)  # what larger pictures take is known from now on
    run = desk.engine.open(desk.settled(**FIELDS, width=512, height=512))
    unet = held().backbone
    steps = []
    hook = unet.register_forward_pre_hook(lambda *_: steps.append(1))
    first = unet.conv_in.register_forward_hook(lambda *_: run.cancel())
    ended = []
    block = unet.down_blocks[0].resnets[0].norm1.register_forward_hook(lambda *_: ended.append(1))
    try:
        while not run.done:
            event = step(desk.engine, run)
    finally:
        for each in (hook, first, block):
            each.remove()
    assert (len(steps), ended, event) == (1, [], events.Cancelled(()))


def test_a_compiled_module_is_looked_in_on_between_calls():
    conv = nn.Conv2d(4, 4, 3)
    compiled = torch.compile(conv, backend="eager")
    given = torch.randn(1, 4, SIDE, SIDE)
    with torch.inference_mode():
        with interrupted_when(lambda: False), interruptible(compiled, given):
            whole = compiled(given)
        gone = interrupted_when(lambda: True)
        with gone, pytest.raises(Interrupted), interruptible(compiled, given):
            late = compiled(given)
    assert torch.equal(late, whole)

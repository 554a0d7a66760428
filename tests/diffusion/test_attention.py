"""What is seen of a U-Net's cross attentions is what diffusers' own attention computes, and looking
changes nothing."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.nn import functional

from studio.diffusion.attention import Attention
from studio.diffusion.conditioning import Text, Word
from studio.diffusion.rows import Rows, joined
from studio.families.stable_diffusion.backbone import UNetPredictor

CELLS = 32, 24
"""Height and width: layers of 768, 192 and 48 queries, of which the last are too few."""
WORDS = Word(0, 3, (1,)), Word(4, 9, (2, 80))


class Told(AttnProcessor):
    """diffusers' attention without fused kernels, which keeps what it computed."""

    def __init__(self, probabilities: list[torch.Tensor]) -> None:
        super().__init__()
        self._probabilities = probabilities

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **named):
        if encoder_hidden_states is not None:
            query = attn.head_to_batch_dim(attn.to_q(hidden_states))
            key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
            seen = attn.get_attention_scores(query, key)
            self._probabilities.append(seen.unflatten(0, (-1, attn.heads)).mean(1))
        return super().__call__(attn, hidden_states, encoder_hidden_states, **named)


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(32, 32, 64),
        norm_num_groups=8,
        layers_per_block=1,
        attention_head_dim=(2, 4, 8),
        transformer_layers_per_block=(1, 2, 1),
        cross_attention_dim=24,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
    ).eval()


def rows(count: int, seed: int, **fields) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    return Rows(
        torch.randn(count, 4, *CELLS, generator=generator),
        torch.full((count,), 500.0),
        torch.randn(count, 154, 24, generator=generator),
        **fields,
    )


def watched(attention: Attention, texts: list[Text], begun: float = 0.0, negatives: int = 0):
    return attention.watched(texts, begun, negatives)


def text(*words: Word) -> Text:
    return Text(torch.zeros(1, 154, 24), words=words)


def by_diffusers(unet, asked: Rows, row: int, word: Word) -> torch.Tensor:
    """The map of one word in one row: the mean over heads, summed over the layers."""
    own, found = unet.attn_processors, []
    unet.set_attn_processor(Told(found))
    try:
        unet(asked.sample, asked.timestep, encoder_hidden_states=asked.prompt_embeds)
    finally:
        unet.set_attn_processor(own)
    total = torch.zeros(CELLS)
    for seen in found:
        side = {768: CELLS, 192: (16, 12)}.get(seen.shape[1])
        if side is not None:
            mean = seen[row][:, list(word.places)].mean(-1).unflatten(0, side)
            total += functional.interpolate(mean[None, None], CELLS, mode="bilinear")[0, 0]
    return total


@torch.inference_mode()
def test_what_is_seen_is_what_diffusers_computes_and_nothing_is_changed(unet):
    predict = UNetPredictor(unet)
    others, own = rows(3, 1), rows(6, 2)
    plain = predict(joined([others, own]))
    attention = Attention(2, CELLS)
    looked = Rows(**vars(own) | {"watched": watched(attention, [text(*WORDS)] * 2, 0.0, 2)})
    [first, *more] = looked.watched
    assert (first.first, first.count, more) == (2, 2, [])  # one text, however often it is mixed
    assert torch.equal(predict(joined([others, looked])), plain)
    assert not any(
        module._forward_hooks for module in unet.modules() if type(module) is torch.nn.Linear
    )
    maps = attention.maps()
    assert list(maps) == [(0, 3), (4, 9)]
    for word in WORDS:
        for picture in range(2):
            expected = by_diffusers(unet, own, 2 + picture, word)
            assert maps[word.start, word.end][picture].shape == CELLS
            assert torch.allclose(maps[word.start, word.end][picture], expected, atol=1e-5)


@torch.inference_mode()
def test_each_text_is_looked_at_ten_times_and_counts_while_it_is_there(unet):
    predict, attention = UNetPredictor(unet), Attention(1, CELLS)
    early, late = text(WORDS[0]), text(WORDS[1])
    looks = 0
    for step in range(30):
        now = early if step < 15 else late
        found = watched(attention, [now], step / 30)
        looks += len(found)
        if found:
            predict(Rows(**vars(rows(1, 5)) | {"watched": found}))
    assert looks == 10
    alternating = Attention(1, CELLS)
    found = [watched(alternating, [(early, late)[step % 2]], step / 20) for step in range(20)]
    assert [len(each) for each in found] == [1] * 20
    for word in WORDS:  # the same rows each time: the mean is any of them
        assert torch.allclose(
            attention.maps()[word.start, word.end][0],
            by_diffusers(unet, rows(1, 5), 0, word),
            atol=1e-5,
        )


@torch.inference_mode()
def test_of_a_call_that_was_not_ended_nothing_is_seen(unet):
    predict, attention = UNetPredictor(unet), Attention(1, CELLS)
    asked = Rows(**vars(rows(1, 5)) | {"watched": watched(attention, [text(*WORDS)])})

    def fail(*_):
        raise RuntimeError

    hook = unet.conv_out.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError):
        predict(asked)
    hook.remove()
    assert attention.maps() == {}

"""Prompts: chunks, and words that stand for the vectors of an embedding."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion.conditioning import TextModels
from studio.domain import embedding_names
from studio.domain.prompt_emphasis import segments
from studio.domain.sampling import Sampling
from studio.families.stable_diffusion import text, tokenizers, tokens
from studio.families.stable_diffusion.family import PICTUREBOOK, SD2, SDXL
from studio.families.stable_diffusion.text import Encoded, at_size, texts
from studio.families.stable_diffusion.tokens import CHUNK_TOKENS, Chunk
from tests.models_in_memory import manager, picturebook
from tests.weights import checkpoints


@pytest.fixture(scope="module")
def words() -> TextModels:
    with manager("float32").lease(picturebook()) as models:
        return TextModels(PICTUREBOOK, models.tokenizers, models.text_encoders)


def encode(asked, models: TextModels, **how) -> Encoded:
    return text.encode([segments(words) for words in asked], models, **how)


def chunks(words: str, *how) -> list[Chunk]:
    return tokens.chunks(segments(words), *how)


def with_embeddings(words: TextModels, **vectors: torch.Tensor) -> TextModels:
    named = {name: (tensor,) for name, tensor in vectors.items()}
    return TextModels(words.family, words.tokenizers, words.text_encoders, named)


def table_of(words: TextModels) -> torch.Tensor:
    return words.text_encoders[0].embeddings.token_embedding.weight


def ids_of(words: TextModels, text: str) -> list[int]:
    return words.tokenizers[0](text, add_special_tokens=False).input_ids


@pytest.mark.parametrize(
    "text, found",
    [
        ("a photo, easyneg", {"easyneg"}),
        ("EasyNeg", {"easyneg"}),
        ("(easyneg:1.2), [style-x]", {"easyneg", "style-x"}),
        ("veryeasyneg easynegs easyneg-v2 easyneg_v2", set()),
        ("my style-x.", {"style-x"}),
        ("style", set()),
        ("C++ (art)!", {"C++ (art)"}),
        ("", set()),
    ],
)
def test_which_embeddings_a_prompt_names(text, found):
    names = ["easyneg", "style-x", "C++ (art)"]
    assert embedding_names.named_in(text, names) == found
    pieces = embedding_names.split(text, names)
    assert "".join(piece for piece, _ in pieces) == text


def test_the_longer_of_two_names_counts():
    names = ["bad hand", "bad hand five", "bad"]
    assert embedding_names.named_in("bad hand five", names) == {"bad hand five"}


@torch.inference_mode()
def test_vectors_that_are_those_of_a_word_change_nothing(words):
    """A textual inversion that has learnt 'red house' is the words 'red house'."""
    ids = ids_of(words, "red house")
    copied = with_embeddings(words, mystyle=table_of(words)[ids].clone())
    plain = encode(["a red house at dawn"], words).embeds
    assert torch.equal(encode(["a mystyle at dawn"], copied).embeds, plain)
    assert torch.equal(encode(["a MyStyle at dawn"], copied).embeds, plain)


@torch.inference_mode()
def test_neither_the_text_encoder_nor_later_prompts_notice(words):
    before, table = encode(["a mystyle"], words).embeds, table_of(words).clone()
    learnt = with_embeddings(words, mystyle=torch.randn(3, table.shape[1]))
    assert not torch.equal(encode(["a mystyle"], learnt).embeds, before)
    assert torch.equal(encode(["a mystyle"], words).embeds, before)
    assert torch.equal(table_of(words), table)
    assert not words.text_encoders[0].embeddings.token_embedding._forward_hooks


@torch.inference_mode()
def test_only_the_text_that_names_it_is_changed(words):
    learnt = with_embeddings(words, mystyle=torch.randn(3, table_of(words).shape[1]))
    both = encode(["a cat", "a mystyle"], learnt).embeds
    assert torch.allclose(both[:1], encode(["a cat"], words).embeds, atol=1e-5)


def test_vectors_are_counted_and_stay_together(words):
    tokenizer, vectors = words.tokenizers[0], torch.randn(10, 192)
    filled = "red " * (CHUNK_TOKENS - 4)
    rows = chunks(filled + "mystyle blue", tokenizer, {"mystyle": vectors})
    assert len(rows) == 2
    assert [len(row.vectors) for row in rows] == [0, 10]
    assert list(rows[1].vectors) == list(range(1, 11))
    assert all(len(row.ids) == 77 for row in rows)
    fitting = chunks("red " * (CHUNK_TOKENS - 10) + "mystyle", tokenizer, {"mystyle": vectors})
    assert len(fitting) == 1


def test_more_vectors_than_a_chunk_has_room_for_are_split(words):
    rows = chunks("a x", words.tokenizers[0], {"x": torch.randn(80, 192)})
    assert [len(row.vectors) for row in rows] == [CHUNK_TOKENS - 1, 6]


@torch.inference_mode()
def test_both_encoders_of_sdxl_get_their_own_vectors():
    parts = checkpoints.text_encoders_of(SDXL)
    clips = [tokenizers.clip(encoder.pad_token) for encoder in SDXL.prompt_encoders]
    encoders = [parts[encoder.part].eval() for encoder in SDXL.prompt_encoders]
    ids = clips[0]("fox", add_special_tokens=False).input_ids
    tables = [encoders[0].embeddings, encoders[1].text_model.embeddings]
    vectors = tuple(table.token_embedding.weight[ids].detach().clone() for table in tables)
    plain = encode(["a fox runs"], TextModels(SDXL, clips, encoders))
    named = encode(["a xyz runs"], TextModels(SDXL, clips, encoders, {"xyz": vectors}))
    assert torch.equal(plain.embeds, named.embeds)
    assert torch.equal(plain.pooled, named.pooled)
    other = encode(["a xyz runs"], TextModels(SDXL, clips, encoders, {"xyz": (vectors[0] * 2,
                   vectors[1] * 2)}))  # fmt: skip
    width = parts["text_encoder"].config.hidden_size
    assert not torch.allclose(other.embeds[..., :width], plain.embeds[..., :width])
    assert not torch.allclose(other.embeds[..., width:], plain.embeds[..., width:])
    assert not torch.allclose(other.pooled, plain.pooled)


def test_each_family_pads_as_it_was_trained():
    assert [row.ids[-1] for row in chunks("a", tokenizers.clip())] == [49407]
    assert [row.ids[-1] for row in chunks("a", tokenizers.clip("!"))] == [0]
    assert SD2.prompt_encoders[0].pad_token == "!"


@torch.inference_mode()
@pytest.mark.parametrize("negative, zero", [("", True), ("  ", True), ("blurry", False)])
def test_an_empty_negative_prompt_of_sdxl_is_zeros(negative, zero):
    parts = checkpoints.text_encoders_of(SDXL)
    clips = [tokenizers.clip(encoder.pad_token) for encoder in SDXL.prompt_encoders]
    encoders = [parts[encoder.part].eval() for encoder in SDXL.prompt_encoders]
    models = TextModels(SDXL, clips, encoders)
    asked = [(segments("a fox"), False), (segments(negative), True)]
    _, found = texts(asked, Sampling(), models, torch.device("cpu"))
    assert bool(found.embeds.any()) is not zero
    assert bool(found.pooled.any()) is not zero
    sized = at_size(found, True, SDXL, (1024, 768))
    assert sized.time_ids.tolist() == [[768, 1024, 0, 0, 768, 1024]]


def test_a_full_chunk_ends_at_a_comma_that_is_near():
    tokenizer = tokenizers.clip()
    [comma] = tokenizer(",", add_special_tokens=False).input_ids

    def lengths(words: str) -> list[int]:
        return [77 - 1 - row.ids.index(tokenizer.eos_token_id) for row in chunks(words, tokenizer)]

    assert lengths("cat " * 60 + ", " + "cat " * 20) == [14, 55], "of 75 the 61 up to the comma"
    assert lengths("cat " * 50 + ", " + "cat " * 30) == [0, 69], "the comma is too far back"
    assert lengths("cat BREAK cat cat") == [74, 73]
    assert lengths("cat BREAK") == [74]
    [first, _] = chunks("cat " * 60 + ", " + "cat " * 20, tokenizer)
    assert first.ids[61] == comma


@torch.inference_mode()
@pytest.mark.parametrize("law", ["mean", "plain", "empty"])
def test_a_weight_multiplies_what_is_said_of_its_tokens(words, law):
    """Against the rule written out; a chunk without weights keeps its very bits."""
    asked = "a house BREAK a (moon:1.5), (boat:0)"
    plain = encode(["a house BREAK a moon, boat"], words).embeds
    found = encode([asked], words, law=law).embeds
    tokenizer = words.tokenizers[0]
    pieces = [("a ", 1.0), ("moon", 1.5), (", ", 1.0), ("boat", 0.0)]
    weights = torch.ones(77)
    at = 1
    for piece, weight in pieces:
        count = len(tokenizer(piece, add_special_tokens=False).input_ids)
        weights[at : at + count] = weight
        at += count
    nothing = encode([""], words).embeds if law == "empty" else 0
    expected = nothing + (plain[:, 77:] - nothing) * weights[None, :, None]
    if law == "mean":
        expected = expected * (plain[:, 77:].mean() / expected.mean())
    assert torch.equal(found[:, :77], plain[:, :77])
    assert torch.allclose(found[:, 77:], expected, atol=1e-5)

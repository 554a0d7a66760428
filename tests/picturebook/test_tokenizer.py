"""The tokenizer: one token a known word, ids for any text at all."""

import numpy as np
import pytest
from transformers import CLIPTokenizer

from studio.picturebook.tokenizer import build_tokenizer, token_ids
from studio.picturebook.training import MODEL_DIR
from studio.picturebook.vocabulary import COLOURS, GROUNDS, OBJECTS
from studio.picturebook.world import Scene


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def test_words_of_the_world_are_one_token_each(tokenizer):
    for word in (*COLOURS, *OBJECTS, *GROUNDS, "mountains", "watercolor", "an"):
        assert len(tokenizer.tokenize(word)) == 1, word


@pytest.mark.parametrize(
    "text",
    [
        "a red house",
        "zebra crossing, 35mm f/1.8",
        "a cat 🐱 and a 🎈 balloon",
        "null \x00 inside",
        "שלום עולם",
        "日本語の家",
        "naïve café",
        "",
    ],
)
def test_any_text_has_ids_and_reads_back(tokenizer, text):
    ids = tokenizer(text).input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert all(0 <= k < len(tokenizer) for k in ids)
    assert tokenizer.eos_token_id not in ids[:-1]
    letters = tokenizer.decode(ids[1:-1]).lower().replace(" ", "")
    assert letters == text.lower().replace(" ", "")


def test_ids_are_cut_and_padded_to_77(tokenizer):
    ids = token_ids(tokenizer, ["a cat", "a cat " * 5000])
    assert ids.shape == (2, 77)
    assert (ids[0, 4:] == tokenizer.pad_token_id).all()
    assert ids[1, -1] == tokenizer.eos_token_id


def test_captions_fit(tokenizer):
    rng = np.random.default_rng(0)
    texts = [Scene.random(rng).caption(rng) for _ in range(300)]
    assert max(len(ids) for ids in tokenizer(texts).input_ids) <= 77


def test_the_shipped_tokenizer_is_this_one(tokenizer):
    shipped = CLIPTokenizer.from_pretrained(MODEL_DIR / "tokenizer")
    assert shipped.model_max_length == 77
    for text in ("a red house on the left", "🎈 zebra\x00", "an orange boat, watercolour"):
        assert shipped(text).input_ids == tokenizer(text).input_ids


def test_the_model_that_ships_goes_by_todays_ids(tokenizer):
    """Else its text encoder, trained on, would have to learn all words anew."""
    shipped = CLIPTokenizer.from_pretrained(MODEL_DIR / "tokenizer")
    assert shipped.get_vocab() == tokenizer.get_vocab()

"""A very small BLIP of random weights, as a user has one: a folder of transformers' layout."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
)

WORDS = ("kite", "dog", "red", "blue", "sea", "hill", "over", "near")
_SIGNS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def save(folder: Path) -> Path:
    """Written into `folder`; its captions are made of `WORDS`."""
    tokenizer = BertTokenizer({word: place for place, word in enumerate((*_SIGNS, *WORDS))})
    begin = len(_SIGNS) + len(WORDS)  # as in the published ones: none of the tokenizer's
    layers = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 8,
        "initializer_range": 1.0,  # so that it makes a difference what is seen
    }
    tokens = {"bos_token_id": begin, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    text = {"vocab_size": begin + 1, "encoder_hidden_size": 16, "is_decoder": True}
    vision = {"image_size": 32, "patch_size": 16}
    torch.manual_seed(5)
    config = BlipConfig(text_config=layers | tokens | text, vision_config=layers | vision)
    network = BlipForConditionalGeneration(config).eval()
    with torch.no_grad():  # signs are never said
        network.text_decoder.cls.predictions.bias[[0, 1, 2, 4, begin]] = -1e4
    for part in (network, tokenizer, BlipImageProcessorPil(size={"height": 32, "width": 32})):
        part.save_pretrained(folder)
    return folder

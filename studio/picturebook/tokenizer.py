"""picturebook's own small CLIPTokenizer: one token a word it knows, bytes for all others."""

from collections import Counter
from itertools import pairwise

import numpy as np
from transformers import CLIPTokenizer

from studio.picturebook import captions
from studio.picturebook.vocabulary import COLOURS, EXTRAS, GROUNDS, OBJECTS, PLACES, SKIES, STYLES
from studio.picturebook.world import Scene

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def _byte_letters():
    """The printable letter that stands for each byte, as in byte-level BPE."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {byte: chr(byte) for byte in plain}, 256
    for byte in range(256):
        if byte not in letters:
            letters[byte], extra = chr(extra), extra + 1
    return letters


def _words():
    """The words of a thousand captions and of the vocabulary. How often a caption says which is of
    no account: ids stay what they are while captions only shift their weight."""
    rng = np.random.default_rng(0)
    texts = [Scene.random(rng).caption(rng) for _ in range(1000)]
    texts += [*COLOURS, *EXTRAS, *GROUNDS, *OBJECTS, *PLACES, *SKIES, *STYLES]
    texts += [*captions.FILLERS, *(word + "s" for word in OBJECTS), "snowy", "stormy", "rainy"]
    return set(" ".join(texts).lower().replace(",", " ").split())


def _learn_merges(words):
    """Byte-pair merges, most frequent first, until every one of `words` is one token."""
    pieces_of = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges = []
    while True:
        pairs = Counter(pair for pieces in pieces_of.values() for pair in pairwise(pieces))
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, pieces in pieces_of.items():
            pieces_of[word] = _merged(pieces, best)


def _merged(pieces, pair):
    out = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


def build_tokenizer():
    """A CLIPTokenizer for sequences of 77 ids; any text, emoji and NUL too, has ids."""
    merges = _learn_merges(_words())
    letters = list(_byte_letters().values())
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += dict.fromkeys("".join(pair) for pair in merges)
    tokens = list(dict.fromkeys(tokens)) + [BEGIN, END]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=merges,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=77,
    )


def token_ids(tokenizer, texts):
    """int64 tensor (texts, 77), cut and padded as diffusers' pipelines do."""
    encoded = tokenizer(
        texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    return encoded.input_ids

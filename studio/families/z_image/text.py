"""Prompts as Qwen3 reads them: as a user's message to which it is about to answer. What its last
layer but one says of each token is what the transformer takes, as many as there are.

Brackets and weights are read as they stand: it has no weight for a token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from studio.diffusion.conditioning import Text, TextModels
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.prompt_emphasis import Segment

_MESSAGE = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
_PADDING = "<|endoftext|>"
_MOST_TOKENS = 512
_LAYER = -2


def tokenizer_from_text(tokenizer_json: str) -> Tokenizer:
    """From the text of a tokenizer.json. Raises `CheckpointError`."""
    try:
        tokenizer = Tokenizer.from_str(tokenizer_json)
    except Exception as error:
        raise CheckpointError(f"its vocabulary is damaged ({str(error)[:200]})") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if tokenizer.token_to_id(_PADDING) is None:
        raise CheckpointError(f"its vocabulary is not Qwen's: it has no {_PADDING}")
    return tokenizer


def texts(
    asked: Sequence[tuple[Sequence[Segment], bool]], models: TextModels, device: torch.device
) -> list[Text]:
    """Of `asked`, each with whether it is negative, filled up to one length. Raises
    `InvalidRequest` for one that is too long."""
    encoded = [
        _encoded(
            "".join(piece.text for piece in pieces),
            "negative_prompt" if is_negative else "prompt",
            models,
        ).to(device)
        for pieces, is_negative in asked
    ]
    longest = max(len(tokens) for tokens in encoded)
    return [
        Text(
            functional.pad(tokens, (0, 0, 0, longest - len(tokens)))[None],
            length=len(tokens),
        )
        for tokens in encoded
    ]


def count(text: str, tokenizer: Tokenizer) -> int:
    """Its tokens, without those of the message around it."""
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def _encoded(text: str, field: str, models: TextModels) -> torch.Tensor:
    """(tokens, width)."""
    [tokenizer], [encoder] = models.tokenizers, models.text_encoders
    ids = tokenizer.encode(_MESSAGE.format(text), add_special_tokens=False).ids
    if len(ids) > _MOST_TOKENS:
        raise InvalidRequest(
            f"this is {len(ids)} tokens long, and Z-Image reads at most {_MOST_TOKENS}. Shorten "
            "it.",
            field,
        )
    # Filled up as its makers do: kernels for other lengths round otherwise.
    filled = ids + [tokenizer.token_to_id(_PADDING)] * (_MOST_TOKENS - len(ids))
    device = encoder.embed_tokens.weight.device
    mask = torch.arange(_MOST_TOKENS, device=device)[None] < len(ids)
    output = encoder(
        input_ids=torch.tensor([filled], device=device),
        attention_mask=mask,
        output_hidden_states=True,
        use_cache=False,
    )
    return output.hidden_states[_LAYER][0, : len(ids)]

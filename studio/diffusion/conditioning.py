"""Words to what the U-Net is conditioned on.

A prompt of any length is cut into chunks of 75 tokens, each encoded by itself between its own
start and end marks (77 in all) and laid end to end, as the other studios do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

CHUNK_TOKENS = 75


@dataclass(frozen=True)
class Conditioning:
    """What steers each row of a batch; rows are independent of each other.

    prompt_embeds           (B, 77·n, C)
    negative_prompt_embeds  (B, 77·n, C), or None where guidance is off (scale 1)
    guidance_scale          (B, 1, 1, 1), 1 to 30
    guidance_rescale        (B, 1, 1, 1), 0 to 1; None if off for all rows
    """

    prompt_embeds: torch.Tensor
    negative_prompt_embeds: torch.Tensor | None
    guidance_scale: torch.Tensor
    guidance_rescale: torch.Tensor | None


def encode(
    texts: Sequence[str], tokenizer: Any, text_encoder: torch.nn.Module, clip_skip: int = 1
) -> torch.Tensor:
    """Embeddings (len(texts), 77·n, C), n the chunks of the longest text.

    `clip_skip` counts layers as artists do: 1 is the last, 2 the one before. The final layer norm
    is applied to whichever is taken. Shorter texts are filled up with empty chunks.
    """
    chunked = [_chunks(text, tokenizer) for text in texts]
    most = max(len(chunks) for chunks in chunked)
    empty = _chunks("", tokenizer)
    rows = [row for chunks in chunked for row in chunks + empty * (most - len(chunks))]
    ids = torch.tensor(rows, device=next(text_encoder.parameters()).device)
    if clip_skip == 1:
        embeds = text_encoder(ids).last_hidden_state
    else:
        layers = text_encoder(ids, output_hidden_states=True).hidden_states
        layer = layers[-min(clip_skip, len(layers) - 1)]
        # SD 1.x's CLIPTextModel is flat in transformers 5; its projection sibling is not.
        embeds = getattr(text_encoder, "text_model", text_encoder).final_layer_norm(layer)
    return embeds.reshape(len(texts), most * ids.shape[1], -1)


def _chunks(text: str, tokenizer: Any) -> list[list[int]]:
    """Token ids of `text` in rows of start + 75 + end, padded; at least one row."""
    tokens = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    rows = []
    for start in range(0, max(len(tokens), 1), CHUNK_TOKENS):
        piece = tokens[start : start + CHUNK_TOKENS]
        padding = [tokenizer.pad_token_id] * (CHUNK_TOKENS - len(piece))
        rows.append([tokenizer.bos_token_id, *piece, tokenizer.eos_token_id, *padding])
    return rows

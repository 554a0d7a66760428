"""Prompts as Qwen3 reads them: as a user's message to which it is about to answer. What its last
layer but one says of each token is what the transformer takes, as many as there are.

Brackets and weights are read as they stand."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from studio.diffusion.conditioning import Conditioning, TextModels
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.sampling import Sampling

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


def condition(
    prompts: tuple[str, str],
    sampling: Sampling,
    rows: int,
    models: TextModels,
    device: torch.device,
) -> Conditioning:
    """Of `prompts`, the prompt and the negative one, the same for every row of a batch. Raises
    `InvalidRequest` for one that is too long."""
    guided = sampling.guidance_scale > 1
    named = list(zip(prompts, ("prompt", "negative_prompt"), strict=True))[: 2 if guided else 1]
    texts = [_encoded(text, field, models).to(device) for text, field in named]
    longest = max(len(text) for text in texts)

    def all_rows(text: torch.Tensor) -> torch.Tensor:
        return functional.pad(text, (0, 0, 0, longest - len(text))).expand(rows, -1, -1)

    def each(value: float) -> torch.Tensor:
        return torch.full((rows, 1, 1, 1), value, device=device)

    lengths = [torch.full((rows,), len(text)) for text in texts]
    return Conditioning(
        prompt_embeds=all_rows(texts[0]),
        negative_prompt_embeds=all_rows(texts[1]) if guided else None,
        guidance_scale=each(sampling.guidance_scale),
        guidance_rescale=(
            each(sampling.guidance_rescale) if guided and sampling.guidance_rescale > 0 else None
        ),
        prompt_lengths=lengths[0],
        negative_prompt_lengths=lengths[1] if guided else None,
    )


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

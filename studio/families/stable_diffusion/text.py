"""Words to what the U-Net reads.

A prompt of any length is cut into chunks of 75 tokens, each encoded by itself between its own
start and end marks (77 in all) and laid end to end, as the other studios do. What differs between
families (which encoders, which of their layers, what is told beside the prompt) is read from
their description.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from studio.diffusion.conditioning import Text, TextModels
from studio.domain.family import ModelFamily
from studio.domain.geometry import Size
from studio.domain.prompt_emphasis import Segment
from studio.domain.sampling import Sampling
from studio.families.stable_diffusion.prompt_encoder import PromptEncoder
from studio.families.stable_diffusion.tokens import Chunk, chunks

Law = Literal["mean", "plain", "empty"]
"""What weights do to what an encoder says of tokens: multiply it, and bring each chunk back to the
mean that it had (AUTOMATIC1111's "Original"); multiply it (its "No norm"); or multiply how it
differs from what is said at the same place of an empty text (ComfyUI)."""


@dataclass(frozen=True)
class Encoded:
    """Texts as embeddings (texts, 77·n, C) and, where the family has them, pooled (texts, P)."""

    embeds: torch.Tensor
    pooled: torch.Tensor | None


def texts(
    asked: Sequence[tuple[Sequence[Segment], bool]],
    sampling: Sampling,
    models: TextModels,
    device: torch.device,
) -> list[Text]:
    """Of `asked`, each with whether it is negative: encoded together, so of one length."""
    encoded = encode([pieces for pieces, _ in asked], models, sampling.clip_skip, _law_of(sampling))
    embeds, pooled = encoded.embeds.to(device), encoded.pooled

    def text(place: int, pieces: Sequence[Segment], is_negative: bool) -> Text:
        own = embeds[place : place + 1]
        vector = None if pooled is None else pooled[place : place + 1].to(device)
        is_empty = not any(piece.text.strip() for piece in pieces)
        if is_negative and models.family.zero_negative and is_empty:
            own = torch.zeros_like(own)
            vector = None if vector is None else torch.zeros_like(vector)
        return Text(own, vector)

    return [text(place, *one) for place, one in enumerate(asked)]


def at_size(text: Text, is_negative: bool, family: ModelFamily, size: Size) -> Text:
    """The same for a picture of `size`, as if it were cropped from nothing, in families that are
    conditioned on sizes."""
    if not family.size_conditioning:
        return text
    values = {
        "original_size": size[::-1],
        "crop_top_left": (0, 0),
        "target_size": size[::-1],
        "aesthetic_score": (family.aesthetic_scores[is_negative],),
    }
    numbers = [number for name in family.size_conditioning for number in values[name]]
    time_ids = torch.tensor([numbers], dtype=torch.float32, device=text.embeds.device)
    return dataclasses.replace(text, time_ids=time_ids)


def encode(
    texts: Sequence[Sequence[Segment]],
    models: TextModels,
    clip_skip: int = 1,
    law: Law = "mean",
) -> Encoded:
    """Embeddings of `texts`, each in pieces of one weight, under all encoders, laid side by side.

    What an encoder says of a token counts by the token's weight, as `law` says. A chunk without
    weights stays as it is, and so does the pooled embedding.

    `clip_skip` counts layers as artists do: 1 is the last, 2 the one before; never a later one
    than the family was trained on. Shorter texts are filled up with empty chunks; the pooled
    embedding is that of the first chunk.
    """
    sides, pooled = [], None
    for place, encoder in enumerate(models.family.prompt_encoders):
        vectors = {name: each[place] for name, each in models.embeddings.items()}
        tokenizer = models.tokenizers[place]
        cut = [chunks(text, tokenizer, vectors) for text in texts]
        most = max(len(rows) for rows in cut)
        empty = chunks((), tokenizer)
        rows = [row for rows in cut for row in rows + empty * (most - len(rows))]
        embeds, ends = _run(rows, encoder, models.text_encoders[place], clip_skip)
        nothing = None
        if law == "empty" and not all(row.is_plain for row in rows):
            nothing, _ = _run(empty, encoder, models.text_encoders[place], clip_skip)
        embeds = _weighted(embeds, rows, law, nothing)
        sides.append(embeds.reshape(len(texts), -1, embeds.shape[-1]))
        if encoder.pooled:
            pooled = ends[::most]
    return Encoded(sides[0] if len(sides) == 1 else torch.cat(sides, dim=-1), pooled)


def _law_of(sampling: Sampling) -> Law:
    if sampling.prompt_dialect == "comfyui":
        return "empty"
    return "mean" if sampling.emphasis == "original" else "plain"


def _weighted(
    embeds: torch.Tensor, rows: Sequence[Chunk], law: Law, nothing: torch.Tensor | None
) -> torch.Tensor:
    """`embeds` (rows, 77, C), each token's by its weight; `nothing` (1, 77, C) are those of an
    empty text, which the law "empty" needs."""
    heavy = [place for place, row in enumerate(rows) if not row.is_plain]
    if not heavy:
        return embeds
    weights = torch.tensor([rows[place].weights for place in heavy], device=embeds.device)
    before = embeds[heavy].float()
    base = 0 if nothing is None else nothing.float()
    after = base + (before - base) * weights[..., None]
    if law == "mean":
        mean = after.mean(dim=(1, 2), keepdim=True)
        ratio = before.mean(dim=(1, 2), keepdim=True) / mean
        after = after * torch.where(mean == 0, torch.ones_like(ratio), ratio)
    embeds = embeds.clone()
    embeds[heavy] = after.to(embeds.dtype)
    return embeds


def _run(
    rows: Sequence[Chunk], encoder: PromptEncoder, text_encoder: torch.nn.Module, clip_skip: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(rows, 77, C), and the projected end of each row (rows, P) where the encoder has one."""
    # SD 1.x's CLIPTextModel is flat in transformers 5; its projection sibling is not.
    core = getattr(text_encoder, "text_model", text_encoder)
    ids = torch.tensor([row.ids for row in rows], device=next(text_encoder.parameters()).device)
    layer = max(clip_skip, encoder.layer) - encoder.left_out
    as_is = layer == 1 and encoder.final_norm
    with _vectors_in_place(core.embeddings.token_embedding, rows):
        out = text_encoder(ids, output_hidden_states=not as_is)
    pooled = out.text_embeds if encoder.pooled else None
    if as_is:
        return out.last_hidden_state, pooled
    taken = out.hidden_states[-min(layer, len(out.hidden_states) - 1)]
    return core.final_layer_norm(taken) if encoder.final_norm else taken, pooled


@contextmanager
def _vectors_in_place(table: torch.nn.Module, rows: Sequence[Chunk]) -> Iterator[None]:
    """While this lasts the vectors of `rows` come out of the embedding `table` at their places;
    the table itself stays as it is, since others use it too."""
    places = [
        (row, place, vector)
        for row, chunk in enumerate(rows)
        for place, vector in chunk.vectors.items()
    ]
    if not places:
        yield
        return

    def put(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        for row, place, vector in places:
            output[row, place] = vector.to(output)
        return output

    hook = table.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()

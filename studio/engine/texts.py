"""The texts of a drawing, as its model's text encoders read them."""

from __future__ import annotations

from collections.abc import Collection

import torch

from studio.diffusion import mixtures
from studio.diffusion.conditioning import Text, TextModels
from studio.domain import prompt_dialects as dialects
from studio.domain.prompt_mixtures import Mixture, mixture
from studio.domain.sampling import Sampling

Asked = tuple[str, bool]
"""A text, and whether it is negative."""


def read_texts(
    asked: Collection[Asked],
    sampling: Sampling,
    emphasis: str,
    models: TextModels,
    device: torch.device,
) -> dict[Asked, Text]:
    """Each of `asked`, under one of `EMPHASES`: read once, all together, and of one length."""
    dialect = sampling.prompt_dialect
    mixed = {each: _mixture(each[0], emphasis, dialect) for each in asked}
    longest = max(len(one.texts) if one.how == "and" else 1 for one in mixed.values())
    leaves = dict.fromkeys(
        (text, is_negative) for (_, is_negative), one in mixed.items() for text, _ in one.texts
    )
    if any(one.how == "and" for one in mixed.values()):
        leaves |= dict.fromkeys(("", is_negative) for _, is_negative in asked)
    texts = models.family.texts(
        [(dialects.pieces(text, emphasis, dialect), is_negative) for text, is_negative in leaves],
        sampling,
        models,
        device,
    )
    known = dict(zip(leaves, texts, strict=True))

    def joined(each: Asked) -> Text:
        one, is_negative = mixed[each], each[1]
        parts = [(known[text, is_negative], weight) for text, weight in one.texts]
        if one.how == "blend":
            parts = [(mixtures.blended(parts), 1.0)]
        if one.how == "and" or longest > 1:
            return mixtures.end_to_end(parts, known["", is_negative], longest)
        return parts[0][0]

    return {each: joined(each) for each in asked}


def _mixture(text: str, emphasis: str, dialect: str) -> Mixture:
    return mixture(text, dialect if emphasis != "none" else "")

"""A request whose prompts are many -> a request for each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice, product

from studio.catalog.prompts import PROMPTS, with_styles
from studio.catalog.styles import Styles
from studio.domain import dynamic_prompts
from studio.domain.accounts import LOCAL
from studio.domain.dynamic_prompts import MOST_PICTURES, Wildcards
from studio.domain.errors import InvalidRequest, about
from studio.domain.request import GenerationRequest


@dataclass(frozen=True)
class Combinations:
    """`count` different prompts; `requests` for each of them, or none where they were not asked
    for."""

    count: int
    requests: tuple[GenerationRequest, ...]


def combinations(
    request: GenerationRequest,
    limit: int,
    styles: Styles,
    wildcards: Wildcards,
    account: str = LOCAL,
    fixed_seed: bool = False,
) -> Combinations:
    """Each prompt of `request` with each of its negative prompts, with its styles, as `account` has
    them, put on. The seeds count up from one to the next as in a batch, unless they are to be
    fixed. Those of a second drawing are still to be drawn. `limit` 0: they are counted alone.

    Raises `InvalidRequest` where they are more than `limit`, and as `with_words_settled`.
    """
    styled = with_styles(request, styles, account).with_seed()
    numbers, listed = [], []
    for name in PROMPTS:
        text = getattr(styled, name)
        with about(name):
            numbers.append(dynamic_prompts.count(text, wildcards))
            listed.append(dynamic_prompts.combinations(text, wildcards))
    count = min(math.prod(numbers), MOST_PICTURES)
    if limit and count > limit:
        raise InvalidRequest(
            f"These are {count:,} different prompts, more than {limit:,}. Take some choices out, "
            "or allow more.",
            "prompt",
        )
    requests = []
    for place, texts in enumerate(islice(product(*listed), limit)) if limit else ():
        words = dict(zip(PROMPTS, texts, strict=True))
        templates = {
            f"{name}_template": getattr(request, name)
            for name, text in words.items()
            if text != getattr(request, name)
        }
        one = styled if fixed_seed else styled.going_on(place * styled.batch_size)
        requests.append(one.model_copy(update=words | templates))
    return Combinations(count, tuple(requests))

"""Words: what a prompt becomes, and where it acts (cross attention, arXiv:2112.10752, section 3.3;
looked at as in DAAM, arXiv:2210.04885)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from PIL import Image

from studio.diffusion.conditioning import Word
from studio.domain.prompt_dialects import pieces
from studio.families.stable_diffusion.tokens import CHUNK_TOKENS, chunks
from studio.learning.asked import WordsAsked
from studio.learning.bench import Bench, Moment, difference
from studio.learning.shown import Maps, PlaceShown, Sheet, TokenShown, WordsShown
from studio.picturebook.vocabulary import COLOURS, GROUNDS, OBJECTS, SKIES

KINDS = {"colour": COLOURS, "thing": OBJECTS, "ground": GROUNDS, "sky": SKIES}
"""What the model has words for."""


def words(
    bench: Bench, asked: WordsAsked, _: Image.Image | None
) -> Generator[None, None, WordsShown]:
    prompt, found = bench.request.prompt, bench.words
    names = [prompt[word.start : word.end] for word in found]
    places, told = word_map(bench, names)
    yield
    moments, noise = [], bench.noise(bench.request.seed)
    for moment in bench.moments(noise):
        moments.append(moment)
        yield
    estimates = []
    for moment in moments:
        estimates.append(bench.decoded(moment.denoised))
        yield
    end = bench.decoded(moments[-1].latents)
    without = yield from bench.told(negative_prompt="").drawn(noise)
    return WordsShown(
        tokens=tokens(bench, found),
        chunk=CHUNK_TOKENS,
        map=places,
        told=told,
        words=names,
        attention=Maps.of(attention(moments, found)),
        estimates=Sheet.of(estimates),
        with_negative=Sheet.of([end]),
        without_negative=Sheet.of([without]),
        differences=Sheet.of([difference(end, without)]),
    )


def attention(moments: Sequence[Moment], found: Sequence[Word]) -> torch.Tensor:
    """(steps, words, h, w) of what was seen."""
    if not found:
        return torch.zeros(len(moments), 0, *moments[0].latents.shape[1:])
    spans = [(word.start, word.end) for word in found]
    return torch.stack([torch.stack([each.words[span] for span in spans]) for each in moments])


def tokens(bench: Bench, found: Sequence[Word]) -> list[TokenShown]:
    """Those of the first chunk of the prompt between its marks, and these."""
    tokenizer = bench.text_models.tokenizers[0]
    row = chunks(pieces(bench.request.prompt, "none", "a1111"), tokenizer)[0]
    owners = {place: number for number, word in enumerate(found) for place in word.places}
    ids = row.ids[: row.tokens + 2]
    return [
        TokenShown(text=text.removesuffix("</w>"), id=id, word=owners.get(place, -1))
        for place, (id, text) in enumerate(
            zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)
        )
    ]


def word_map(bench: Bench, own: Sequence[str]) -> tuple[list[PlaceShown], float]:
    """`own` words and those of `KINDS`, each as the text encoder reads it by itself, in the plane
    of the two principal components of the latter; and the share of their variance that it holds."""
    known = {word: kind for kind, names in KINDS.items() for word in names}
    others = [word for word in dict.fromkeys(own) if word not in known]
    read = _read(bench, [*known, *others])
    middle = read[: len(known)].mean(0)
    _, sizes, axes = torch.linalg.svd(read[: len(known)] - middle, full_matrices=False)
    flat = (read - middle) @ axes[:2].T
    flat = flat / flat[: len(known)].abs().amax().clamp(min=1e-6)
    kinds = [*known.values(), *["prompt"] * len(others)]
    places = [
        PlaceShown(word=word, kind=kind, x=round(float(x), 4), y=round(float(y), 4))
        for word, kind, (x, y) in zip([*known, *others], kinds, flat, strict=True)
    ]
    return places, float((sizes[:2] ** 2).sum() / (sizes**2).sum())


def _read(bench: Bench, texts: Sequence[str]) -> torch.Tensor:
    """(texts, C): the mean of what is said of the tokens of each, on the CPU."""
    models, sampling = bench.text_models, bench.draw.sampling
    asked = [pieces(text, "none", "a1111") for text in texts]
    read = bench.family.texts([(each, False) for each in asked], sampling, models, bench.device)
    rows = [chunks(each, models.tokenizers[0])[0].tokens for each in asked]
    return torch.stack(
        [
            text.embeds[0, 1 : 1 + max(1, count)].float().mean(0).cpu()
            for text, count in zip(read, rows, strict=True)
        ]
    )

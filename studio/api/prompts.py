"""What a prompt comes to, over HTTP: for whoever types it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, refusals
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.lens import Lens, Seen
from studio.domain.dynamic_prompts import MOST_PICTURES
from studio.domain.sampling import DialectName


class PromptInput(BaseModel):
    """A prompt as it is typed, and what it is for. `checkpoint` left out is the one that draws
    where a request names none. `loras`: names of those that are drawn with besides; the checkpoint
    learns their trigger words from them."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(max_length=20_000)
    negative_prompt: str = Field("", max_length=20_000)
    checkpoint: str | None = Field(None, max_length=1000)
    steps: int = Field(20, ge=1, le=150)
    prompt_dialect: DialectName = "a1111"
    loras: list[Annotated[str, Field(max_length=1000)]] = Field([], max_length=100)


class MarkBody(BaseModel):
    """What stands from character `start` up to `end` of a prompt, counted in Unicode's characters:
    `kind` is lora, lyco, hypernet, embedding, wildcard or unknown (a word, as in `unknown`);
    `known` says whether there is such a thing, `weight` is a network's own on the backbone."""

    kind: str
    name: str
    start: int
    end: int
    known: bool
    weight: float | None


class PromptBody(BaseModel):
    """A prompt under the lens.

    tokens    of the longest text that it is at some step, without marks and padding; null where the
              checkpoint's vocabulary cannot be read
    chunks    of 75 tokens, where the checkpoint has them
    segments  [text, weight]; ["BREAK", -1] begins a new chunk
    schedule  [last step of which it is the text, text], where there is one prompt
    parts     [text, weight] of each prompt that is mixed
    networks  [kind, name, weight on the text encoders, on the backbone]
    text      what is left without networks and comments
    unknown   words that the checkpoint's vocabulary holds in crumbs alone, and no LoRA teaches
    wildcards  that it draws from
    pictures  how many prompts it and the negative one are together
    warnings  of both prompts: what will be refused, or does not mean what it may look like
    marks     where what it names stands in it, by place
    ready     whether words are counted; not while the studio starts: ask again after a while

    `negative_…` are those of the negative prompt.
    """

    tokens: int | None
    chunks: int | None
    segments: list[list[str | float]]
    schedule: list[list[int | str]]
    parts: list[list[str | float]]
    networks: list[list[str | float]]
    text: str
    unknown: list[str]
    loras: list[str]
    embeddings: list[str]
    styles: list[str] = []
    wildcards: list[str]
    pictures: int
    warnings: list[str]
    negative_tokens: int | None
    negative_chunks: int | None
    marks: list[MarkBody]
    negative_unknown: list[str]
    negative_marks: list[MarkBody]
    ready: bool


def build_prompts_router(lens: Lens, default: Any, public: PublicText) -> APIRouter:
    """The route `/studio/v1/prompt`. `default()` names the checkpoint where none is named."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.post("/prompt", responses=refusals(422))
    def prompt(asked: PromptInput) -> PromptBody:
        """What a prompt says and how long it is. No model is loaded for it."""
        checkpoint = asked.checkpoint or default()
        is_ready = lens.is_ready
        of = checkpoint, asked.steps, asked.prompt_dialect, asked.loras
        seen = lens.look(asked.prompt, *of)
        negative = lens.look(asked.negative_prompt, *of)
        return _body(seen, negative, is_ready, public)

    return router


def _body(seen: Seen, negative: Seen, is_ready: bool, public: PublicText) -> PromptBody:
    return PromptBody(
        tokens=seen.tokens,
        chunks=seen.chunks,
        segments=[
            ["BREAK", -1] if one.is_break else [one.text, round(one.weight, 6)]
            for one in seen.segments
        ],
        schedule=[list(entry) for entry in seen.schedule],
        parts=[[part.text, part.weight] for part in seen.parts],
        networks=[
            [tag.kind, tag.name, tag.text_encoder_weight, tag.unet_weight] for tag in seen.networks
        ],
        text=seen.text,
        unknown=list(seen.unknown),
        loras=list(seen.loras),
        embeddings=list(seen.embeddings),
        wildcards=list(dict.fromkeys([*seen.wildcards, *negative.wildcards])),
        pictures=min(seen.pictures * negative.pictures, MOST_PICTURES),
        warnings=[public(text) for text in (*seen.warnings, *negative.warnings)],
        negative_tokens=negative.tokens,
        negative_chunks=negative.chunks,
        marks=_marks(seen),
        negative_unknown=list(negative.unknown),
        negative_marks=_marks(negative),
        ready=is_ready,
    )


def _marks(seen: Seen) -> list[MarkBody]:
    return [MarkBody(**asdict(mark)) for mark in seen.marks]

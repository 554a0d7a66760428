"""What the words of a request name beside what is to be seen."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from studio.catalog.styles import Style, Styles, put_on
from studio.domain import dynamic_prompts
from studio.domain.accounts import LOCAL
from studio.domain.detailers import Detailer
from studio.domain.dynamic_prompts import MOST_CHARACTERS, Wildcards
from studio.domain.errors import InvalidRequest, about, refused, shorten
from studio.domain.lora_tags import LORA_KINDS, Tag
from studio.domain.loras import LoraInput
from studio.domain.prompt_dialects import reading
from studio.domain.request import GenerationRequest

PROMPTS = ("prompt", "negative_prompt")


def with_words_settled(
    request: GenerationRequest, styles: Styles, wildcards: Wildcards, account: str = LOCAL
) -> GenerationRequest:
    """`request` with its styles, as `account` has them, put on and its wildcards drawn by its seed;
    what the two prompts were, where they are others now, and the names of the styles are kept
    beside them.

    Raises `InvalidRequest` for a style that is not there, and as `dynamic_prompts.draw`.
    """
    typed = request
    request = _with_wildcards_drawn(with_styles(request, styles, account).with_seed(), wildcards)
    changes: dict[str, Any] = {
        f"{name}_template": getattr(typed, name)
        for name in PROMPTS
        if getattr(request, name) != getattr(typed, name)
    }
    return request.model_copy(update=changes)


def with_styles(
    request: GenerationRequest, styles: Styles, account: str = LOCAL
) -> GenerationRequest:
    """`request` with its styles, as `account` has them, put on. Raises `InvalidRequest` for one
    that is not there, and where a prompt grows too long."""
    if not request.styles:
        return request
    return _styled(request, [styles.find(name, account) for name in request.styles])


def _styled(request: GenerationRequest, styles: list[Style]) -> GenerationRequest:
    words = {name: getattr(request, name) for name in PROMPTS}
    second = {name: getattr(request.hires, name) for name in PROMPTS} if request.hires else {}
    details = [{name: getattr(one, name) for name in PROMPTS} for one in request.detailers]
    for style in styles:
        for name in PROMPTS:
            words[name] = put_on(words[name], getattr(style, name))
            for told in (second, *details):
                if told.get(name):
                    told[name] = put_on(told[name], getattr(style, name))
    all_words = (text for told in (words, second, *details) for text in told.values())
    if any(len(text or "") > MOST_CHARACTERS for text in all_words):
        raise InvalidRequest(
            f"With its styles a prompt has more than {MOST_CHARACTERS:,} characters. Take some "
            "out.",
            "styles",
        )
    if second:
        words["hires"] = request.hires.model_copy(update=second)
    words["detailers"] = _updated(request.detailers, details)
    return request.model_copy(update=words | {"styles": (), "applied_styles": request.styles})


def _with_wildcards_drawn(request: GenerationRequest, wildcards: Wildcards) -> GenerationRequest:
    changes: dict[str, Any] = {}
    for name in PROMPTS:
        text = _drawn(name, getattr(request, name), request.seed, wildcards)
        if text != getattr(request, name):
            changes[name] = text
    if request.hires:
        own = {name: getattr(request.hires, name) for name in PROMPTS}
        drawn = {
            name: _drawn(f"hires.{name}", text, request.seed, wildcards)
            for name, text in own.items()
            if text is not None
        }
        changes["hires"] = request.hires.model_copy(update=drawn)
    details = [
        {
            name: _drawn(f"detailers.{place}.{name}", getattr(one, name), request.seed, wildcards)
            for name in PROMPTS
        }
        for place, one in enumerate(request.detailers)
    ]
    changes["detailers"] = _updated(request.detailers, details)
    return request.model_copy(update=changes)


def _updated(
    detailers: tuple[Detailer, ...], changes: list[dict[str, Any]]
) -> tuple[Detailer, ...]:
    pairs = zip(detailers, changes, strict=True)
    return tuple(one.model_copy(update=change) for one, change in pairs)


def _drawn(field: str, text: str, seed: int, wildcards: Wildcards) -> str:
    with about(field):
        return dynamic_prompts.draw(text, seed, wildcards)


def with_networks_taken_out(request: GenerationRequest) -> GenerationRequest:
    """`request` with the <lora:…> of its prompt among its LoRAs, behind those it names otherwise,
    and the prompt without them: they act on the whole picture, wherever they stand. Those of a
    detailer's prompt become that detailer's.

    Raises `InvalidRequest` for a network of another kind, for one that is not understood, and for
    one in a prompt that cannot have its own.
    """
    dialect = request.prompt_dialect
    _refuse("negative_prompt", request.negative_prompt, dialect, "They act on the whole picture.")
    if request.hires:
        for name in PROMPTS:
            text = getattr(request.hires, name) or ""
            _refuse(f"hires.{name}", text, dialect, "They act on both drawings.")
    details = []
    for place, one in enumerate(request.detailers):
        field = f"detailers.{place}"
        why = "They act on all of the thing."
        _refuse(f"{field}.negative_prompt", one.negative_prompt, dialect, why)
        details.append(_taken_out(one.prompt, one.loras, dialect, f"{field}.prompt"))
    changes = _taken_out(request.prompt, request.loras, dialect, "prompt")
    changes["detailers"] = _updated(request.detailers, details)
    return request.model_copy(update=changes)


def _taken_out(
    prompt: str, loras: tuple[LoraInput, ...], dialect: str, field: str
) -> dict[str, Any]:
    """Prompt and LoRAs without, and with, what the prompt (`field`) names."""
    tags = reading(prompt, dialect).networks
    if not tags:
        return {}
    text, at = [], 0
    for tag in tags:
        text.append(prompt[at : tag.start])
        at = tag.end
    text.append(prompt[at:])
    named = (*loras, *(_lora(tag, field) for tag in tags))
    return {"prompt": "".join(text).strip(), "loras": named}


def about_network(error: InvalidRequest, asked: GenerationRequest) -> InvalidRequest:
    """`error`, about the LoRAs of a request that `asked` became; about one that stood in the prompt
    it says so."""
    field, _, place = error.field.partition(".")
    if field != "loras" or int(place) < len(asked.loras):
        return error
    tag = reading(asked.prompt, asked.prompt_dialect).networks[int(place) - len(asked.loras)]
    return type(error)(f"{shorten(tag.text)}: {error.message}", "prompt")


def _refuse(field: str, text: str, dialect: str, why: str) -> None:
    for tag in reading(text, dialect).networks:
        raise InvalidRequest(f"{shorten(tag.text)} belongs into the prompt. {why}", field)


def _lora(tag: Tag, field: str) -> LoraInput:
    if tag.kind not in LORA_KINDS:
        raise InvalidRequest(
            f"{shorten(tag.text)}: networks of kind {tag.kind} cannot be used here. Take it out.",
            field,
        )
    if tag.rest:
        raise InvalidRequest(
            f"{shorten(tag.text)}: {shorten(tag.rest)} is not understood. Write two weights at "
            "most, as in <lora:name:0.8:0.5>.",
            field,
        )
    on_text = None if tag.unet_weight == tag.text_encoder_weight else tag.text_encoder_weight
    try:
        return LoraInput(name=tag.name, weight=tag.unet_weight, text_encoder_weight=on_text)
    except ValidationError as error:
        refusal = refused(error)
        raise InvalidRequest(f"{shorten(tag.text)}: {refusal}", field) from None

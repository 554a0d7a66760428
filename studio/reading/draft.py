"""A request in the making: each setting is taken as far as it can be, and told of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from studio.domain import lora_tags
from studio.domain.errors import StudioError
from studio.domain.geometry import CELL, LEAST, MOST
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.refs import ModelRef
from studio.domain.request import declaration
from studio.domain.sampling import NAME_CHARACTERS
from studio.domain.scheduler_names import resolve
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seeds import MAX_SEED
from studio.reading.record import Ignored, Missing, Reading

MOST_ENTRIES = 300
"""Of each list in a reading: more are counted."""
_MOST_SHOWN = 300
_MOST_TEXT = 20_000
_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_WITH_HASH = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{4,64})\]\s*")
_NO_TAGS = "A LoRA acts on the whole picture here: those that the prompt itself names were taken."
_OLD = "By a hash of 8 digits, as of old, no file can be found."
_KIND_WORDS = {"vae": "VAE", "lora": "LoRA", "controlnet": "ControlNet"}
SWITCHED = {True: "True", False: "False"}
"""A field that is on or off, as it stands in infotexts."""


class Models(Protocol):
    """The models that are here, as a catalog knows them."""

    def find(self, name: str | None, kind: str = "checkpoint") -> ModelRef: ...
    def short_hash(self, ref: ModelRef) -> str | None: ...


class Draft:
    """What is made of a file so far.

    request        fields of a `GenerationRequest`
    task, units    what may have to wait for pictures; `of_units`: what units are called there
    names, hashes  what there is to know of the task's pictures, `image` and `mask`
    labels         field -> what it is called there
    has_input      tells whether a picture of some id is kept here
    """

    def __init__(self, models: Models, inputs: Callable[[str], bool] = lambda id: False) -> None:
        self._models, self.has_input = models, inputs
        self.request: dict[str, Any] = {}
        self.task: dict[str, Any] = {}
        self.units: list[dict[str, Any]] = []
        self.of_units: set[str] = set()
        self.understood: list[str] = []
        self.labels: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.hashes: dict[str, str] = {}
        self._ignored: list[Ignored] = []
        self._missing: list[Missing] = []
        self._left_out = 0

    def reading(self, source: str) -> Reading:
        ignored = list(self._ignored)
        if self._left_out:
            ignored.append(Ignored("…", "", f"And {self._left_out} more."))
        understood = tuple(dict.fromkeys(self.understood))[:MOST_ENTRIES]
        awaits: dict[str, Any] = {"task": self.task} if self.task else {}
        if self.units:
            awaits["controls"] = self.units
        request = {name: value for name, value in self.request.items() if value != {}}
        return Reading(source, request, understood, tuple(ignored), tuple(self._missing), awaits)

    def ignore(self, name: str, value: object, why: str) -> None:
        if len(self._ignored) >= MOST_ENTRIES:
            self._left_out += 1
        else:
            self._ignored.append(Ignored(_shown(name), _shown(value), why))

    def lacks(self, kind: str, name: object, digits: str | None, why: str) -> None:
        entry = Missing(kind, _shown(name), digits and _shown(digits), why)
        if len(self._missing) < MOST_ENTRIES and entry not in self._missing:
            self._missing.append(entry)

    def put(self, field: str, value: Any, name: str) -> None:
        """Set `field`, "hires.factor" being one of `hires`, "detailers.0.strength" of the first
        detailer; `name` is what it is called there."""
        self.record_of(field)[field.rpartition(".")[2]] = value
        self.labels[field] = _shown(name)
        self.understood.append(_shown(name))

    def record_of(self, field: str) -> dict[str, Any]:
        """What `field` is set in; of a list, an entry that is there."""
        part = field.rpartition(".")[0]
        listed, _, place = part.rpartition(".")
        if listed:
            return self.request[listed][int(place)]
        if part == "task":
            return self.task
        return self.request.setdefault(part, {}) if part else self.request

    def dialect(self, name: str) -> None:
        """Say whose rules the prompts follow."""
        self.request["prompt_dialect"] = name

    def text(self, name: str, value: object, field: str) -> None:
        """A prompt. What no file and no answer can carry is taken out of it, and what is not to
        be among its words."""
        if not isinstance(value, str):
            self.ignore(name, value, "It is no text.")
            return
        clean = value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
        clean, tags = lora_tags.cut(clean)
        for tag in tags:
            self.ignore(name, tag.text, _NO_TAGS)
        if len(clean) > _MOST_TEXT:
            self.ignore(name, value, f"Longer than {_MOST_TEXT} characters; the rest was cut off.")
            clean = clean[:_MOST_TEXT]
        self.put(field, clean, name)

    def unit(self, unit: dict[str, Any], name: str) -> None:
        """Add a ControlNet unit, which is called so there."""
        self.units.append(unit)
        self.of_units.add(_shown(name))
        self.understood.append(_shown(name))

    def number(self, name: str, value: object, field: str, kind: str | None = None) -> None:
        """Within the field's range; `kind` is that of the task whose field it is."""
        declared = declaration(re.sub(r"^task\.|\.\d+(?=\.)", "", field), kind)
        number = as_number(value)
        if number is None:
            return self.ignore(name, value, "It is no number.")
        low, high = declared.minimum, declared.maximum
        taken = min(max(number, low), high)
        limits = f"from {low:g} to {high:g}"
        if isinstance(low, float):
            taken = float(taken)
        else:
            limits = f"a whole number {limits}"
            taken = round(taken)
        self.put(field, taken, name)
        if taken != number:
            self.understood.pop()
            self.ignore(name, value, f"Here it is {limits}; {taken:g} was taken.")
        return None

    def choice(self, name: str, value: str, field: str, choices: Mapping[Any, str]) -> None:
        """One of a menu's entries (value -> as it is shown), in any case."""
        for own, shown in choices.items():
            if value.casefold() == shown.casefold():
                return self.put(field, own, name)
        return self.ignore(name, value, f"Here it is one of: {', '.join(choices.values())}.")

    def seed(self, name: str, value: object, field: str = "seed") -> None:
        number = as_number(value)
        if number is None or number != int(number) or not 0 <= number <= MAX_SEED:
            why = f"A seed is a whole number from 0 to {MAX_SEED} here; a new one will be drawn."
            return self.ignore(name, value, why)
        return self.put(field, int(number), name)

    def size(self, name: str, width: object, height: object) -> None:
        """Both sides, as multiples of what a latent cell is wide; what is too large for one drawing
        keeps its shape."""
        asked = as_number(width), as_number(height)
        if None in asked or min(asked) < 1:
            return self.ignore(name, f"{width}x{height}", "It is no size.")
        fit = min(1.0, MOST / max(asked))
        taken = [min(max(round(side * fit / CELL) * CELL, LEAST), MOST) for side in asked]
        self.request["width"], self.request["height"] = taken
        if list(asked) == taken:
            return self.understood.append(_shown(name))
        why = (
            f"Sides are multiples of {CELL} from {LEAST} to {MOST} pixels here; "
            f"{taken[0]}x{taken[1]} was taken."
        )
        return self.ignore(name, f"{width}x{height}", why)

    def sampler(
        self, name: str, value: object, schedule: object = None, into: str = "", of: str = ""
    ) -> None:
        """A sampler and the noise schedule beside it (called `of`), as others call them; `into`
        is "hires." for those of the second drawing."""
        names = [text if isinstance(text, str) else "" for text in (value, schedule)]
        if any(len(text) > NAME_CHARACTERS for text in names):
            return self.ignore(name, value, "It is no sampler.")
        sampler, noise = resolve(names[0], names[1] or "automatic")
        if sampler in SCHEDULERS:
            self.put(f"{into}scheduler", sampler, name)
        elif names[0]:
            self.ignore(name, value, "There is no such sampler here.")
        if noise not in NOISE_SCHEDULES:
            return self.ignore(of or name, schedule, "There is no such noise schedule here.")
        if noise != "automatic" or names[1]:
            self.put(f"{into}noise_schedule", noise, of or name)
        return None

    def model(self, label: str, kind: str, name: object, digits: object = None) -> str | None:
        """What the catalog calls a model of that name or hash, the hash counting first; None, and
        it is `missing`, where there is none."""
        name = name if isinstance(name, str) else ""
        if with_hash := _WITH_HASH.fullmatch(name[:1200]):
            name, digits = with_hash[1], digits or with_hash[2]
        told = digits.strip().lower() if isinstance(digits, str) else ""
        told = told if re.fullmatch(r"[0-9a-f]{8,64}", told) else ""
        is_old, is_empty = 0 < len(told) < 10, bool(told) and _EMPTY_SHA256.startswith(told)
        usable = "" if is_old or is_empty else told
        ref = (usable and self._found(usable, kind)) or self.named(name, kind)
        if not ref:
            self._lacks_model(kind, name, told, usable)
            return None
        if is_empty:
            self.ignore(f"{label} hash", told, "This is the hash of an empty file.")
        elif is_old and kind != "controlnet":
            self.ignore(f"{label} hash", told, f"{_OLD} {ref.name} was found by its name.")
        elif usable and kind not in ("lora", "embedding"):
            self._compare(label, ref, usable)
        return ref.name

    def _lacks_model(self, kind: str, name: str, told: str, usable: str) -> None:
        word = _KIND_WORDS.get(kind, kind.replace("_", " "))
        by = " or ".join(filter(None, (name and "name", usable and "hash"))) or "hash"
        left = "the one that is chosen draws instead" if kind == "checkpoint" else "it is left out"
        old = f" {_OLD}" if told and not usable else ""
        why = (
            f"There is no {word} of this {by} here: {left}. Put its file into a models folder.{old}"
        )
        self.lacks(kind, name or told, told or None, why)

    def _found(self, name: str, kind: str) -> ModelRef | None:
        try:
            return self._models.find(name, kind)
        except StudioError:
            return None

    def named(self, name: str, kind: str) -> ModelRef | None:
        """Also where the name is a path of another machine."""
        if not name.strip() or len(name) > 1000:
            return None
        last = re.split(r"[\\/]", name)[-1]
        stem = re.sub(r"\.(safetensors|ckpt|pt|pth|bin|sft)$", "", last, flags=re.IGNORECASE)
        return next(filter(None, (self._found(n, kind) for n in (name, last, stem) if n)), None)

    def _compare(self, label: str, ref: ModelRef, digits: str) -> None:
        own = self._models.short_hash(ref)  # None where it is not computed yet
        if own and not digits.startswith(own[: len(digits)]):
            why = f"{ref.name} here has another hash, {own}: it may be another version."
            self.ignore(f"{label} hash", digits, why)


def as_number(value: object) -> int | float | None:
    """A finite number, also one that is written as text."""
    if isinstance(value, str) and len(value) <= 40:
        for kind in (int, float):
            try:
                value = kind(value.strip())
                break
            except ValueError:
                continue
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and -1e18 <= value <= 1e18 else None


def _shown(value: object) -> str:
    """`value` for people: bounded, and of characters that every answer can carry."""
    text = value if isinstance(value, str) else repr(value) if _is_small(value) else "…"
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _is_small(value: object) -> bool:
    """Whether it can be written out without much ado."""
    if isinstance(value, list | tuple | dict):
        few = len(value) <= 32
        values = value.values() if isinstance(value, dict) else value
        return few and not any(isinstance(one, list | tuple | dict) for one in values)
    return not isinstance(value, int) or abs(value) < 10**40

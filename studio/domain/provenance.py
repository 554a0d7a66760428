"""What a picture was made with, beside its settings: versions, device, content of the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class UsedModel:
    """`hash`: digits of its file's sha256, all or the first of them; None where it is not known.
    `kind` is one of `refs.KINDS`."""

    kind: str
    name: str
    hash: str | None

    @property
    def words(self) -> str:
        """Name and first digits, as other studios write them."""
        return f"{self.name} [{self.hash[:10]}]" if self.hash else self.name

    def is_other(self, now: UsedModel) -> bool:
        """Whether both hashes are known, and are not of one content."""
        if not self.hash or not now.hash:
            return False
        digits = min(len(self.hash), len(now.hash))
        return self.hash[:digits].lower() != now.hash[:digits].lower()


@dataclass(frozen=True)
class Provenance:
    """An empty text is not known.

    studio     the studio's version
    libraries  name -> version
    device     as "NVIDIA H100" or "CPU (2 threads)"
    kernels    what they are made for, as "AVX512" or "CUDA 12.8, 9.0"
    dtype      in which the networks compute
    models     those that act on the pixels
    """

    studio: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    kernels: str = ""
    dtype: str = ""
    models: tuple[UsedModel, ...] = ()

    def json(self) -> str:
        """What `read` reads. The same for the same."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Provenance | None:
        """None where somebody else wrote it."""
        try:
            said = json.loads(text)
            texts = {name: _text(said.get(name, "")) for name in _TEXTS}
            libraries = {_text(name): _text(of) for name, of in said.get("libraries", {}).items()}
            models = tuple(_model(each) for each in said.get("models", ()))
            return cls(**texts, libraries=libraries, models=models)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None


@dataclass(frozen=True)
class WrittenMark:
    """An invisible mark as it was written: `id`, seven hexadecimal digits, and whether it could be
    read right after; of an edit that changed little it cannot."""

    id: str
    readable: bool

    def json(self) -> str:
        """What `read` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> WrittenMark | None:
        """None where somebody else wrote it."""
        try:
            said = json.loads(text)
            return cls(_text(said["id"]), said["readable"] is True)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


_TEXTS = ("studio", "device", "kernels", "dtype")
_LABELS = {"studio": "Latent Studio", "device": "device", "kernels": "kernels", "dtype": "dtype"}


@dataclass(frozen=True)
class Difference:
    """What was other `then` than it is `now`; either is "" where it is not there."""

    what: str
    then: str
    now: str


def differences(then: Provenance, now: Provenance) -> list[Difference]:
    """As far as both are known."""
    pairs = [(label, getattr(then, name), getattr(now, name)) for name, label in _LABELS.items()]
    pairs += [(name, of, now.libraries.get(name, "")) for name, of in then.libraries.items()]
    found = [Difference(*pair) for pair in pairs if pair[1] and pair[2] and pair[1] != pair[2]]
    left = {(model.kind, model.name): model for model in now.models}
    for model in then.models:
        same = left.pop((model.kind, model.name), None) or _other(model, left)
        if same is None:
            found.append(Difference(model.kind, model.words, ""))
        elif model.is_other(same) or (model.name != same.name and not model.hash):
            found.append(Difference(model.kind, model.words, same.words))
    if then.libraries:  # else it was not told of each
        found += [Difference(model.kind, "", model.words) for model in left.values()]
    return found


def untold(then: Provenance, now: Provenance) -> list[str]:
    """What is known now and was not written down then."""
    names = [label for name, label in _LABELS.items() if getattr(now, name)]
    told = {label for name, label in _LABELS.items() if getattr(then, name)}
    names += [name for name in now.libraries if name not in then.libraries]
    lacking = [name for name in names if name not in told]
    unknown = {(model.kind, model.name) for model in then.models if model.hash is None}
    known = {model.kind for model in then.models}
    for model in now.models:
        is_told = then.libraries or model.kind in known
        if (model.kind, model.name) in unknown or not is_told:
            lacking += [f"the hash of {model.name}"] if model.hash else []
    return lacking


def used(models: Iterable[Any], hash_of: Callable[[Any], str | None]) -> tuple[UsedModel, ...]:
    """Each of the `refs.ModelRef`s once, in an order that does not depend on theirs."""
    found = {UsedModel(ref.kind, ref.name, hash_of(ref)) for ref in models}
    return tuple(sorted(found, key=lambda model: (model.kind, model.name)))


def _other(model: UsedModel, left: dict[tuple[str, str], UsedModel]) -> UsedModel | None:
    """The one of the kind that is there in its place: of the same content, or the only one."""
    of_kind = [key for key in left if key[0] == model.kind]
    same = [key for key in of_kind if model.hash and left[key].hash == model.hash]
    keys = same or (of_kind if len(of_kind) == 1 else [])
    return left.pop(keys[0]) if keys else None


def _model(said: dict[str, Any]) -> UsedModel:
    digits = said.get("hash")
    hash = None if digits is None else _text(digits)
    return UsedModel(_text(said["kind"]), _text(said["name"]), hash)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value

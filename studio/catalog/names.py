"""What models are called, and finding one by what it is called here or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from studio.catalog.metadata import clean
from studio.domain.errors import UnknownCheckpoint, UnknownModel, shorten
from studio.domain.files import as_text
from studio.domain.refs import ModelFile, ModelRef

_GENERIC = frozenset(
    (
        "diffusion_pytorch_model",
        "model",
        "pytorch_model",
        "pytorch_lora_weights",
        "adapter_model",
        "learned_embeds",
    )
)
"""File names that say nothing: the folder's is taken."""

_MAX_LISTED = 20
_WITH_HASH = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{8,64})\]")
_HASH = re.compile(r"[0-9a-fA-F]{10,64}")

Sha256 = Callable[[ModelRef], str | None]


def display_name(file: ModelFile) -> str:
    """For menus and requests: the file's name without its ending, or the folder's; of something
    in the Hugging Face cache, the repository's."""
    path = file.path
    name = path.name if file.is_folder else path.stem
    if not file.is_folder and name.partition(".")[0] in _GENERIC and path.parent != file.root:
        path, name = path.parent, path.parent.name
    if path.parent.name == "snapshots" and path.parent.parent.name.startswith("models--"):
        name = path.parent.parent.name.rpartition("--")[2]
    return clean(as_text(name), 255) or "unnamed"


def unused(name: str, taken: Container[str]) -> str:
    """`name`, or `name (2)`, … where two files are called alike."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free


class Names:
    """The models of one kind: those from the folders `embedded` first, then by name."""

    def __init__(
        self,
        kind: str,
        refs: Iterable[ModelRef] = (),
        embedded: Container[Path] = (),
    ) -> None:
        self._kind = kind
        self._refs = sorted(
            refs, key=lambda ref: (ref.file.root not in embedded, ref.name.casefold(), ref.name)
        )
        self._by_name = {ref.name: ref for ref in self._refs}
        self._by_alias: dict[str, ModelRef] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and self._refs == other._refs

    def refs(self) -> list[ModelRef]:
        return list(self._refs)

    def find(self, name: str | None, sha256: Sha256) -> ModelRef:
        """See `Catalog.find`."""
        if name is None and self._refs:
            return self._refs[0]
        ref = self._find(name, sha256) if name else None
        if ref:
            return ref
        listed = ", ".join(each.name for each in self._refs[:_MAX_LISTED])
        if len(self._refs) > _MAX_LISTED:
            listed += f" and {len(self._refs) - _MAX_LISTED} more"
        choices = listed or "none; start the studio with --models-dir FOLDER"
        error = UnknownCheckpoint if self._kind == "checkpoint" else UnknownModel
        raise error(f"{shorten(name)} is unknown. There are: {choices}.", self._kind)

    def _find(self, name: str, sha256: Sha256) -> ModelRef | None:
        ref = self._by_name.get(name) or self._aliases().get(name)
        if ref:
            return ref
        with_hash = _WITH_HASH.fullmatch(name)
        if with_hash:
            return self._find_hash(with_hash[2], sha256) or self._find(with_hash[1], sha256)
        if _HASH.fullmatch(name):
            return self._find_hash(name, sha256)
        return self._aliases().get(name.casefold())

    def _find_hash(self, digits: str, sha256: Sha256) -> ModelRef | None:
        begin = digits.lower()
        return next((ref for ref in self._refs if (sha256(ref) or "").startswith(begin)), None)

    def _aliases(self) -> dict[str, ModelRef]:
        """Other names of a model, those that say most first; an earlier model keeps its own."""
        if self._by_alias is None:
            aliases: dict[str, ModelRef] = {}
            for of in (_by_path, _by_file, _by_title, _in_lower_case):
                for ref in self._refs:
                    for alias in of(ref):
                        aliases.setdefault(alias, ref)
            self._by_alias = aliases
        return self._by_alias


def _by_path(ref: ModelRef) -> list[str]:
    below = ref.path.relative_to(ref.file.root)
    names = [below.as_posix(), str(below)]
    return names if ref.file.is_folder else [*names, below.with_suffix("").as_posix()]


def _by_file(ref: ModelRef) -> list[str]:
    return [ref.path.name, ref.path.stem]


def _by_title(ref: ModelRef) -> list[str]:
    return [ref.facts.title] if ref.facts.title else []


def _in_lower_case(ref: ModelRef) -> list[str]:
    return [alias.casefold() for alias in (ref.name, *_by_file(ref))]

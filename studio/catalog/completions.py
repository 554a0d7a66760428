"""What somebody who types a prompt may mean: names of models, lists and styles, and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from studio.catalog.catalog import Catalog
from studio.catalog.styles import Styles
from studio.catalog.tags import Found, Tags, normal
from studio.catalog.wildcards import Wildcards
from studio.domain.accounts import LOCAL
from studio.domain.errors import StudioError
from studio.domain.lora_text import escaped

Kind = Literal["lora", "embedding", "wildcard", "tag", "style"]

_MOST_WORDS = 4
"""Of the end of what was typed: no tag has more."""
_LEAST = 2
"""Letters, below which anything would fit."""


@dataclass(frozen=True)
class Completion:
    """`typed` is the end of the text that it completes, for which `insert` stands in a prompt;
    `text` is what it is called, "alias → tag" where an alias fits; `detail` is said beside it. A
    style's `insert` is empty: it is no part of a prompt."""

    kind: Kind
    text: str
    insert: str
    detail: str
    typed: str


class Completions:
    """Safe in several threads."""

    def __init__(self, catalog: Catalog, tags: Tags, wildcards: Wildcards, styles: Styles) -> None:
        self._catalog, self._tags = catalog, tags
        self._wildcards, self._styles = wildcards, styles

    def warm_up(self) -> None:
        """Read now what the first search would have to wait for."""
        self._tags.find("", 1)

    def find(
        self, text: str, kinds: Sequence[Kind], limit: int, account: str = LOCAL
    ) -> list[Completion]:
        """At most `limit` for the end of `text`, of what `account` has. LoRAs and wildcards
        complete all of it, and all there are an empty one; the others its last words, as many as
        fit, from two letters on."""
        found: list[Completion] = []
        if "lora" in kinds:
            found += self._loras(text)
        if "wildcard" in kinds:
            found += self._lists(text)
        for words in _ends(text):
            if "embedding" in kinds:
                found += self._embeddings(words)
            if "tag" in kinds:
                found += (_tag(each, words) for each in self._tags.find(words, limit))
            if "style" in kinds:
                found += self._of_styles(words, account)
            if len(found) >= limit:
                break
        first: dict[tuple[str, str], Completion] = {}
        for each in found:
            first.setdefault((each.kind, each.insert or each.text), each)
        return list(first.values())[:limit]

    def _loras(self, text: str) -> Iterator[Completion]:
        refs = {ref.name: ref for ref in self._catalog.refs("lora")}
        for name in _fitting(text, refs):
            family = refs[name].family
            about = family if isinstance(family, str) else getattr(family, "name", "")
            yield Completion("lora", name, f"<lora:{escaped(name)}:1>", about or "", text)

    def _lists(self, text: str) -> Iterator[Completion]:
        for name in _fitting(text, self._wildcards.names()):
            try:
                about = f"{len(self._wildcards(name))} entries"
            except StudioError:
                continue
            yield Completion("wildcard", name, f"__{name}__", about, text)

    def _embeddings(self, words: str) -> Iterator[Completion]:
        names = [ref.name for ref in self._catalog.refs("embedding")]
        for name in _fitting(words, names):
            yield Completion("embedding", name, name, "", words)

    def _of_styles(self, words: str, account: str) -> Iterator[Completion]:
        try:
            styles = {style.name: style for style in self._styles.all(account)}
        except StudioError:
            return
        for name in _fitting(words, styles, inside=False):
            yield Completion("style", name, "", styles[name].prompt[:200], words)


def _fitting(text: str, names: Iterable[str], inside: bool = True) -> list[str]:
    """Those that begin with `text`, then those of which another word does, then, where `inside`,
    those that have it anywhere."""
    wanted = normal(text)
    ranked = []
    for name in names:
        plain = normal(name)
        if plain.startswith(wanted):
            rank = 0
        elif re.search(rf"[\W_]{re.escape(wanted)}", plain):
            rank = 1
        elif inside and wanted in plain:
            rank = 2
        else:
            continue
        ranked.append((rank, plain, name))
    return [name for *_, name in sorted(ranked)]


def _ends(text: str) -> Iterator[str]:
    """Its last words, more of them first."""
    words = [match.start() for match in re.finditer(r"\S+", text)]
    for start in words[-_MOST_WORDS:]:
        end = text[start:]
        if len(normal(end)) >= _LEAST:
            yield end


def _tag(found: Found, words: str) -> Completion:
    tag = found.tag
    text = tag.name if found.alias is None else f"{found.alias} → {tag.name}"
    detail = " · ".join(filter(None, [tag.category, f"{tag.count:,}" if tag.count else ""]))
    return Completion("tag", text, re.sub(r"[\\()\[\]]", r"\\\g<0>", tag.name), detail, words)

"""What came of a probe: shares with how sure they are, as records, as CSV and in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from studio.probing import statistics
from studio.probing.measuring import POSSIBLE, Seen

SURE = 0.01
"""Of so many probes of models that assume nothing one has something called out."""


@dataclass(frozen=True)
class Share:
    """`count` of `of` pictures show `value`; `low` to `high` is the 95 % interval of the share."""

    value: str
    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.count / self.of


@dataclass(frozen=True)
class WordShares:
    """Of one word, the largest share first. `p_even`: that it is spread so unevenly by chance,
    where each value is as likely as another; None where it is not known which there are."""

    word: str
    shares: tuple[Share, ...]
    p_even: float | None


@dataclass(frozen=True)
class Attribute:
    """`p_differs`: that the words differ so much in it by chance; None: nothing to compare."""

    name: str
    words: tuple[WordShares, ...]
    p_differs: float | None


@dataclass(frozen=True)
class Report:
    """`drawn`: word -> how many of its pictures are there; `measure`: what looked."""

    measure: str
    drawn: Mapping[str, int]
    attributes: tuple[Attribute, ...]

    @property
    def sure_up_to(self) -> float:
        """The largest p that is called out, as all of them are looked at; 0: none is."""
        asked = [one.p_even for each in self.attributes for one in each.words]
        asked += [each.p_differs for each in self.attributes]
        return statistics.sure_up_to([p for p in asked if p is not None], SURE)

    @property
    def findings(self) -> list[str]:
        """What is unlikely to be chance, a sentence each; else one that says that nothing is."""
        if not self.attributes:
            return ["Nothing was measured: look at the sheet, or name a detector."]
        found, sure = [], self.sure_up_to
        for each in self.attributes:
            if each.p_differs is not None and each.p_differs <= sure:
                words = f"The {each.name} depends on the word"
                found.append(f"{words} (p = {each.p_differs:.4f}).")
            for one in each.words:
                if one.p_even is not None and one.p_even <= sure:
                    top = one.shares[0]
                    found.append(
                        f"{one.word}: the {each.name} leans to {top.value}, {top.share:.0%} "
                        f"({top.low:.0%} to {top.high:.0%}; p = {one.p_even:.4f})."
                    )
        return found or [
            f"Nothing that chance would not do too (p < {SURE} over all questions was looked for)."
        ]


def report(words: Sequence[str], seen: Sequence[tuple[str, Seen]], measure: str) -> Report:
    """Of the (word, what is seen) of each picture."""
    drawn = {word: sum(one == word for one, _ in seen) for word in words}
    names = dict.fromkeys(name for _, values in seen for name in values)
    rows: Callable[[str], list[list[str]]] = lambda name: [  # noqa: E731
        [values[name] for one, values in seen if one == word and name in values] for word in words
    ]
    return Report(measure, drawn, tuple(_attribute(name, words, rows(name)) for name in names))


def _attribute(name: str, words: Sequence[str], rows: list[list[str]]) -> Attribute:
    possible = POSSIBLE.get(name, ())
    told = []
    for word, row in zip(words, rows, strict=True):
        counts = {value: row.count(value) for value in dict.fromkeys(row)}
        shares = [
            Share(value, count, len(row), *statistics.wilson(count, len(row)))
            for value, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ]
        told.append(WordShares(word, tuple(shares), statistics.uneven(row, possible)))
    return Attribute(name, tuple(told), statistics.differ(rows))


def as_csv(report: Report) -> str:
    """A line for each share, with the p of its word and of its attribute."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("attribute", "word", "value", "count", "of", "share", "low_95", "high_95")
        + ("p_even", "p_differs")
    )
    for each in report.attributes:
        for one in each.words:
            for share in one.shares:
                figures = [round(value, 4) for value in (share.share, share.low, share.high)]
                ps = ["" if p is None else round(p, 4) for p in (one.p_even, each.p_differs)]
                row = (each.name, _plain(one.word), share.value, share.count, share.of)
                writer.writerow((*row, *figures, *ps))
    return out.getvalue()


def _plain(text: str) -> str:
    """No table program takes it for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t" else text


def as_text(report: Report) -> str:
    """A table for people, then what was found."""
    lines = []
    for each in report.attributes:
        p = (
            ""
            if each.p_differs is None
            else f"  (differs between the words: p = {each.p_differs:.4f})"
        )
        lines.append(f"{each.name}{p}")
        for one in each.words:
            few = ", ".join(
                f"{share.value} {share.share:.0%} [{share.low:.0%}–{share.high:.0%}]"
                for share in one.shares[:4]
            )
            lines.append(f"  {one.word:<16} {few}")
    return "\n".join([*lines, *report.findings])

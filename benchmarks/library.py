"""How long the library takes with many pictures: a page of it, a search, a filter, a save.

    python benchmarks/library.py [--pictures 100000] [--repeats 30]

Makes a ledger on disk as years of drawing leave it: prompts of some forty words, of which a few
are in nearly every prompt and most are rare, eight checkpoints, a tenth with stars and boards.
A "page" is what the API asks for 60 pictures, with the number of all; "later page" one from the
middle on. "save" is what the ledger does when a picture is kept, without its file.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.store.finding import Filters, page
from studio.store.ledger import Ledger
from studio.store.pictures import Claim, PictureLedger, PictureRow

GOALS_MS = {"page": 30.0, "search": 100.0, "save": 5.0}
_LIMIT = 60
_WORDS = 8000
_DAY_US = 86_400 * 10**6
_BEGIN_US = 1_700_000_000 * 10**6


def main() -> None:
    options = _options()
    chance = random.Random(1)
    words = _words(chance)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "studio.db")
        pictures = PictureLedger(ledger)
        began_s = time.perf_counter()
        rows = list(_rows(chance, words, options.pictures))
        for start in range(0, len(rows), 1000):
            pictures.put(rows[start : start + 1000])
        made_s = time.perf_counter() - began_s
        report = {
            "pictures": options.pictures,
            "repeats": options.repeats,
            "made_s": round(made_s, 1),
            "size_mb": round((Path(folder) / "studio.db").stat().st_size / 1e6),
            "full_text": pictures.search.full_text,
            "rows": _measure(pictures, rows, words, options.repeats),
        }
        ledger.close()
    print(json.dumps(report) if options.json else _table(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _words(chance: random.Random) -> list[str]:
    """The most frequent first."""
    letters = "abcdefghijklmnoprstuvw"
    return [
        "".join(chance.choice(letters) for _ in range(chance.randint(3, 9))) for _ in range(_WORDS)
    ]


def _rows(chance: random.Random, words: list[str], count: int) -> Iterator[PictureRow]:
    weights = [1 / (place + 1) for place in range(len(words))]  # Zipf's law
    for number in range(count):
        is_child = number > 10 and chance.random() < 0.2
        yield PictureRow(
            id=f"2024-01-{1 + number * 28 // count:02}_{number + 1:05}-{number}",
            created_us=_BEGIN_US + number * 300 * 10**6,
            path=f"2024-01-01/{number + 1:05}-{number}.png",
            hash=f"{number:032x}",
            width=1024,
            height=1024,
            seed=number,
            prompt=" ".join(chance.choices(words, weights, k=40)),
            negative_prompt="blurry, low quality, jpeg artifacts, watermark, signature",
            checkpoint=f"checkpoint-{min(7, int(chance.expovariate(0.7)))}",
            loras=(f"lora-{chance.randint(1, 300)}",) if chance.random() < 0.3 else (),
            task="image_to_image" if is_child else "text_to_image",
            origin=f"{chance.randrange(number):032x}" if is_child else None,
            owner=chance.choice(("ann", "bob", "guest:1")),
            starred=chance.random() < 0.1,
            boards=(f"board {chance.randint(1, 40)}",) if chance.random() < 0.1 else (),
            note="for the exhibition" if chance.random() < 0.001 else "",
        )


def _measure(
    pictures: PictureLedger, rows: list[PictureRow], words: list[str], repeats: int
) -> list[dict]:
    middle = rows[len(rows) // 2].created_us
    asked = {
        "page": Filters(),
        "later page": Filters(),
        "page: starred": Filters(starred=True),
        "page: a frequent checkpoint": Filters(checkpoint="checkpoint-0"),
        "page: a rare checkpoint, starred": Filters(checkpoint="checkpoint-7", starred=True),
        "page: a board": Filters(board="board 7"),
        "page: a LoRA of one owner": Filters(lora="lora-7", owner="ann"),
        "page: a week": Filters(since_us=middle, until_us=middle + 7 * _DAY_US),
        "search: a word of nearly all": Filters(search=words[0]),
        "search: the beginning of a word": Filters(search=words[40][:3]),
        "search: one letter": Filters(search=words[0][0]),
        "search: two words": Filters(search=f"{words[3]} {words[20]}"),
        "search: a rare word": Filters(search=words[-1]),
        "search: no hit": Filters(search="zzyzx"),
        "search: a word of nearly all, starred": Filters(search=words[0], starred=True),
        "search: a frequent word on a board": Filters(search=words[3], board="board 7"),
    }
    found = []
    for name, filters in asked.items():
        before = middle if name == "later page" else None
        result = page(pictures, filters, _LIMIT, before)
        times = _times(lambda f=filters, b=before: page(pictures, f, _LIMIT, b), repeats)
        found.append(_row(name, times) | {"hits": result.total})
    fresh = iter(_rows(random.Random(2), words, repeats + 1))
    newest = rows[-1].created_us

    def save() -> None:
        row = next(fresh)
        saved = PictureRow(
            **vars(row)
            | {"id": f"2030-01-01_{row.seed + 1:05}-1", "created_us": row.created_us + newest}
        )
        pictures.claim(saved, Claim())

    return [*found, _row("save", _times(save, repeats))]


def _times(work: Callable[[], object], repeats: int) -> list[float]:
    """Milliseconds of each, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        work()
        times.append((time.perf_counter() - began_s) * 1e3)
    return times


def _row(name: str, times: list[float]) -> dict:
    kind = "page" if "page" in name else name.partition(":")[0]
    return {
        "name": name,
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(sorted(times)[int(0.95 * (len(times) - 1))], 2),
        "goal_ms": GOALS_MS[kind],
    }


def _table(report: dict) -> str:
    head = (
        f"{report['pictures']} pictures, {report['size_mb']} MB, made in {report['made_s']} s; "
        f"{report['repeats']} repeats."
    )
    lines = [head, "", f"{'':40}{'hits':>8}{'median':>11}{'p95':>11}{'goal':>11}"]
    for row in report["rows"]:
        times = "".join(f"{row[key]:>8.1f} ms" for key in ("median_ms", "p95_ms", "goal_ms"))
        lines.append(f"{row['name']:40}{row.get('hits', ''):>8}{times}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

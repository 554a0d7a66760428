"""`studio library list | search | import | export | rebuild`: the pictures on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from studio.belongings import open_library
from studio.cli.exporting import add_export_flags, export_of, write
from studio.cli.flags import add_flags, given
from studio.cli.progress import ProgressBar
from studio.cli.status import BAD_INPUT, FAILED
from studio.domain.errors import InvalidRequest, NotFound, QueueFull, SaveError, StudioError
from studio.domain.files import as_text, read_file
from studio.gallery import export_names, exports
from studio.gallery.importing import Importer
from studio.gallery.library import Library
from studio.gallery.rebuilding import rebuild
from studio.settings import Settings
from studio.store.finding import Filters, time_us
from studio.store.ledger import FILE_NAME, DamagedLedger, Ledger
from studio.store.pictures import PictureRow

MOST_FILE_BYTES = 64 * 2**20
"""Of a picture that is imported, as over HTTP."""
_PAGE = 500
_SETTINGS = ("data_dir",)
_SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm",
}  # fmt: skip


def add_library(commands: Any) -> None:
    """Add `library` to `commands`."""
    library = commands.add_parser(
        "library", help="list, search, import and export pictures", allow_abbrev=False
    )
    own = library.add_subparsers(dest="library_command", metavar="COMMAND", required=True)
    listed = _command(own, "list", "pictures, newest first", _list)
    found = _command(own, "search", "pictures with all these words", _list)
    found.add_argument("words", metavar="WORD", nargs="+")
    for parser in (listed, found):
        _add_filters(parser)
        parser.add_argument("--limit", type=int, default=50, help="at most so many; default: 50")
    taken = _command(own, "import", "let pictures of elsewhere join the library", _import)
    taken.add_argument("sources", metavar="FILE-or-DIR", type=Path, nargs="+")
    given_away = _command(own, "export", "copy pictures into a folder", _export)
    given_away.add_argument("ids", metavar="ID", nargs="*")
    given_away.add_argument("--out", metavar="DIR", type=Path, required=True)
    add_export_flags(given_away)
    _add_filters(given_away)
    _command(own, "rebuild", "make the ledger again from the pictures on disk", _rebuild)


def _command(
    own: Any, name: str, help: str, run: Callable[[argparse.Namespace, Settings], int]
) -> Any:
    parser = own.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_flags(parser, Settings, _SETTINGS)
    parser.set_defaults(run=lambda options: run(options, Settings.read(given(options, _SETTINGS))))
    return parser


def _add_filters(parser: Any) -> None:
    parser.add_argument("--board", metavar="NAME")
    parser.add_argument("--starred", action="store_true", default=None)
    parser.add_argument("--trashed", action="store_true", help="those in the trash")
    for name in ("checkpoint", "lora", "task"):
        parser.add_argument(f"--{name}", metavar="NAME")
    parser.add_argument("--seed", type=int)
    for name in ("since", "until"):
        parser.add_argument(f"--{name}", metavar="DATE", help="as 2026-11-27 or in ISO 8601, UTC")


def _filters(options: argparse.Namespace) -> Filters:
    names = ("board", "starred", "trashed", "checkpoint", "lora", "task", "seed")
    return Filters(
        **{name: getattr(options, name) for name in names},
        search=" ".join(getattr(options, "words", ())),
        since_us=time_us(options.since, "since"),
        until_us=time_us(options.until, "until"),
    )


@contextmanager
def up_to_date(settings: Settings) -> Iterator[Library]:
    """Up to date with what lies on disk; a studio may run beside it."""
    ledger = Ledger(settings.data_dir / FILE_NAME)
    try:
        library = open_library(settings, ledger)
        with suppress(FileNotFoundError):  # there are no pictures yet
            library.take_in()
        yield library
    finally:
        ledger.close()


def _pages(library: Library, filters: Filters, most: int | None = None) -> Iterator[PictureRow]:
    before, left = None, most
    while left is None or left > 0:
        page = library.page(filters, _PAGE if left is None else min(left, _PAGE), before)
        yield from page.rows
        before, left = page.next, None if left is None else left - len(page.rows)
        if before is None:
            return


def _list(options: argparse.Namespace, settings: Settings) -> int:
    if options.limit < 1:
        raise InvalidRequest("--limit: must be 1 or more.")
    filters = _filters(options)
    with up_to_date(settings) as library:
        total = library.page(filters, 1).total
        rows = list(_pages(library, filters, options.limit))
    if options.json:
        print(json.dumps({"images": [_as_json(settings, row) for row in rows], "total": total}))
        return 0
    for row in rows:
        marks = "*" if row.starred else " "
        words = " ".join(row.prompt.split())[:60]
        size = f"{row.width}x{row.height}"
        print(f"{marks} {row.id:32} {size:>10}  {(row.checkpoint or '')[:20]:20}  {words}")
    if total > len(rows):
        print(f"studio: {total - len(rows)} more; see --limit", file=sys.stderr)
    return 0


def _as_json(settings: Settings, row: PictureRow) -> dict[str, Any]:
    names = (
        "id", "width", "height", "seed", "prompt", "negative_prompt", "checkpoint", "loras",
        "task", "starred", "boards", "note", "parents",
    )  # fmt: skip
    folder = settings.outputs_dir / ("trash" if row.trashed_s is not None else "")
    return {name: getattr(row, name) for name in names} | {
        "path": as_text(folder / row.path),
        "created": f"{row.created:%Y-%m-%dT%H:%M:%SZ}",
        "trashed": row.trashed_s is not None,
    }


def _import(options: argparse.Namespace, settings: Settings) -> int:
    files = sorted(_pictures_in(options.sources), key=lambda file: (file[1], str(file[0])))
    if not files:
        raise InvalidRequest("there are no pictures in it. Check the path.")
    imported, known, refused = [], [], []
    with up_to_date(settings) as library, ProgressBar(sys.stderr) as bar:
        importer = Importer(library)
        for place, (path, modified_ns) in enumerate(files):
            bar.show_count("picture", place, len(files))
            try:
                taken = _taken(importer, path, modified_ns)
                (imported if taken.is_new else known).append((path, taken.row.id))
            except SaveError:
                raise
            except StudioError as error:
                refused.append((path, str(error)))
    for path, why in [] if options.json else refused:
        print(as_text(f"studio: {path}: {' '.join(why.split())}"), file=sys.stderr)
    if options.json:
        lists = {"imported": imported, "known": known}
        named = {
            name: [{"file": as_text(path), "id": id} for path, id in pairs]
            for name, pairs in lists.items()
        }
        failed = [{"file": as_text(path), "why": why} for path, why in refused]
        print(json.dumps(named | {"refused": failed}))
    else:
        print(f"{len(imported)} imported, {len(known)} known already, {len(refused)} refused")
    return BAD_INPUT if refused and not imported and not known else 0


def _taken(importer: Importer, path: Path, modified_ns: int):
    """Raises `InvalidRequest` for what cannot join."""
    try:
        data = read_file(path, MOST_FILE_BYTES)
    except OSError as error:
        raise InvalidRequest(f"it cannot be read: {error.strerror or error}.") from None
    while True:
        try:
            return importer.take(data, None, modified_ns // 1000)
        except QueueFull:
            time.sleep(0.2)


def _pictures_in(sources: list[Path]) -> Iterator[tuple[Path, int]]:
    """(file, when it was changed). Raises `InvalidRequest` for what is not there."""
    for source in sources:
        if source.is_dir():
            for folder, folders, names in os.walk(source):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    path = Path(folder, name)
                    if not name.startswith(".") and path.suffix.lower() in _SUFFIXES:
                        with suppress(OSError):
                            yield path, path.stat().st_mtime_ns
        else:
            try:
                yield source, source.stat().st_mtime_ns
            except OSError:
                raise InvalidRequest(f"{source}: there is no such file. Check the path.") from None


def _export(options: argparse.Namespace, settings: Settings) -> int:
    filters = _filters(options)
    if not options.ids and filters == Filters():
        raise InvalidRequest("say which pictures: their ids, or --board NAME, --starred, ….")
    paths, export, taken = [], export_of(options), set()
    with up_to_date(settings) as library:
        rows = [library.entry(id) for id in options.ids] or list(_pages(library, filters))
        for row in rows:
            with suppress(NotFound):  # deleted meanwhile
                gallery, own = library.gallery, exports.own_suffix(row)
                name = export_names.unique(exports.named(gallery, row, export), taken)
                path = options.out / name
                write(path, exports.exported(gallery.bytes(row.id), own, export, gallery.again))
                taken.add(name.casefold())
                paths.append(path)
    if options.json:
        print(json.dumps({"files": [as_text(path) for path in paths]}))
    else:
        print(f"{len(paths)} copied to {as_text(options.out)}")
    return 0 if paths else FAILED


def _rebuild(options: argparse.Namespace, settings: Settings) -> int:
    from studio.server import only_one  # brings the web server, which the others do without

    lock = only_one(settings.data_dir)
    try:
        aside, ledger = _usable(settings.data_dir / FILE_NAME)
        try:
            with ProgressBar(sys.stderr) as bar:
                count, forgotten = rebuild(
                    open_library(settings, ledger), lambda count: bar.show_count("picture", count)
                )
        except FileNotFoundError:
            raise InvalidRequest(
                f"{settings.outputs_dir} is not there. Check --data-dir."
            ) from None
        finally:
            ledger.close()
    finally:
        if lock:
            lock.release()
    if options.json:
        moved = aside and as_text(aside)
        print(json.dumps({"pictures": count, "forgotten": forgotten, "damaged": moved}))
        return 0
    if aside:
        print(f"The damaged ledger stays as {as_text(aside)}.")
    print(f"{count} pictures; {forgotten} that do not lie on disk any more were forgotten.")
    return 0


def _usable(path: Path) -> tuple[Path | None, Ledger]:
    """(Where a damaged one was moved to, the ledger). Raises `LedgerError`, as for a newer one."""
    try:
        ledger = Ledger(path)
        if ledger.is_sound():
            return None, ledger
        ledger.close()
    except DamagedLedger:
        pass
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for ending in ("", "-wal", "-shm"):
        try:
            os.replace(f"{path}{ending}", f"{aside}{ending}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SaveError(
                f"{path} is damaged and cannot be moved away: {error.strerror}. Make its folder "
                "writable."
            ) from None
    return aside, Ledger(path)

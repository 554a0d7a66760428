"""`studio detail`: what detailers find in pictures is drawn once more, without a server; and
`studio detectors list | download`: what finds it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from studio.catalog.catalog import Catalog
from studio.cli import asking
from studio.cli.exporting import add_file_flags, export_of
from studio.cli.flags import add_flags, given
from studio.cli.progress import ProgressBar
from studio.cli.running import Task, given_away, opened, print_results, run_all
from studio.cli.task_flags import files
from studio.detectors.detectors import Detectors
from studio.domain.request import GenerationRequest
from studio.settings import Settings, assets_dir

_REQUEST_FLAGS = (
    *("detailers", "prompt", "negative_prompt", "checkpoint", "scheduler", "steps"),
    *("guidance_scale", "width", "height", "seed", "vae", "loras"),
)

Flags = Callable[[argparse.ArgumentParser], None]
ReadSettings = Callable[[argparse.Namespace], Settings]


def add_detail(commands: Any) -> None:
    """Add `detail` to `commands`."""
    detail = commands.add_parser(
        "detail",
        help="draw what is found in pictures once more, without a server",
        description="Draw what detailers find in pictures once more, and print the paths of the "
        "new ones. Everything else in them keeps its bytes.",
        allow_abbrev=False,
    )
    detail.add_argument(
        "pictures", metavar="PICTURE", nargs="+", help="a file; of a folder every picture"
    )
    add_flags(detail, GenerationRequest, _REQUEST_FLAGS)
    add_file_flags(detail, asking.add_run_flags(detail))
    detail.set_defaults(run=_detail)


def _detail(options: argparse.Namespace) -> int:
    export = export_of(options)
    settings = asking.settings_of(options)
    names, fields = files(options.pictures), given(options, _REQUEST_FLAGS)
    tasks = [
        Task(
            GenerationRequest.parse(fields | {"task": {"kind": "details", "image": name}}),
            name if len(names) > 1 else None,
        )
        for name in names
    ]
    with opened(settings, options.out) as studio:
        results, failed = run_all(studio, tasks)
        results = given_away(studio, results, export, options.out)
    return print_results(results, failed, options.json)


def add_detectors(commands: Any, flags: Flags, settings_of: ReadSettings) -> None:
    """Add `detectors` to `commands`. `flags` adds the flags of the settings that say where models
    are, `settings_of` reads them."""
    parser = commands.add_parser(
        "detectors", help="list what finds things in pictures, fetch what it needs"
    )
    own = parser.add_subparsers(dest="detectors_command", metavar="COMMAND", required=True)
    listing = own.add_parser("list", help="what there is, and what it needs", allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(run=lambda options: _list(_of(settings_of(options)), options.json))
    download = own.add_parser(
        "download",
        help="fetch what one needs",
        description="Fetch the networks of a detector into data-dir/detectors.",
        allow_abbrev=False,
    )
    download.add_argument("name", metavar="NAME", help="as 'studio detectors list' shows it")
    download.set_defaults(run=lambda options: _download(_of(settings_of(options)), options.name))
    for each in (listing, download):
        flags(each)


def _of(settings: Settings) -> Detectors:
    folders = (assets_dir() / "models", *settings.models_dir)
    return Detectors(Catalog(folders, settings.data_dir), settings.detectors_dir)


def _list(detectors: Detectors, as_json: bool) -> int:
    known = [detectors.available(name) for name in detectors.names()]
    if as_json:
        print(json.dumps({"detectors": [vars(one) for one in known]}))
        return 0
    wide = max(len(one.name) for one in known)
    for one in known:
        needs = "" if one.ready else f"needs {one.size_bytes / 1e6:.0f} MB from {one.url}"
        print(f"{one.name:{wide}}  {'; '.join(filter(None, (one.title, needs)))}")
    return 0


def _download(detectors: Detectors, name: str) -> int:
    """Raises `DownloadError`, `UnknownModel`."""
    known = detectors.available(name)
    if known.license:
        print(f"studio: {known.license}", file=sys.stderr)
    with ProgressBar(sys.stderr) as bar:
        detectors.download(
            name,
            lambda now: bar.show_bytes(now.name, now.done_bytes, now.total_bytes, now.rate_bytes_s),
        )
    print(f"{known.name} can look now.")
    return 0

"""`studio preprocessors list | download`: what makes maps for ControlNets, and its weights."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.belongings import preprocessors_of
from studio.cli.progress import ProgressBar
from studio.domain.files import as_text
from studio.domain.preprocessors import PREPROCESSORS, find
from studio.settings import Settings

if TYPE_CHECKING:  # brings an HTTP client, which the other commands do without
    from studio.preprocessors.maps import Preprocessors

Flags = Callable[[argparse.ArgumentParser], None]
ReadSettings = Callable[[argparse.Namespace], Settings]


def add_preprocessors(commands: Any, flags: Flags, settings_of: ReadSettings) -> None:
    """Add `preprocessors` to `commands`. `flags` adds the flags of the settings that say where
    weights are, `settings_of` reads them."""

    def build(options: argparse.Namespace) -> Preprocessors:
        return preprocessors_of(settings_of(options))

    parser = commands.add_parser(
        "preprocessors",
        help="list what makes maps for ControlNets, fetch its weights",
        allow_abbrev=False,
    )
    own = parser.add_subparsers(dest="preprocessors_command", metavar="COMMAND", required=True)
    listing = own.add_parser(
        "list",
        help="what there is, and what it needs",
        description="List all preprocessors.",
        allow_abbrev=False,
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(run=lambda options: _list(build(options), options.json))
    download = own.add_parser(
        "download",
        help="fetch what one needs",
        description="Fetch the weights of a preprocessor into data-dir/preprocessors. What breaks "
        "off goes on with the next try. HF_ENDPOINT is another server of Hugging Face's kind.",
        allow_abbrev=False,
    )
    download.add_argument("name", metavar="NAME", help="as 'studio preprocessors list' shows it")
    download.set_defaults(run=lambda options: _download(build(options), options.name))
    for each in (listing, download):
        flags(each)


def _list(preprocessors: Preprocessors, as_json: bool) -> int:
    rows = []
    for name, spec in PREPROCESSORS.items():
        available = preprocessors.available(name)
        settings = {each.name: each.default for each in spec.settings}
        rows.append(
            {
                "name": name,
                "title": spec.title,
                "control_types": list(spec.control_types),
                "settings": settings,
                "ready": available.ready,
                "message": available.message,
            }
        )
    if as_json:
        print(json.dumps({"preprocessors": rows}))
        return 0
    wide = max(len(row["name"]) for row in rows)
    for row in rows:
        given = ", ".join(f"{name}={value:g}" for name, value in row["settings"].items())
        needs = "" if row["ready"] else f"needs {_megabytes(preprocessors, row['name'])}"
        print(f"{row['name']:{wide}}  {'; '.join(filter(None, (row['title'], given, needs)))}")
    return 0


def _megabytes(preprocessors: Preprocessors, name: str) -> str:
    return f"{preprocessors.available(name).size_bytes / 1e6:.0f} MB"


def _download(preprocessors: Preprocessors, name: str) -> int:
    """Raises InvalidRequest, DownloadError."""
    weights = find(name).weights
    if weights and weights.terms:
        print(f"studio: {weights.terms}", file=sys.stderr)
    with ProgressBar(sys.stderr) as bar:
        preprocessors.download(
            name,
            lambda now: bar.show_bytes(now.name, now.done_bytes, now.total_bytes, now.rate_bytes_s),
        )
    for path in preprocessors.available(name).found:
        print(as_text(path))
    return 0

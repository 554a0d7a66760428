"""`studio models download`: a model from Hugging Face or any web address into the models folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.cli.progress import ProgressBar
from studio.domain.errors import CheckpointError
from studio.domain.files import as_text
from studio.domain.refs import KINDS


def add_download(commands: Any, settings_flags: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add `download` to `commands`. `settings_flags` adds the flags that say where models are;
    whoever runs it gives it the settings' `downloads_dir` as `options.folder`."""
    parser = commands.add_parser(
        "download",
        help="fetch a model",
        description="Fetch a model into data-dir/models. What breaks off goes on with the next "
        "try. HF_TOKEN is your Hugging Face token, HF_ENDPOINT another server of that kind; "
        "HTTPS_PROXY is used.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="owner/name, owner/name@revision, owner/name/file.safetensors, or an https:// address",
    )
    parser.add_argument("--file", metavar="FILE", help="the file of the repository to fetch")
    parser.add_argument("--sha256", metavar="HASH", help="what the file must be")
    parser.add_argument(
        "--kind", choices=KINDS, metavar="KIND", help=f"its folder: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="take a .ckpt, .pt or .bin file, which may hold a program",
    )
    settings_flags(parser)


def download(options: argparse.Namespace, folder: Path) -> int:
    """Run it: fetch into `folder`, print the path. Raises as `hub.download` does."""
    from studio.catalog.places import subfolder
    from studio.catalog.probe import probe
    from studio.fetching import hub  # brings an HTTP client, which the other commands do without

    if options.kind:
        folder = subfolder(folder, options.kind)
    with ProgressBar(sys.stderr) as bar:
        path = hub.download(
            options.source,
            folder,
            lambda now: bar.show_bytes(now.name, now.done_bytes, now.total_bytes, now.rate_bytes_s),
            file=options.file,
            sha256=options.sha256,
            pickles=options.allow_pickle,
        )
    print(as_text(path))
    try:
        facts = probe(path)
    except CheckpointError as error:
        print(f"studio: {error}", file=sys.stderr)
        return 0
    if options.kind and facts.kind != options.kind:
        print(f"studio: its kind is {facts.kind}, not {options.kind}.", file=sys.stderr)
    return 0

"""`studio verify FILE…`: where pictures come from, as far as anybody can tell."""

from __future__ import annotations

import argparse
import json
from typing import Any

from studio.cli.flags import add_flags, given
from studio.cli.library import up_to_date
from studio.cli.status import complain, status_of
from studio.domain.errors import StudioError
from studio.domain.files import as_text
from studio.gallery.inputs import Inputs
from studio.gallery.sources import file_bytes
from studio.provenance import marking, signing
from studio.provenance.verdict import Verdict
from studio.provenance.verifier import Verifier
from studio.settings import Settings

_KNOWN, _UNKNOWN = 0, 1
_SETTINGS = ("data_dir",)


def add_verify(commands: Any) -> None:
    """Add `verify` to `commands`."""
    verify = commands.add_parser(
        "verify",
        help="say where pictures come from",
        description="Say where pictures come from, as far as their pixels, their text and the "
        "library tell. Exit status: 0 a model drew each, 1 of one that is not known, 2 bad input.",
        allow_abbrev=False,
    )
    verify.add_argument("files", metavar="FILE", nargs="+", help="a picture")
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    add_flags(verify, Settings, _SETTINGS)
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    status, told = _KNOWN, []
    settings = Settings.read(given(options, _SETTINGS))
    with up_to_date(settings) as library:
        verifier = Verifier(library, signing.notary(settings, Inputs(settings.inputs_dir).bytes))
        for name in options.files:
            try:
                verdict = verifier.verify(file_bytes(name))
            except StudioError as error:
                complain(error, f"{as_text(name)}: ")
                status = max(status, status_of(error))
                told.append({"file": as_text(name), "failed": str(error)})
                continue
            status = max(status, _KNOWN if verdict.made_by_ai else _UNKNOWN)
            told.append({"file": as_text(name), **_told(verdict)})
            if not options.json:
                print(f"{told[-1]['file']}: {verdict.words[0]}")
                for text in verdict.words[1:]:
                    print(f"  {text}")
    if options.json:
        print(json.dumps({"files": told}))
    return status


def _told(verdict: Verdict) -> dict[str, Any]:
    id = verdict.mark.id
    return {
        "made_by_ai": verdict.made_by_ai,
        "mark": None if id is None else marking.written(id),
        "settings": verdict.settings,
        "credentials": verdict.credentials and vars(verdict.credentials),
        "digital_source_type": verdict.term,
        "pictures": [vars(alike) for alike in verdict.pictures],
        "words": verdict.words,
    }

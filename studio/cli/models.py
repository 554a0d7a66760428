"""`studio models list | inspect | add | remove`: the catalog on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.catalog.catalog import Catalog
from studio.catalog.header import read_header
from studio.catalog.inspect import inspect
from studio.catalog.places import add, subfolder
from studio.catalog.probe import SAFETENSORS, probe
from studio.catalog.shipped import shipped_upscalers
from studio.cli.progress import ProgressBar
from studio.domain.errors import CheckpointError, InvalidRequest, UnknownModel
from studio.domain.files import as_text
from studio.domain.refs import KINDS, ModelRef
from studio.settings import Settings, assets_dir

Flags = Callable[[argparse.ArgumentParser], None]
ReadSettings = Callable[[argparse.Namespace], Settings]


def add_models(commands: Any, flags: Flags, settings_of: ReadSettings) -> Any:
    """Add `models` to `commands`, and return its own commands for others to be added. `flags` adds
    the flags of the settings that say where models are, `settings_of` reads them."""
    models = commands.add_parser(
        "models", help="list, inspect, add and remove models", allow_abbrev=False
    )
    own = models.add_subparsers(dest="models_command", metavar="COMMAND", required=True)
    for name, build in (
        ("list", _add_list),
        ("inspect", _add_inspect),
        ("add", _add_add),
        ("remove", _add_remove),
    ):
        run = build(own, flags)
        own.choices[name].set_defaults(
            run=lambda options, run=run: run(options, settings_of(options))
        )
    return own


def catalog_of(settings: Settings) -> Catalog:
    """Raises `InvalidRequest` for a models folder that is not there."""
    for folder in settings.models_dir:
        if not folder.is_dir():
            raise InvalidRequest(f"models_dir: {folder} is no folder. Check the path.")
    folders = assets_dir() / "models", *settings.models_dir
    return Catalog(folders, settings.data_dir, shipped=shipped_upscalers())


def _add_list(own: Any, flags: Flags) -> Callable[[argparse.Namespace, Settings], int]:
    parser = own.add_parser(
        "list", help="what models there are", description="List all models.", allow_abbrev=False
    )
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    flags(parser)
    return _list


def _add_inspect(own: Any, flags: Flags) -> Callable[[argparse.Namespace, Settings], int]:
    parser = own.add_parser(
        "inspect",
        help="what a file is, from its header alone",
        description="Tell what a model file, or a folder in diffusers layout, is. Nothing of a "
        "pickle is run.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--hash", action="store_true", help="compute its sha256, which takes time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    flags(parser)
    return _inspect


def _add_add(own: Any, flags: Flags) -> Callable[[argparse.Namespace, Settings], int]:
    parser = own.add_parser(
        "add",
        help="copy a model into the models folder",
        description="Copy a model file, or a folder in diffusers layout, into the first models "
        "folder, or into data-dir/models if none is given.",
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="FILE-or-DIR", type=Path)
    parser.add_argument("--link", action="store_true", help="link to it instead of copying")
    flags(parser)
    return _add


def _add_remove(own: Any, flags: Flags) -> Callable[[argparse.Namespace, Settings], int]:
    parser = own.add_parser(
        "remove",
        help="move a model to the trash",
        description="Move a model to the trash, where it can be taken back for thirty days.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    flags(parser)
    return _remove


def _list(options: argparse.Namespace, settings: Settings) -> int:
    catalog = catalog_of(settings)
    kinds = (options.kind,) if options.kind else KINDS
    refs = [ref for kind in kinds for ref in catalog.refs(kind)]
    left_out = {**catalog.broken, **catalog.pending}
    if options.json:
        models = [_as_json(ref) | {"sha256": catalog.sha256(ref)} for ref in refs]
        broken = [{"path": as_text(path), "reason": why} for path, why in left_out.items()]
        print(json.dumps({"models": models, "broken": broken}))
        return 0
    rows = [("kind", "name", "family", "for", "dtype", "size", "hash")]
    rows += [
        (
            ref.kind,
            ref.name,
            ref.family.name if ref.family else "",
            _purpose(ref),
            ref.facts.dtype,
            _size(ref.file.size_bytes),
            catalog.short_hash(ref) or "",
        )
        for ref in refs
    ]
    _print_table(rows)
    for path, why in left_out.items():
        print(f"studio: left out {as_text(path)}: {why}", file=sys.stderr)
    return 0


def _inspect(options: argparse.Namespace, settings: Settings) -> int:
    path = Path(os.path.abspath(options.file))
    if not path.exists():
        raise InvalidRequest(f"{options.file}: there is no such file. Check the path.")
    try:
        facts = inspect(path, settings.data_dir, options.hash)
        if path.suffix.lower() in SAFETENSORS:
            header = read_header(path)
            facts["header_bytes"] = header.data_offset - 8
            facts["metadata"] = header.metadata
    except CheckpointError as error:
        raise InvalidRequest(str(error)) from None
    if options.json:
        print(json.dumps(facts))
        return 0
    for name, value in facts.items():
        if value not in (None, "", [], {}, False):
            print(f"{name.replace('_', ' '):16} {_shown(name, value)}")
    return 0


def _add(options: argparse.Namespace, settings: Settings) -> int:
    source = options.source
    if not source.exists():
        raise InvalidRequest(f"{source}: there is no such file or folder. Check the path.")
    try:
        facts = probe(source)
    except CheckpointError as error:
        raise InvalidRequest(str(error)) from None
    if facts.problem:
        raise InvalidRequest(facts.problem)
    base = settings.models_dir[0] if settings.models_dir else settings.data_dir / "models"
    began_s = time.monotonic()
    with ProgressBar(sys.stderr) as bar:

        def copied(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - began_s, 1e-3)
            bar.show_bytes(source.name, done, total, rate)

        path = add(source, subfolder(base, facts.kind), options.link, copied)
    print(as_text(path))
    return 0


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    catalog = catalog_of(settings)
    if options.kind:
        refs = [catalog.find(options.name, options.kind)]
    else:
        refs = _of_any_kind(catalog, options.name)
    if len(refs) > 1:
        kinds = " and ".join(ref.kind for ref in refs)
        raise InvalidRequest(f"{options.name} is the name of a {kinds}. Say which with --kind.")
    print(as_text(catalog.delete(refs[0])))
    return 0


def _of_any_kind(catalog: Catalog, name: str) -> list[ModelRef]:
    refs = []
    for kind in KINDS:
        try:
            refs.append(catalog.find(name, kind))
        except InvalidRequest:
            continue
    if not refs:
        raise UnknownModel(f"{name!r} is unknown. 'studio models list' shows what there is.")
    return refs


def _as_json(ref: ModelRef) -> dict[str, Any]:
    facts = {k: v for k, v in vars(ref.facts).items() if k not in ("tensors", "problem")}
    return facts | {
        "name": ref.name,
        "path": as_text(ref.path),
        "family": ref.family and ref.family.name,
        "prediction_type": ref.prediction_type,
        "zero_snr": ref.zero_snr,
        "size_bytes": ref.file.size_bytes,
        "modified_ns": ref.file.modified_ns,
    }


def _purpose(ref: ModelRef) -> str:
    facts = ref.facts
    phrases = [] if facts.task == "base" else [facts.task]
    phrases += [ref.prediction_type] if ref.prediction_type == "v_prediction" else []
    phrases += [f"rank {facts.rank}"] if facts.rank else []
    phrases += [f"×{facts.scale}"] if facts.scale else []
    phrases += [f"{facts.vectors} vectors"] if facts.vectors else []
    return ", ".join(phrases)


def _size(count: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _shown(name: str, value: Any) -> str:
    if name == "size_bytes":
        return f"{value:,} ({_size(value)})"
    if name == "metadata":
        return ", ".join(sorted(value))
    return ", ".join(value) if isinstance(value, list) else str(value)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())

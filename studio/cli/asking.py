"""The flags of a request, and what they ask for, as one or many: files, presets, folders, lines."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from studio.catalog.presets import Presets
from studio.cli import task_flags
from studio.cli.flags import add_flags, given
from studio.cli.running import Task
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.settings import Settings

_NO_FLAGS = ("task", "applied_styles", "prompt_template", "negative_prompt_template")
_REQUEST_FLAGS = tuple(name for name in GenerationRequest.model_fields if name not in _NO_FLAGS)
_ENGINE_SETTINGS = ("models_dir", "data_dir", "device", "dtype", "memory_mode", "watermark")
"""What is taken of the settings; the rest is about serving."""


def add_request_flags(parser: argparse.ArgumentParser) -> Any:
    """Add them to `parser`; the group "how to run" of it, for more."""
    add_flags(parser, GenerationRequest, _REQUEST_FLAGS)
    task_flags.add_task_flags(parser)
    group = add_run_flags(parser)
    group.add_argument(
        "--request",
        metavar="FILE",
        help="a request as JSON, '-' for standard input; other flags change single fields of it",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="settings with a name, as 'SDXL Lightning, 4 steps'; other flags change single ones",
    )
    return group


def add_run_flags(parser: argparse.ArgumentParser) -> Any:
    """Add to `parser` the group "how to run", which `settings_of` reads; the group, for more."""
    group = parser.add_argument_group("how to run")
    add_flags(group, Settings, _ENGINE_SETTINGS)
    return group


def settings_of(options: argparse.Namespace) -> Settings:
    return Settings.read(given(options, _ENGINE_SETTINGS))


def tasks(
    options: argparse.Namespace, settings: Settings, like: dict[str, Any] | None = None
) -> list[Task]:
    """What the flags ask for: the fields in the request file, or those `like` a picture, changed by
    the preset, changed by single flags; once for each picture of a folder. Raises
    `InvalidRequest`."""
    fields = _in_file(options.request) if like is None else like
    fields = fields | _in_preset(options.preset, settings)
    own = fields | given(options, _REQUEST_FLAGS)
    found = []
    for each in task_flags.each(options):
        task = task_flags.task(each, fields.get("task", {}))
        source = each.init_image if each.init_image != options.init_image else None
        found.append(Task(GenerationRequest.parse(own | {"task": task}), source))
    return found


def text_of(name: str, flag: str) -> str:
    """What is in the file, '-' for standard input. Raises `InvalidRequest`."""
    try:
        return _bytes_of(name, flag).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{flag}: {name} is no text in UTF-8. Save it as one.") from None


def _bytes_of(name: str, flag: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        cause = error.strerror or error
        raise InvalidRequest(f"{flag}: {name} cannot be read: {cause}.") from None


def _in_preset(name: str | None, settings: Settings) -> dict[str, Any]:
    """The fields that the preset sets."""
    return {} if name is None else dict(Presets(*settings.presets_folders).find(name).request)


def _in_file(name: str | None) -> dict[str, Any]:
    """The fields that the request file sets."""
    if name is None:
        return {}
    data = _bytes_of(name, "--request")
    return GenerationRequest.parse(data).model_dump(mode="json", exclude_unset=True)

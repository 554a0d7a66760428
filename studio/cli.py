"""The command line. Flags are made from the declarations of settings and request, so they cannot
drift from what the page offers."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from studio.app import Studio
from studio.cli_download import add_download, download
from studio.cli_models import add_models
from studio.domain import events
from studio.domain.errors import InvalidRequest, SaveError, StudioError, named
from studio.domain.request import GenerationRequest
from studio.jobs.job import Job
from studio.progress import ProgressBar
from studio.settings import Settings, shipped
from studio.version import __version__

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130

_GLOBAL_FLAGS = ("-h", "--help", "--version")
"""What may stand without a command and does not mean `serve`."""
_ENGINE_SETTINGS = ("models_dir", "data_dir", "device", "dtype", "memory_mode")
"""What `generate` takes of the settings; the rest is about serving."""

_MODELS_SETTINGS = ("models_dir", "data_dir")

_REQUEST_FLAGS = tuple(name for name in GenerationRequest.model_fields if name != "task")


class _OneLineParser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"studio: {message}. See '{self.prog} --help'.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `studio` and return its exit status: 0; 1 if a picture could not be made; 2 for bad
    input; 130 when interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0].startswith("-") and arguments[0] not in _GLOBAL_FLAGS:
        arguments.insert(0, "serve")
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return options.run(options)
    except InvalidRequest as error:
        return _complain(error, BAD_INPUT)
    except StudioError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(error: StudioError, status: int) -> int:
    print(f"studio: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="studio",
        description="A browser-based studio for Stable Diffusion.",
        epilog="Without a command: serve. 'studio serve --help' lists its flags.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"Latent Studio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="{serve,generate,models,bench}")
    _add_serve(commands)
    _add_generate(commands)
    _add_models(commands)
    _add_bench(commands)
    return parser


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve the page and the API (the default)",
        description="Serve the page and the API. Every flag is also an environment variable "
        "(STUDIO_PORT) and a key of studio.toml (port).",
        allow_abbrev=False,
    )
    _add_flags(serve, Settings, tuple(Settings.model_fields))
    serve.set_defaults(run=_serve)


def _add_generate(commands: Any) -> None:
    generate = commands.add_parser(
        "generate",
        help="make pictures without a server",
        description="Make the pictures of one request, and print their paths.",
        allow_abbrev=False,
    )
    _add_flags(generate, GenerationRequest, _REQUEST_FLAGS)
    _add_flags(generate, Settings, _ENGINE_SETTINGS)
    generate.add_argument(
        "--request",
        metavar="FILE",
        help="a request as JSON, '-' for standard input; other flags change single fields of it",
    )
    generate.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the pictures; default: data-dir/outputs"
    )
    generate.add_argument("--json", action="store_true", help="print one JSON object")
    generate.set_defaults(run=_generate)


def _add_models(commands: Any) -> None:
    def flags(parser: argparse.ArgumentParser) -> None:
        _add_flags(parser, Settings, _MODELS_SETTINGS)

    def settings(options: argparse.Namespace) -> Settings:
        return Settings.read(_given(options, _MODELS_SETTINGS))

    own = add_models(commands, flags, settings)
    add_download(own, flags)
    own.choices["download"].set_defaults(
        run=lambda options: download(options, settings(options).downloads_dir)
    )


def _add_bench(commands: Any) -> None:
    scripts = sorted(path.stem for path in shipped("benchmarks").glob("*.py"))
    bench = commands.add_parser(
        "bench",
        help="run a benchmark",
        description="Run a benchmark and print its table. All further flags are the benchmark's "
        "own; 'studio bench NAME --help' lists them.",
        allow_abbrev=False,
    )
    bench.add_argument("name", choices=scripts, metavar="NAME", help=", ".join(scripts))
    bench.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    bench.set_defaults(run=_bench)


def _add_flags(
    parser: argparse.ArgumentParser, model: type[BaseModel], names: Sequence[str]
) -> None:
    """One flag a field. Values stay text here: the model reads them and says what is wrong."""
    for name in names:
        field = model.model_fields[name]
        flag = "--" + name.replace("_", "-")
        if field.default == ():
            flag = flag.removesuffix("s")
        options: dict[str, Any] = {"help": _help(field), "default": None, "dest": name}
        if field.annotation is bool:
            options["action"] = "store_true"
        else:
            options["metavar"] = name.rpartition("_")[2].upper()
            options["action"] = "append" if field.default == () else "store"
        parser.add_argument(flag, **options)


def _help(field: FieldInfo) -> str:
    text = field.description or field.title or ""
    limits = {type(item).__name__: item for item in field.metadata}
    if "Ge" in limits and "Le" in limits:
        text += f" {limits['Ge'].ge} to {limits['Le'].le}."
    if field.default_factory is None and field.default not in (None, "", (), False):
        text += f" Default: {field.default}."
    return text.replace("%", "%%")


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Those of the flags `names` that stood on the command line."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value not in (None, False)}


def _serve(options: argparse.Namespace) -> int:
    from studio.server import serve  # brings the web server, which the other commands do without

    logging.getLogger("studio").setLevel(logging.INFO)
    serve(Settings.read(_given(options, tuple(Settings.model_fields))))
    return 0


def _generate(options: argparse.Namespace) -> int:
    request = _request(options)
    studio = Studio(Settings.read(_given(options, _ENGINE_SETTINGS)), outputs=options.out)
    try:
        final = _follow(studio.submit(request))
    except KeyboardInterrupt:
        if not studio.close(timeout_s=1):
            os._exit(INTERRUPTED)  # a load under way cannot be stopped otherwise
        raise
    studio.close()
    unsaved = [picture.warning for picture in final.pictures if picture.path is None]
    if unsaved:
        raise SaveError(unsaved[0])
    _print_result(final, options.json)
    return 0


def _bench(options: argparse.Namespace) -> int:
    """In a process of its own, so that nothing of ours is in what it measures."""
    script = shipped("benchmarks") / f"{options.name}.py"
    return subprocess.run([sys.executable, str(script), *options.rest], check=False).returncode


def _request(options: argparse.Namespace) -> GenerationRequest:
    """The request file's fields, if there is one, changed by the flags."""
    flags = _given(options, _REQUEST_FLAGS)
    if options.request is None:
        return GenerationRequest.parse(flags)
    try:
        if options.request == "-":
            data = sys.stdin.buffer.read()
        else:
            data = Path(options.request).read_bytes()
    except OSError as error:
        cause = error.strerror or error
        raise InvalidRequest(f"--request: {options.request} cannot be read: {cause}.") from None
    in_file = GenerationRequest.parse(data).model_dump(mode="json", exclude_unset=True)
    return GenerationRequest.parse(in_file | flags)


def _follow(job: Job) -> events.Finished:
    """Show the job's progress until it ends. Raises the error it failed with."""
    with ProgressBar(sys.stderr) as bar:
        for _, event in job.events.follow():
            bar.show(event)
    if isinstance(event, events.Failed):
        raise named(event.error, event.message)
    if isinstance(event, events.Cancelled):
        raise KeyboardInterrupt
    return event


def _print_result(final: events.Finished, as_json: bool) -> None:
    paths = [str(picture.path) for picture in final.pictures]
    if not as_json:
        print("\n".join(paths))
        return
    result = {
        "images": paths,
        "seeds": [picture.seed for picture in final.pictures],
        "elapsed_s": round(final.elapsed_s, 3),
        "infotext": [picture.infotext for picture in final.pictures],
    }
    print(json.dumps(result))

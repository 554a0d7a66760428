"""The command line. Flags are made from the declarations of settings and request, so they cannot
drift from what the page offers."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from studio.cli.dataset import add_dataset
from studio.cli.details import add_detail, add_detectors
from studio.cli.download import add_download, download
from studio.cli.flags import add_flags, given
from studio.cli.generate import add_generate
from studio.cli.grid import add_grid
from studio.cli.library import add_library
from studio.cli.models import add_models
from studio.cli.preprocessors import add_preprocessors
from studio.cli.probe import add_probe
from studio.cli.reproduce import add_reproduce
from studio.cli.status import BAD_INPUT, INTERRUPTED, complain, status_of
from studio.cli.train import add_train
from studio.cli.upscale import add_upscale
from studio.cli.verify import add_verify
from studio.domain import malloc
from studio.domain.errors import StudioError
from studio.settings import Settings, shipped
from studio.version import __version__

_GLOBAL_FLAGS = ("-h", "--help", "--version")
"""What may stand without a command and does not mean `serve`."""
_MODELS_SETTINGS = ("models_dir", "data_dir")


class _OneLineParser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"studio: {message}. See '{self.prog} --help'.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `studio` and return its exit status: 0; 1 if a picture could not be made; 2 for bad
    input; 130 when interrupted."""
    if arguments is None:  # the process is ours
        malloc.keep()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0].startswith("-") and arguments[0] not in _GLOBAL_FLAGS:
        arguments.insert(0, "serve")
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return options.run(options)
    except StudioError as error:
        complain(error)
        return status_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="studio",
        description="A browser-based studio for Stable Diffusion.",
        epilog="Without a command: serve. 'studio serve --help' lists its flags.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"Latent Studio {__version__}")
    commands = parser.add_subparsers(
        dest="command",
        metavar="{serve,generate,grid,probe,upscale,detail,reproduce,verify,train,dataset,library,"
        "models,preprocessors,detectors,bench}",
    )
    _add_serve(commands)
    add_generate(commands)
    add_grid(commands)
    add_probe(commands)
    add_upscale(commands)
    add_detail(commands)
    add_reproduce(commands)
    add_train(commands)
    add_dataset(commands)
    add_verify(commands)
    add_library(commands)
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
    add_flags(serve, Settings, tuple(Settings.model_fields))
    serve.set_defaults(run=_serve)


def _add_models(commands: Any) -> None:
    own = add_models(commands, _models_flags, _models_settings)
    add_download(own, _models_flags)
    own.choices["download"].set_defaults(
        run=lambda options: download(options, _models_settings(options).downloads_dir)
    )
    add_preprocessors(commands, _models_flags, _models_settings)
    add_detectors(commands, _models_flags, _models_settings)


def _models_flags(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, Settings, _MODELS_SETTINGS)


def _models_settings(options: argparse.Namespace) -> Settings:
    return Settings.read(given(options, _MODELS_SETTINGS))


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


def _serve(options: argparse.Namespace) -> int:
    from studio.server import serve  # brings the web server, which the other commands do without

    logging.getLogger("studio").setLevel(logging.INFO)
    serve(Settings.read(given(options, tuple(Settings.model_fields))))
    return 0


def _bench(options: argparse.Namespace) -> int:
    """In a process of its own, so that nothing of ours is in what it measures."""
    script = shipped("benchmarks") / f"{options.name}.py"
    return subprocess.run([sys.executable, str(script), *options.rest], check=False).returncode

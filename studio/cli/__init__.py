"""The command line: `studio`, and `python -m studio`."""

from studio.cli.commands import main

__all__ = ["main"]

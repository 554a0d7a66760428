"""Which releases of its libraries the studio was tested with, and where what is installed differs.

Asks the metadata alone: no library is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

DISTRIBUTION = "latent-studio"


def declared() -> list[str]:
    """What the installed studio says it needs, such as "gradio<6.32,>=6.31". Empty where it runs
    from a checkout without being installed."""
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []


def untested(requirements: Iterable[str], extra: str = "") -> list[str]:
    """A line for each of `requirements` that is not met by what is installed.

    extra  the optional dependencies that count too
    """
    lines = []
    for each in map(Requirement, requirements):
        if each.marker and not each.marker.evaluate({"extra": extra}):
            continue
        tested = ",".join(sorted(map(str, each.specifier), reverse=True))
        try:
            installed = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            lines.append(f"{each.name} is not installed (tested: {tested})")
            continue
        if not _within(installed, each.specifier):
            lines.append(f"{each.name} {installed} is installed (tested: {tested})")
    return lines


def _within(version: str, tested: SpecifierSet) -> bool:
    """False too where `version` is none, as builds by hand have it."""
    try:
        return tested.contains(version, prereleases=True)
    except InvalidVersion:
        return False

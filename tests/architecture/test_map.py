"""docs/architecture.md's map and the tree are the same."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath

from tests.architecture.source import PACKAGE, ROOT

MAP = "## Where things are"

UNNAMED = {
    "drawing.js",
    "keys.js",
    "layer.js",
    "numbers.js",
    "options.js",
    "overlay.js",
    "paint.js",
    "pointers.js",
    "sizes.js",
    "uploads.js",
    "view.js",
    "welcome.js",
}
"""Scripts that only those beside them use: the page's map leaves them out."""


def entries() -> dict[str, list[str]]:
    """Folder of the map -> the files named in it, as they stand there: `cli.py`, `probe*.py`."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    lines = text.partition(MAP)[2].split("```")[1].strip("\n").splitlines()
    named: dict[str, list[str]] = {}
    above: list[tuple[int, str]] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if folder := re.match(r"\s*(\w+)/", line):
            above = [(depth, name) for depth, name in above if depth < indent]
            above.append((indent, folder[1]))
            named[_path(above)] = []
        here = [name for name in above if name[0] < indent] if not folder else above
        named[_path(here)] += re.findall(r"(?<![\w./])[\w*]+\.py\b", line)
    return named


def _path(above: list[tuple[int, str]]) -> str:
    return "/".join(name for _, name in above)


def test_every_file_is_in_the_map():
    """By its name, or by the line of a folder in which no file is named."""
    named = entries()
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = PurePosixPath("studio", *path.relative_to(PACKAGE).parts)
        patterns = named.get(str(place.parent))
        told = patterns is not None and (
            not patterns or any(fnmatch(place.name, pattern) for pattern in patterns)
        )
        if not told and place.name != "__init__.py":
            missing.append(str(place))
    assert not missing, "\n".join(missing)


def test_everything_in_the_map_is_there():
    wrong = [folder for folder in entries() if not (ROOT / folder).is_dir()]
    for folder, patterns in entries().items():
        wrong += [f"{folder}/{name}" for name in patterns if not [*(ROOT / folder).glob(name)]]
    assert not wrong, "\n".join(wrong)


def test_every_decision_is_linked_and_every_link_leads_somewhere():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    linked = {link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    assert [link for link in linked if not (ROOT / "docs" / link).is_file()] == []
    pages = {f"decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert sorted(pages - linked) == []


def test_the_map_of_the_page_names_what_is_there():
    """Every script, and every Python file of the page, and nothing else."""
    text = (ROOT / "docs" / "page.md").read_text("utf-8")
    named = set(re.findall(r"(?<![\w/])(\w+\.(?:js|py))\b", text.split("```")[1]))
    page = PACKAGE / "ui"
    there = {path.name for path in page.rglob("*.py")} - {"__init__.py"}
    there |= {path.name for path in page.rglob("*.js")}
    assert sorted(named - there) == []
    assert sorted(there - named - UNNAMED) == []

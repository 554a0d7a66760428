"""Paths of this machine as callers over the network see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from studio.domain.files import as_text

PublicText = Callable[[str], str]
"""A message -> the same without what lies above the studio's own folders."""


def public_text(folders: Iterable[Path]) -> PublicText:
    """Every path that lies in one of `folders` begins at that folder's name: of /srv/models,
    "/srv/models/a/b.ckpt cannot be read" becomes "models/a/b.ckpt cannot be read". Of folders
    within each other the inner one counts; a link counts under both of its names."""
    names = {
        as_text(path): as_text(folder.name)
        for folder in folders
        for path in (folder.absolute(), folder.resolve())
        if folder.name and path.name
    }
    if not names:
        return as_text
    longest_first = sorted(names, key=len, reverse=True)
    path = re.compile(rf"(?<![\w./~-])({'|'.join(map(re.escape, longest_first))})(?![\w-]|\.\w)")
    return lambda text: path.sub(lambda match: names[match[1]], as_text(text))

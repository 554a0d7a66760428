"""The page's scripts as one file and its styles as another, so that a visit takes few requests.

There is no build step: the files are put together when the studio starts. Each module becomes a
function's body, in the order of their imports. What is understood of the language is what
`_IMPORT` and `_EXPORT` match, each at the beginning of a line; anything else raises.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

_IMPORT = re.compile(
    r'^import (?:\* as (?P<all>\w+)|\{(?P<names>[^}]*)\}) from "(?P<path>\.[^"]+)";\n?', re.M
)
_EXPORT = re.compile(
    r"^export (?=(?:async function\*?|function\*?|class|const) (?P<name>\w+))", re.M
)
_EXPORT_FROM = re.compile(r'^export \{(?P<names>[^}]*)\} from "(?P<path>\.[^"]+)";\n?', re.M)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.M)

STYLES = (
    "shared/base.css",
    "shared/layout.css",
    "settings/fields.css",
    "run/generate.css",
    "run/viewer.css",
    "run/tools.css",
    "canvas/canvas.css",
    "canvas/port.css",
    "canvas/colour.css",
    "canvas/working.css",
    "canvas/mask.css",
    "run/views.css",
    "run/full.css",
    "run/word_maps.css",
    "run/queue.css",
    "run/export.css",
    "run/reproduce.css",
    "run/share.css",
    "run/grid.css",
    "run/detail_choice.css",
    "run/candidates.css",
    "settings/choices.css",
    "settings/presets.css",
    "prompt/prompt.css",
    "prompt/bar.css",
    "models/details.css",
    "control/control.css",
    "control/editor.css",
    "run/live.css",
    "detail/detail.css",
    "models/models.css",
    "models/cards.css",
    "restore/restore.css",
    "library/library.css",
    "library/grid.css",
    "library/cull.css",
    "library/picture.css",
)
"""In the order in which they count."""

LATER: dict[str, tuple[str, ...]] = {
    "learn": ("learn/learn.css",),
    "dataset": ("dataset/dataset.css", "library/choosing.css"),
    "probe": ("probe/probe.css",),
    "safety": ("safety/safety.css",),
    "train": ("train/train.css", "library/choosing.css"),
}
"""Tab -> the styles of what comes when it is first shown: its HTML is `NAME/NAME.html`, its script
`NAME/NAME.js` with all that it imports and the page does not have already."""


def scripts(folder: Path, main: str = "main.js") -> str:
    """`main` of `folder` with all that it imports, as one module. It exports `modules`: path in
    the folder -> what that module exports.

    Raises ValueError for an import or export that is not understood, and for a circle.
    """
    return "\n".join(["export const modules = {};", *_modules(folder, main).values()])


def later_scripts(folder: Path, names: Iterable[str] = LATER) -> dict[str, str]:
    """Tab -> its script, a module beside the page's `page.js`, whose modules it shares. It exports
    `open`."""
    there = _modules(folder, "main.js")
    return {name: _later(folder, name, there) for name in names}


def _later(folder: Path, name: str, there: dict[str, str]) -> str:
    main = f"{name}/{name}.js"
    own = [text for path, text in _modules(folder, main, there).items() if path not in there]
    return "\n".join(
        [
            'import { modules } from "./page.js";',
            *own,
            f'export const {{ open }} = modules["{main}"];',
        ]
    )


def _modules(folder: Path, main: str, there: dict[str, str] | None = None) -> dict[str, str]:
    """Path -> text of `main` and all it imports, those it needs before itself, after `there`."""
    done = dict(there or {})
    _collect(folder, main, done, ())
    return done


def _collect(folder: Path, name: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"{name} imports itself, by way of {', '.join(above)}")
    if name in done:
        return
    source = (folder / name).read_text("utf-8")
    exported: list[str] = []

    def target(path: str) -> str:
        found = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        _collect(folder, found, done, (*above, name))
        return found

    def taken(match: re.Match[str]) -> str:
        names = match["all"] or "{ " + match["names"].replace(" as ", ": ").strip() + " }"
        return f'const {names} = modules["{target(match["path"])}"];\n'

    def handed_on(match: re.Match[str]) -> str:
        exported.extend(part.strip() for part in match["names"].split(",") if part.strip())
        return f'const {{ {match["names"].strip()} }} = modules["{target(match["path"])}"];\n'

    def kept(match: re.Match[str]) -> str:
        exported.append(match["name"])
        return ""

    body = _IMPORT.sub(taken, _EXPORT_FROM.sub(handed_on, _EXPORT.sub(kept, source)))
    if left := _LEFT.search(body):
        raise ValueError(f"{name}: this is not understood: {left[0]}")
    done[name] = (
        f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(exported)} }};\n}})();'
    )


def styles(folder: Path, names: Iterable[str] = STYLES) -> str:
    """The files `names` of `folder` as one."""
    return "\n".join((folder / name).read_text("utf-8") for name in names)

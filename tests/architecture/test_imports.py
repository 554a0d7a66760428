"""The arrows of docs/architecture.md, read from the source: who may import whom."""

from __future__ import annotations

import re
import subprocess
import sys

from studio.ui import bundle
from tests.architecture.engine import ENGINE
from tests.architecture.learning import LEARNING
from tests.architecture.source import (
    FILES,
    PACKAGE,
    SCRIPTS,
    STATIC,
    circles,
    imports,
    name_of,
    python_graph,
    script_graph,
)

ARROWS = {
    "version": set(),
    "domain": {"domain", "version"},
    "imaging": {"domain", "imaging"},
    "catalog.header": {"domain"},
    "catalog.unpickling": {"catalog.header"},
    "catalog.pickle_header": {"catalog.header", "catalog.unpickling", "domain"},
    "catalog.ncnn_header": {"catalog.header", "domain"},
    "catalog.quantized": {"catalog.header", "domain"},
    "catalog": {"catalog", "domain", "families", "store"},
    "families": {"diffusion", "domain", "families", "weights"},
    "fetching": {"domain", "fetching"},
    "weights": {
        "catalog.header",
        "catalog.ncnn_header",
        "catalog.pickle_header",
        "catalog.quantized",
        "domain",
        "weights",
    },
    "residence": {"domain", "residence", "weights"},
    "diffusion": {"diffusion", "domain"},
    **ENGINE,
    "picturebook": {
        "catalog",
        "diffusion",
        "domain",
        "engine",
        "families",
        "imaging",
        "picturebook",
        "residence",
        "weights",
    },
    "preprocessors": {"domain", "fetching", "imaging", "preprocessors", "weights.tensor_files"},
    "detectors": {
        "catalog",
        "detectors",
        "domain",
        "fetching",
        "imaging.reading",
        "picturebook",
        "preprocessors.downloading",
    },
    "datasets": {
        "datasets",
        "domain",
        "imaging",
        "jobs.job",
        "picturebook.control_palette",
        "picturebook.vocabulary",
        "picturebook.world",
    },
    "probing": {"domain", "picturebook.judge", "picturebook.vocabulary", "probing"},
    "training": {
        "diffusion",
        "domain",
        "imaging",
        "residence.device",
        "residence.memory",
        "residence.networks",
        "training",
        "version",
        "weights",
    },
    "tuning": {
        "catalog",
        "domain",
        "gallery",
        "imaging",
        "jobs",
        "residence",
        "settings",
        "store",
        "training",
        "tuning",
    },
    **LEARNING,
    "store": {"domain", "store"},
    "safety": {"domain", "imaging.blurring", "safety", "settings", "store"},
    "jobs": {"domain", "engine.protocol", "jobs", "store"},
    "jobs.settling": {"catalog", "domain", "gallery", "imaging", "jobs.workload"},
    "jobs.workload": {"domain", "imaging"},
    "jobs.timing": {"jobs.workload"},
    "provenance": {
        "domain",
        "imaging",
        "provenance.certificate",
        "provenance.code",
        "provenance.credentials",
        "provenance.marking",
        "provenance.tile",
        "provenance.watermark",
        "provenance.xmp",
        "reading",
        "version",
    },
    "provenance.signing": {"provenance.certificate", "provenance.credentials", "settings"},
    "provenance.verifier": {"domain", "gallery", "imaging", "provenance", "reading", "store"},
    "reading": {"domain", "imaging", "reading"},
    "reproducing": {
        "catalog",
        "domain",
        "gallery",
        "imaging",
        "jobs",
        "provenance",
        "reading",
        "reproducing",
        "store",
    },
    "gallery": {
        "domain",
        "gallery",
        "imaging",
        "provenance.credentials",
        "provenance.xmp",
        "reading",
        "store",
    },
    "api": {
        "api",
        "catalog",
        "datasets",
        "detectors.detectors",
        "domain",
        "engine.protocol",
        "fetching.downloads",
        "gallery",
        "imaging",
        "jobs",
        "learning",
        "preprocessors.downloading",
        "probing",
        "provenance",
        "reading",
        "reproducing",
        "safety",
        "store.cursor",
        "store.finding",
        "store.lineage",
        "store.pictures",
        "store.prompts",
        "store.tokens",
        "tuning",
        "version",
    },
    "client": {
        "client",
        "domain",
        "provenance.credentials",
        "provenance.verdict",
        "provenance.watermark",
        "reading.record",
        "store.cursor",
        "store.finding",
        "store.pictures",
    },
    "ui": {"domain", "picturebook.control_palette", "ui"},
    "settings": {"domain"},
    "belongings": {"gallery", "preprocessors", "settings", "store"},
    "app": {
        "belongings",
        "catalog",
        "datasets",
        "detectors",
        "diffusion.executions",
        "domain",
        "engine",
        "fetching",
        "gallery",
        "imaging",
        "jobs",
        "learning",
        "preprocessors",
        "provenance",
        "reading",
        "reproducing",
        "residence",
        "safety",
        "settings",
        "store",
        "tuning",
    },
    "web": {
        "api",
        "app",
        "domain.detectors",
        "domain.reach",
        "engine.maps",
        "settings",
        "ui",
        "version",
    },
    "dependencies": set(),
    "server": {
        "api.connections",
        "app",
        "dependencies",
        "domain",
        "settings",
        "ui.tunnel",
        "version",
        "web",
    },
    "cli": {
        "app",
        "belongings",
        "catalog",
        "cli",
        "datasets",
        "detectors.detectors",
        "domain",
        "fetching",
        "gallery",
        "jobs",
        "preprocessors",
        "probing",
        "provenance",
        "reading",
        "reproducing",
        "server",
        "settings",
        "store",
        "version",
    },
}
"""Part of the package -> the parts it may import. The longest prefix counts. The root, which holds
the public names, imports for its callers alone."""

ONLY_IN = {
    "c2pa": {"provenance"},
    "cryptography": {"provenance"},
    "torch": {
        "detectors.segments",
        "diffusion",
        "engine.conditioned",
        "engine.controlling",
        "engine.drawing",
        "engine.driver",
        "engine.editing",
        "engine.joining",
        "engine.pace",
        "engine.previewing",
        "engine.stable_diffusion",
        "engine.texts",
        "engine.vae",
        "engine.word_maps",
        "families",
        "learning",
        "picturebook",
        "preprocessors",
        "residence",
        "training",
        "weights",
    },
    "diffusers": {"diffusion", "picturebook", "training", "weights"},
    "peft": {"training"},
    "transformers": {
        "diffusion",
        "families",
        "picturebook",
        "preprocessors",
        "training.captions",
        "weights",
    },
    "controlnet_aux": {"preprocessors"},
    "cv2": {"detectors", "imaging", "picturebook", "preprocessors", "provenance", "safety"},
    "regex": {"safety"},
    "gradio": {"ui"},
    "mcp": {"ui"},
    "fastapi": {"api", "ui", "web"},
    "httpx": {"client", "fetching"},
    "starlette": {"api", "ui"},
    "uvicorn": {"server", "api.connections", "api.proxies"},
}
"""Library -> the parts that may import it."""

SCRIPT_ARROWS = {
    "shared": {"shared"},
    "settings": {"settings", "shared"},
    "prompt": {"prompt", "settings", "shared"},
    "models": {"models", "settings", "shared"},
    "canvas": {"canvas", "settings", "shared"},
    "control": {"canvas", "control", "settings", "shared"},
    "detail": {"canvas", "control", "detail", "settings", "shared"},
    "restore": {"canvas", "control", "restore", "settings", "shared"},
    "run": {"canvas", "control", "detail", "restore", "run", "settings", "shared"},
    "library": {"canvas", "control", "library", "restore", "run", "settings", "shared"},
    **{
        later: {"canvas", "control", later, "library", "models", "prompt", "run", "settings"}
        | {"shared"}
        for later in bundle.LATER
    },
    "": {
        "canvas",
        "control",
        "detail",
        "library",
        "models",
        "prompt",
        "restore",
        "run",
        "settings",
        "shared",
    },
}
"""Folder of the page's scripts -> the folders it may import; "" is main.js, which joins them."""

ENTRANCES = {"", "__main__", "engine"}
"""Modules that are no part: public names, the way in, an empty package over several parts."""


def within(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(part + ".") for part in parts)


def part_of(name: str) -> str | None:
    """The key of `ARROWS` that counts for a module, if any does."""
    return max((part for part in ARROWS if within(name, {part})), key=len, default=None)


def test_every_part_has_its_arrows():
    names = {name_of(path) for path in FILES}
    assert {name for name in names if part_of(name) is None} == ENTRANCES, "add parts to ARROWS"
    assert [part for part in ARROWS if not any(within(name, {part}) for name in names)] == []


def test_imports_follow_the_arrows():
    wrong = []
    for path in FILES:
        name = name_of(path)
        for line, module in [] if name in ENTRANCES else imports(path):
            top, _, inner = module.partition(".")
            if top == "studio" and inner and not within(inner, ARROWS[part_of(name)]):
                wrong.append(f"{path}:{line} imports {module}")
            if top in ONLY_IN and not within(name, ONLY_IN[top]):
                wrong.append(f"{path}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_parts_lie_above_one_another():
    """What a part may import never comes back to it: checked on the table itself."""
    allowed = {
        part: {other for other in ARROWS if other != part and within(other, targets)}
        | {part_of(target) for target in targets if part_of(target) not in (None, part)}
        for part, targets in ARROWS.items()
    }
    assert circles(allowed) == []


def test_scripts_follow_their_arrows():
    wrong = [
        f"{script} imports {target}"
        for script, targets in script_graph().items()
        for target in sorted(targets)
        if folder_of(target) not in SCRIPT_ARROWS[folder_of(script)]
    ]
    assert not wrong, "\n".join(wrong)


def folder_of(script: str) -> str:
    return script.rpartition("/")[0]


def test_one_script_alone_talks_to_the_server():
    calls = re.compile(r"\b(?:fetch|XMLHttpRequest|EventSource|WebSocket|sendBeacon)\(")
    talking = [path for path in SCRIPTS if calls.search(path.read_text("utf-8"))]
    assert [path.relative_to(STATIC).as_posix() for path in talking] == ["shared/server.js"]


def test_no_import_comes_back_to_where_it_began():
    assert circles(python_graph()) == []
    assert circles(script_graph()) == []


def test_circles_are_seen():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "a"}, "d": {"a", "d"}, "e": {"d"}}
    assert circles(graph) == [["a", "b", "c"], ["d"]]


def test_the_public_package_imports_nothing_heavy():
    program = (
        "import sys, studio, studio.cli\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'gradio', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PACKAGE.parent)

"""The arrows of docs/architecture.md, read from the source: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import studio

PACKAGE = Path(studio.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ARROWS = {
    "version": set(),
    "domain": {"domain", "version"},
    "imaging": {"domain", "imaging"},
    "engine.protocol": {"domain"},
    "engine.fake": {"domain", "engine.protocol"},
    "engine.stable_diffusion": {
        "domain",
        "engine.controlling",
        "engine.editing",
        "engine.maps",
        "engine.protocol",
        "engine.vae",
        "imaging",
        "models",
        "diffusion",
    },
    "engine.controlling": {"domain", "engine.maps", "imaging", "diffusion", "preprocessors"},
    "engine.maps": {"domain", "imaging", "preprocessors.kept"},
    "engine.editing": {"domain", "engine.vae", "imaging", "diffusion"},
    "engine.vae": {"domain", "models", "diffusion"},
    "diffusion": {"domain", "diffusion"},
    "models": {"domain", "models"},
    "picturebook": {"domain", "models", "diffusion", "engine", "imaging", "picturebook"},
    "preprocessors": {
        "domain",
        "imaging",
        "models.fetch",
        "models.hub",
        "models.pickles",
        "models.tensor_files",
        "preprocessors",
    },
    "jobs": {"domain", "engine.protocol", "jobs"},
    "gallery": {"domain", "gallery", "imaging"},
    "api": {
        "domain",
        "engine.protocol",
        "jobs",
        "gallery",
        "models.catalog",
        "models.downloads",
        "imaging",
        "preprocessors.downloading",
        "api",
    },
    "ui": {
        "domain",
        "engine.protocol",
        "jobs",
        "gallery",
        "models.catalog",
        "picturebook.control_palette",
        "ui",
    },
    "cli_download": {"domain", "models", "progress"},
    "settings": {"domain"},
    "progress": {"domain"},
    "app": {
        "domain",
        "imaging",
        "engine",
        "models",
        "jobs",
        "gallery",
        "preprocessors",
        "api",
        "ui",
        "settings",
        "version",
    },
    "server": {"app", "settings", "version"},
    "cli_models": {"domain", "models", "progress", "settings"},
    "cli_preprocessors": {"app", "domain", "preprocessors", "progress", "settings"},
    "cli_flags": set(),
    "cli_status": {"domain"},
    "cli_task": {"cli_flags", "domain"},
    "cli_generate": {
        "app",
        "cli_flags",
        "cli_status",
        "cli_task",
        "domain",
        "jobs",
        "progress",
        "settings",
    },
    "cli": {
        "cli_download",
        "cli_flags",
        "cli_generate",
        "cli_models",
        "cli_preprocessors",
        "cli_status",
        "domain",
        "server",
        "settings",
        "version",
    },
}
"""Part of the package -> the parts it may import. The longest prefix counts. The root, which holds
the public names, imports for its callers alone."""

ONLY_IN = {
    "torch": {
        "diffusion",
        "models",
        "engine.controlling",
        "engine.editing",
        "engine.stable_diffusion",
        "engine.vae",
        "picturebook",
        "preprocessors",
    },
    "diffusers": {"diffusion", "models", "picturebook"},
    "transformers": {"diffusion", "models", "picturebook", "preprocessors"},
    "controlnet_aux": {"preprocessors"},
    "cv2": {"imaging", "picturebook", "preprocessors"},
    "gradio": {"ui"},
    "fastapi": {"api", "app", "ui"},
    "starlette": {"api", "ui"},
    "uvicorn": {"server"},
}
"""Library -> the parts that may import it."""


def name_of(path: Path) -> str:
    """`jobs.queue` for studio/jobs/queue.py, `` for the root."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import statement, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            for alias in node.names:
                submodule = PACKAGE.parent / (node.module + "." + alias.name).replace(".", "/")
                is_module = submodule.with_suffix(".py").exists() or submodule.is_dir()
                yield node.lineno, f"{node.module}.{alias.name}" if is_module else node.module


def within(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(part + ".") for part in parts)


def allowed_for(name: str) -> set[str] | None:
    fitting = [part for part in ARROWS if within(name, {part})]
    return ARROWS[max(fitting, key=len)] if fitting else None


def test_every_part_has_its_arrows():
    unknown = [name for path in FILES if allowed_for(name := name_of(path)) is None]
    assert unknown == ["", "__main__", "engine"], "add new parts to ARROWS"


@pytest.mark.parametrize("path", FILES, ids=lambda path: name_of(path) or "root")
def test_imports_follow_the_arrows(path):
    name = name_of(path)
    if name in ("", "__main__", "engine"):
        return
    wrong = []
    for line, module in imports(path):
        top, _, inner = module.partition(".")
        if top == "studio" and inner and not within(inner, allowed_for(name)):
            wrong.append(f"{path}:{line} imports {module}")
        if top in ONLY_IN and not within(name, ONLY_IN[top]):
            wrong.append(f"{path}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_the_catalog_needs_no_torch():
    catalog = PACKAGE / "models" / "catalog.py"
    assert not [module for _, module in imports(catalog) if module.startswith("torch")]


def test_the_public_package_imports_nothing_heavy():
    program = (
        "import sys, studio, studio.cli\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'gradio', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PACKAGE.parent)

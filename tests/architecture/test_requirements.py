"""pyproject.toml beside the source, the lock and what is installed: do they agree?"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from studio.dependencies import untested
from tests.architecture.source import imports

ROOT = Path(__file__).parents[2]
CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, PYTEST = CONFIGURED["project"], CONFIGURED["tool"]["pytest"]["ini_options"]
NEEDED = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = [Requirement(text) for text in EXTRAS["mcp"]]
FOR_TESTS = [Requirement(text) for text in EXTRAS["test"]]

PATCH_RELEASES_ONLY = {"controlnet-aux", "diffusers", "gradio", "mcp", "peft", "transformers"}
"""Libraries on whose insides we lean."""
THROUGH = {
    "httptools": "uvicorn.protocols.http.httptools_impl",
    "torchsde": "diffusers.schedulers.scheduling_dpmsolver_sde",
}
"""Library -> the module, imported by us, of another that needs it and does not declare it."""
COMMANDS = {"ruff"}
"""Libraries that .ci/run calls."""
PLUGINS = {"pytest-xdist": "--dist"}
"""Library -> an option in pytest's configuration that is its own."""


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(each.name) for each in requirements}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(paths: list[Path]) -> set[str]:
    """Modules in import statements, but for Python's and our own."""
    ours = {
        "studio",
        "tests",
        "benchmarks",
        *(path.stem for path in (ROOT / "benchmarks").iterdir()),
    }
    known = ours | set(sys.stdlib_module_names)
    found = {module for path in paths for _, module in imports(path)}
    return {module for module in found if module.partition(".")[0] not in known}


def looked_for(paths: list[Path]) -> set[str]:
    """Every string in the files that find modules by name."""
    return {
        node.value
        for path in paths
        if any(module.startswith("importlib") for _, module in imports(path))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


brought_by = cache(metadata.packages_distributions)


def distributions(modules: set[str]) -> dict[str, set[str]]:
    """Module -> the installed distributions that bring its top."""
    return {
        module: set(map(canonicalize_name, brought_by().get(module.partition(".")[0], ())))
        for module in modules
    }


def test_what_is_installed_is_what_was_tested():
    lines = untested(map(str, NEEDED + FOR_TESTS))
    assert not lines, "; ".join(lines)


def test_every_range_ends():
    open_ended = [
        str(each)
        for each in NEEDED + FOR_TESTS
        if {spec.operator for spec in each.specifier} != {">=", "<"}
    ]
    assert not open_ended, "a range begins and ends with a release that was tested"


def test_what_is_optional_is_tested():
    assert set(map(str, OPTIONAL)) <= set(map(str, FOR_TESTS))


@pytest.mark.parametrize("name", sorted(PATCH_RELEASES_ONLY))
def test_of_what_we_lean_on_only_patches_are_let_in(name):
    [needed] = [each for each in NEEDED + FOR_TESTS if canonicalize_name(each.name) == name]
    least, below = (Version(s.version) for s in sorted(needed.specifier, key=str, reverse=True))
    # Below 0.1 the third number is what others count in the second.
    count = 3 if least.release[:2] == (0, 0) else 2
    following = (*least.release[: count - 1], least.release[count - 1] + 1)
    assert below.release == following, str(needed)


@pytest.mark.parametrize(
    ("folders", "allowed"),
    [(("studio",), NEEDED + OPTIONAL), (("tests", "benchmarks"), NEEDED + FOR_TESTS)],
    ids=["studio", "tests"],
)
def test_what_is_imported_is_declared(folders, allowed):
    missing = [
        f"{module} of {', '.join(found) or 'nothing installed'}"
        for module, found in distributions(imported(files(*folders))).items()
        if not found & names(allowed)
    ]
    assert not missing, "declare it in pyproject.toml"


@pytest.mark.parametrize(
    ("folders", "declared"),
    [(("studio",), NEEDED + OPTIONAL), (("tests", "benchmarks"), FOR_TESTS)],
    ids=["studio", "tests"],
)
def test_what_is_declared_is_used(folders, declared):
    modules = imported(files(*folders))
    used = set().union(*distributions(modules | looked_for(files(*folders))).values())
    used |= {library for library, module in THROUGH.items() if module in modules}
    used |= {name for name in COMMANDS if f"\n{name} " in (ROOT / ".ci" / "run").read_text("utf-8")}
    used |= {name for name, option in PLUGINS.items() if option in PYTEST["addopts"]}
    assert not names(declared) - used


@pytest.mark.parametrize(("library", "module"), THROUGH.items())
def test_the_other_library_does_need_it(library, module):
    other = metadata.distribution(module.partition(".")[0])
    source = Path(other.locate_file(module.replace(".", "/") + ".py")).read_text("utf-8")
    assert re.search(rf"^\s*import {library}$", source, re.MULTILINE)


def test_the_lock_is_of_these_ranges():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    locked = [Requirement(line) for line in lines if not line.startswith("#")]
    pins = {}
    for each in locked:
        [pin] = each.specifier
        assert pin.operator == "==" and not Version(pin.version).local and not each.url, str(each)
        pins.setdefault(canonicalize_name(each.name), []).append(pin.version)
    wrong = [
        f"{needed} is locked at {pins.get(canonicalize_name(needed.name), 'nothing')}"
        for needed in NEEDED + FOR_TESTS
        for version in pins.get(canonicalize_name(needed.name), [""])
        if not (version and needed.specifier.contains(version))
    ]
    assert not wrong, "run .ci/lock"

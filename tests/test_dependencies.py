"""What the studio says of libraries that it was not tested with. They are real to Python: folders
of metadata, as pip writes them."""

from __future__ import annotations

import pytest

from studio.dependencies import DISTRIBUTION, declared, untested


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs the metadata of a library: `installed("name", "1.0", "needs>=2")`."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, version, *needs):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {each}" for each in needs]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    return install


@pytest.mark.parametrize(
    ("version", "inside"),
    [
        ("1.1", False),
        ("1.2", True),
        ("1.9.3", True),
        ("1.9+cpu", True),
        ("1.9rc1", True),
        ("2.0", False),
        ("unknown", False),
    ],
)
def test_a_release_is_inside_its_range_or_named_with_it(installed, version, inside):
    installed("brushes", version)
    line = f"brushes {version} is installed (tested: >=1.2,<2)"
    assert untested(["brushes>=1.2,<2"]) == ([] if inside else [line])


def test_what_is_absent_is_named():
    assert untested(["no-such-brushes<2"]) == ["no-such-brushes is not installed (tested: <2)"]


def test_only_what_applies_here_counts(installed):
    installed("brushes", "3")
    needs = ["brushes<2; python_version < '3'", "brushes<1; extra == 'test'"]
    assert untested(needs) == []
    assert untested(needs, extra="test") == ["brushes 3 is installed (tested: <1)"]


def test_the_installed_studio_tells_its_ranges(installed):
    installed(DISTRIBUTION, "9", "brushes<2")
    assert declared() == ["brushes<2"]

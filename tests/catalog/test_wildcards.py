"""Where wildcards lie, and that what changes there is seen."""

from __future__ import annotations

import os

import pytest

from studio.catalog.wildcards import Wildcards
from studio.domain.errors import InvalidRequest, UnknownWildcard

YAML = """
clothing:
  hats: [cap, 2::top hat, "# no comment"]
  Shoes:
    - boots
    - a {red|blue} shoe
yes: [on, 1.50]
single: alone
"""


def texts(wildcards: Wildcards, name: str) -> list[str]:
    return [entry.text for entry in wildcards(name)]


def test_a_yaml_file_holds_many_by_their_keys(tmp_path):
    (tmp_path / "all.yaml").write_text(YAML, "utf-8")
    (tmp_path / "hats.txt").write_text("a bonnet\n", "utf-8")
    wildcards = Wildcards([tmp_path])
    assert wildcards.names() == ["clothing/Shoes", "clothing/hats", "hats", "single", "yes"]
    assert texts(wildcards, "clothing/shoes") == ["boots", "a {red|blue} shoe"]
    assert [(each.text, each.weight) for each in wildcards("clothing/hats")] == [
        ("cap", 1),
        ("top hat", 2),
    ]
    assert texts(wildcards, "yes") == ["on", "1.50"] and texts(wildcards, "single") == ["alone"]
    assert texts(wildcards, "clothing/*") == [
        "cap",
        "top hat",
        "boots",
        "a {red|blue} shoe",
    ]


@pytest.mark.parametrize(
    "text",
    ["a: [b", "a: &x [b]\nc: *x", "a: &x {b: *x}", "{a: " * 40 + "[b]" + "}" * 40, "[" * 1_000],
)
def test_what_is_no_yaml_is_told_by_its_file(tmp_path, text):
    (tmp_path / "bad.yml").write_text(text, "utf-8")
    wildcards = Wildcards([tmp_path])
    assert wildcards.names() == ["bad"]
    with pytest.raises(InvalidRequest, match=r"bad\.yml cannot be read"):
        wildcards("bad")


def test_what_changes_is_seen(tmp_path):
    """Also where nothing of the times tells it but the folder's own."""
    root, own = tmp_path / "a", tmp_path / "a" / "mine"
    own.mkdir(parents=True)
    wildcards = Wildcards([root, tmp_path / "later"])
    assert wildcards.names() == []
    (own / "pets.txt").write_text("cat\n", "utf-8")
    (root / "all.yaml").write_text("x: [1]\n", "utf-8")
    assert texts(wildcards, "mine/pets") == ["cat"] and texts(wildcards, "x") == ["1"]
    long_ago = 10**18
    for path in (own / "pets.txt", root / "all.yaml", own, root):
        os.utime(path, ns=(long_ago, long_ago))
    assert wildcards.names() == wildcards.names() == ["mine/pets", "x"]
    (own / "birds.txt").write_text("owl\n", "utf-8")
    (own / "pets.txt").write_text("cat\ndog\n", "utf-8")
    (root / "all.yaml").write_text("y: [2]\n", "utf-8")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "new.txt").write_text("one\n", "utf-8")
    assert wildcards.names() == ["mine/birds", "mine/pets", "new", "y"]
    assert texts(wildcards, "mine/pets") == ["cat", "dog"]
    (own / "pets.txt").unlink()
    with pytest.raises(UnknownWildcard):
        wildcards("mine/pets")

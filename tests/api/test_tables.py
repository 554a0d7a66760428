"""docs/api.md is what the code says."""

from __future__ import annotations

from studio.api.tables import page
from tests.architecture.source import ROOT


def test_the_page_is_that_of_the_code():
    written = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert written == page(), "python -m studio.api.tables > docs/api.md"

"""diffusers is first imported by one thread at a time."""

from __future__ import annotations

import threading

from studio.catalog.catalog import Catalog
from studio.domain.imports import IMPORTING
from studio.settings import assets_dir


def test_a_thread_that_needs_it_waits_for_another_that_imports_it():
    ref = Catalog([assets_dir() / "models"]).find("picturebook")
    found = []
    reading = threading.Thread(target=lambda: found.append(ref.family.tokenizers(ref)))
    with IMPORTING:
        reading.start()
        reading.join(0.2)
        assert not found
    reading.join(60)
    assert found[0]

"""Folders to look into."""

import pytest

from tests.catalog import files


@pytest.fixture
def folder(tmp_path):
    """A models folder with one good checkpoint deep inside."""
    files.copy_embedded(tmp_path / "models" / "Stable-diffusion" / "mine" / "dreams")
    return tmp_path / "models"


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"

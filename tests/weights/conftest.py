"""What the tests of models share."""

from __future__ import annotations

import pytest
from safetensors.torch import save_file

from tests.refs import ref_to


@pytest.fixture
def save_lora(tmp_path):
    """Writes tensors to a file and names it: `save_lora(tensors, metadata={…}, name="x")`."""

    def save(tensors, metadata=None, name="look", suffix=".safetensors", **fields):
        path = tmp_path / f"{name}{suffix}"
        save_file(
            {key: value.clone().contiguous() for key, value in tensors.items()}, path, metadata
        )
        return ref_to(name=name, kind="lora", path=path, **fields)

    return save

import pytest

from studio.catalog.catalog import Catalog
from tests.families import z_images
from tests.families.bench import Bench


@pytest.fixture(scope="package")
def catalog(tmp_path_factory) -> Catalog:
    """The folder "z", the whole file "whole", and "z_image" with its parts in other files."""
    root = tmp_path_factory.mktemp("models")
    z_images.write_folder(root / "z")
    z_images.write_whole(root / "whole.safetensors")
    z_images.write_apart(root)
    return Catalog([root])


@pytest.fixture(scope="package")
def bench(catalog) -> Bench:
    return Bench(catalog)

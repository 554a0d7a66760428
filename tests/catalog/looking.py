"""Looking into folders."""

from studio.catalog.catalog import Catalog
from tests.catalog import files


def with_embedded(*folders, data_dir=None):
    return Catalog([files.EMBEDDED, *folders], data_dir)


def names(catalog, kind="checkpoint"):
    return [ref.name for ref in catalog.refs(kind)]

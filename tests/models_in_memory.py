"""The embedded model in memory, loaded once for all tests that only read it."""

from collections.abc import Callable
from functools import cache, partial

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.domain.refs import Selection
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from studio.settings import assets_dir


@cache
def catalog() -> Catalog:
    return Catalog([assets_dir() / "models"])


@cache
def manager(dtype: str) -> ModelManager:
    return ModelManager("cpu", dtype)


def picturebook() -> Selection:
    return Selection(catalog().find("picturebook"))


def engine(
    dtype: str = "float32", read: Callable[[str], bytes] | None = None
) -> StableDiffusionEngine:
    """`read` gives the pictures that requests name."""
    reads = {} if read is None else {"read": read}
    return StableDiffusionEngine(manager(dtype), partial(select, catalog()), **reads)

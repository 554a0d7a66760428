"""Parts of a studio that its settings alone make, for commands that need no more of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.gallery.files import Gallery
from studio.gallery.library import Library
from studio.settings import Settings
from studio.store.ledger import Ledger
from studio.store.pictures import PictureLedger

if TYPE_CHECKING:  # imports torch, which takes seconds
    from studio.preprocessors.maps import Preprocessors


def preprocessors_of(settings: Settings) -> Preprocessors:
    """Those that find their weights in the folders of `settings`."""
    # Here and not at the top: torch takes seconds to import.
    from studio.preprocessors.maps import Preprocessors

    folders = (*settings.models_dir, settings.downloads_dir)
    return Preprocessors(folders, settings.preprocessors_dir)


def open_library(settings: Settings, ledger: Ledger) -> Library:
    """The library of the settings' data folder."""
    pictures = PictureLedger(ledger)
    return Library(Gallery(settings.outputs_dir), pictures, settings.thumbnails_dir)

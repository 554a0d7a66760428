"""picturebook at half its size, for tests: what they draw takes a quarter of the time.

The weights are those that ship, which have learnt both sizes; only the configuration of the U-Net
says that 128 × 128 pixels are what it is asked for. Child processes draw at the model's own size.
"""

import atexit
import json
import shutil
import tempfile
from pathlib import Path

from studio import settings

SIDE = 128
_VAE_FACTOR = 8


def linked(source: Path, folder: Path) -> None:
    """`folder` with links to all that is in `source`."""
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).symlink_to(path, path.is_dir())


def small_assets() -> Path:
    """A folder like `assets/` whose picturebook is asked for SIDE × SIDE pixels; gone when this
    process ends."""
    real = settings.shipped("assets")
    folder = Path(tempfile.mkdtemp(prefix="small-assets-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    models, model = folder / "models", folder / "models" / "picturebook"
    linked(real / "models", models)
    model.unlink()
    linked(real / "models" / "picturebook", model)
    (model / "unet").unlink()
    linked(real / "models" / "picturebook" / "unet", model / "unet")
    config = model / "unet" / "config.json"
    told = json.loads(config.read_text())
    config.unlink()
    config.write_text(json.dumps({**told, "sample_size": SIDE // _VAE_FACTOR}))
    return folder


full_size = settings.shipped
"""`settings.shipped` as it is, for tests whose meaning needs the model's own size."""


def use_small_assets() -> None:
    """From now on the studio's assets in this process are `small_assets`."""
    small = small_assets()
    settings.shipped = lambda name: small if name == "assets" else full_size(name)

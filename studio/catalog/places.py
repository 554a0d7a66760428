"""Where a model is put: into the subfolder that the tree has for its kind already."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from studio.catalog import captioners
from studio.catalog.names import display_name
from studio.catalog.scan import measure
from studio.domain.errors import InvalidRequest, SaveError
from studio.domain.files import open_file
from studio.domain.refs import ModelFile

_SUBFOLDERS = {
    "checkpoint": ("Stable-diffusion", "checkpoints"),
    "lora": ("Lora", "loras"),
    "embedding": ("embeddings",),
    "vae": ("VAE", "vae"),
    "tiny_vae": ("VAE-approx", "vae_approx"),
    "controlnet": ("ControlNet", "controlnet"),
    "text_encoder": ("text_encoder", "text_encoders"),
    "image_encoder": ("clip_vision",),
    "upscaler": ("ESRGAN", "upscale_models"),
    "detector": ("adetailer", "ultralytics"),
    "captioner": captioners.FOLDERS,
}
"""Kind -> its folder in AUTOMATIC1111's tree and in ComfyUI's; the first is made where there is
none."""

_SPARE_BYTES = 100 * 2**20
_CHUNK_BYTES = 8 * 2**20

Copied = Callable[[int, int], None]


def subfolder(base: Path, kind: str) -> Path:
    """Where models of this kind belong below `base`."""
    for name in _SUBFOLDERS[kind]:
        if (base / name).is_dir():
            return base / name
    return base / _SUBFOLDERS[kind][0]


def add(source: Path, folder: Path, link: bool, copied: Copied = lambda done, total: None) -> Path:
    """Copy (or `link`) a model's file or folder into `folder`; returns its new path. It appears
    there in one step, whole. `copied` is told the bytes done, and how many there are.

    Raises `InvalidRequest` if something of its name is there, `SaveError` if it cannot be written.
    """
    source = Path(os.path.abspath(source))
    model = ModelFile(source, *_measured(source), source.parent.parent, source.is_dir())
    name = display_name(model).replace("/", "-").replace("\\", "-")
    target = folder / (name if model.is_folder else name + source.suffix)
    if os.path.lexists(target):
        raise InvalidRequest(f"{target} is there already. Rename or remove one of the two.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if link:
            target.symlink_to(source, target_is_directory=model.is_folder)
            return target
        free = shutil.disk_usage(folder).free
        if model.size_bytes + _SPARE_BYTES > free:
            raise SaveError(
                f"{source.name} has {model.size_bytes / 1e9:.1f} GB, and only {free / 1e9:.1f} GB "
                f"are free at {folder}. Free some space, or add it with --link."
            )
        _copy_whole(model, target, copied)
    except OSError as error:
        cause = error.strerror or error
        raise SaveError(f"{source} cannot be copied to {folder}: {cause}.") from None
    return target


def _measured(source: Path) -> tuple[int, int]:
    if not source.is_dir():
        status = source.stat()
        return status.st_size, status.st_mtime_ns
    return measure(source)


def _copy_whole(model: ModelFile, target: Path, copied: Copied) -> None:
    """Under a hidden name first, which no scan looks at."""
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".adding-"))
    done = 0

    def copy(source: str, to: str) -> None:
        nonlocal done
        with open_file(source) as reader, open(to, "wb") as writer:
            while chunk := reader.read(_CHUNK_BYTES):
                writer.write(chunk)
                done += len(chunk)
                copied(done, model.size_bytes)

    try:
        whole = temporary / "model"
        if model.is_folder:
            shutil.copytree(model.path, whole, copy_function=copy)
        else:
            copy(str(model.path), str(whole))
        os.rename(whole, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""What a control unit can name, from its file or folder: which of them it is shows in its contents.

One part each, called "controlnet", "controlnet_union", "t2i_adapter" or "ip_adapter".
"""

from __future__ import annotations

from pathlib import Path

import torch

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.weights import configs, folders, ip_adapter_files, t2i_files
from studio.weights.layouts import unet
from studio.weights.single_files import below, derived, original_unet_keys, part_of, shapes_of
from studio.weights.sources import PartSource
from studio.weights.tensor_files import TensorFile, open_tensors


def open_control(ref: ModelRef, dtype: torch.dtype) -> dict[str, PartSource]:
    """Its one part, by name. Raises `CheckpointError`."""
    if folder := _folder_of(ref.path):
        part = _part_of_folder(folder)
        return {part: folders.open_part(folder, part, dtype)}
    file = open_tensors(ref.path)
    for form, opened in _ADAPTERS.items():
        part = opened(file)
        if part:
            return {form: part}
    return _controlnet(file, ref.family)


_ADAPTERS = {
    t2i_files.PART: t2i_files.t2i_part,
    ip_adapter_files.PART: ip_adapter_files.ip_adapter_part,
}


def _folder_of(path: Path) -> Path | None:
    """The folder in diffusers layout that `path` is, or whose weights it is: what the configuration
    beside them says need not be guessed from shapes."""
    if path.is_dir():
        return path
    is_part = path.name.startswith("diffusion_pytorch_model")
    return path.parent if is_part and (path.parent / "config.json").is_file() else None


def _part_of_folder(folder: Path) -> str:
    """As its maker's class is called."""
    name = str(folders.config(folder, "controlnet").get("_class_name", ""))
    if name == "T2IAdapter":
        return t2i_files.PART
    return "controlnet_union" if "Union" in name else "controlnet"


_UNION_ONLY = (
    "task_embedding",
    "transformer_layes.",
    "spatial_ch_projs.",
    "control_add_embedding.",
)
"""Beginnings of the names that only a ControlNet-Union has; no layout knows others for them."""


def _controlnet(file: TensorFile, family: ModelFamily | None) -> dict[str, PartSource]:
    """The ControlNet or ControlNet-Union in `file`, in either layout."""
    for prefix in ("control_model.", ""):
        keys = dict(below(file, prefix))
        own = {name: keys.pop(name) for name in list(keys) if name.startswith(_UNION_ONLY)}
        if "controlnet_cond_embedding.conv_in.weight" in keys:
            keys = original_unet_keys(keys)
        if "input_hint_block.0.weight" in keys:
            break
    else:
        raise CheckpointError("there is no ControlNet in it. Choose another file")
    part = "controlnet_union" if own else "controlnet"
    keys = {**keys, **own}
    shapes = shapes_of(file, keys)
    derive = configs.union_config if own else configs.controlnet_config
    config = derived(part, file, lambda: derive(shapes, family))

    def stored_name(name: str) -> str:
        return name if name.startswith(_UNION_ONLY) else unet.original_name(name, config)

    return {part: part_of(part, file, config, keys, stored_name)}

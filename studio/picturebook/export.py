"""Writes modules as diffusers folders, each file replaced in one step.

`python -m studio.picturebook.export --single FILE` carries picturebook elsewhere: one file in the
original layout.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import diffusers
import torch

from studio.catalog.catalog import Catalog
from studio.families.stable_diffusion import export
from studio.picturebook.network import canonical_scheduler

EMBEDDED = Path("assets/models/picturebook")


def _copy(module):
    """The same module anew, without the path it was loaded from, which would be saved too."""
    if _is_diffusers(module):
        config = {key: value for key, value in module.config.items() if key != "_name_or_path"}
        copy = type(module).from_config(config)
    else:
        copy = type(module)(module.config)
    copy.load_state_dict(module.state_dict())
    return copy


def export_module(module, folder):
    """Save a module, tokenizer or scheduler to `folder`; weights as fp16 safetensors.

    A loaded model may still be mapped onto the old file, so files are never written in place.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".export-"))
    try:
        saved = _copy(module).half() if isinstance(module, torch.nn.Module) else module
        saved.save_pretrained(temporary)
        for file in sorted(temporary.iterdir()):
            file.chmod(0o644)
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def export_pipeline(parts, folder):
    """Save "tokenizer", "text_encoder", "unet" and "vae" as a StableDiffusionPipeline folder.

    Parts that are not given stay as they are in the folder.
    """
    folder = Path(folder)
    for name, part in parts.items():
        export_module(part, folder / name)
    export_module(canonical_scheduler(), folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", type(canonical_scheduler()).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    temporary = folder / ".model_index.json"
    temporary.write_text(json.dumps(index, indent=2) + "\n")
    os.replace(temporary, folder / "model_index.json")


def _is_diffusers(module):
    return hasattr(type(module), "from_config") and hasattr(module, "register_to_config")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m studio.picturebook.export")
    parser.add_argument("--single", type=Path, required=True, metavar="FILE")
    parser.add_argument("--folder", type=Path, default=EMBEDDED, help="in diffusers layout")
    options = parser.parse_args(arguments)
    export.export_checkpoint(Catalog([options.folder]).find(None), options.single)
    print(f"{options.single}: {options.single.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

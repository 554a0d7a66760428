"""Low-rank additions to the weights of a module, as LoRA files hold them."""

import math

import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrize


class LowRank(torch.nn.Module):
    """A weight with `up` @ `down` added, that of a linear layer or a convolution; nothing, before
    the first step."""

    def __init__(self, shape, rank, scale=1.0):
        super().__init__()
        out_width, in_width, *kernel = shape
        fan_in = in_width * math.prod(kernel)
        self.down = torch.nn.Parameter(torch.randn(rank, in_width, *kernel) / math.sqrt(fan_in))
        self.up = torch.nn.Parameter(torch.zeros(out_width, rank, *([1] * len(kernel))))
        self.scale, self.on = scale, True

    def forward(self, weight):
        if not self.on:
            return weight
        up, down = self.up.flatten(1), self.down.flatten(1)
        return torch.addmm(weight.flatten(1), up, down, alpha=self.scale).reshape(weight.shape)


def add_low_rank(module, rank, scale=1.0, endings=("",)):
    """Put a LowRank on every linear layer and convolution of `module` whose name ends in one of
    `endings`; returns name -> LowRank."""
    added = {}
    for name, layer in list(module.named_modules()):
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d) and name.endswith(endings):
            added[name] = LowRank(layer.weight.shape, rank, scale)
            parametrize.register_parametrization(layer, "weight", added[name])
    return added


def save_low_rank(layers, path, metadata):
    """Save prefix + module name -> LowRank in kohya's layout, which every studio reads; fp16."""
    tensors = {}
    for key, layer in layers.items():
        name = key.replace(".", "_")
        rank = len(layer.down)
        tensors[f"{name}.lora_down.weight"] = layer.down.detach().half().cpu().contiguous()
        tensors[f"{name}.lora_up.weight"] = layer.up.detach().half().cpu().contiguous()
        tensors[f"{name}.alpha"] = torch.tensor(rank * layer.scale).half()
    rank = len(next(iter(layers.values())).down)
    metadata = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank * next(iter(layers.values())).scale),
        **metadata,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata)
    temporary.chmod(0o644)
    temporary.replace(path)


@torch.no_grad()
def merge_low_rank(unet, path):
    """Add what a file of `save_low_rank` holds for the U-Net to the weights of `unet`, in place."""
    tensors = load_file(path)
    for name, layer in unet.named_modules():
        key = f"lora_unet_{name.replace('.', '_')}"
        if f"{key}.alpha" not in tensors:
            continue
        down, up = (tensors[f"{key}.lora_{role}.weight"].float() for role in ("down", "up"))
        scale = float(tensors[f"{key}.alpha"]) / len(down)
        added = scale * up.flatten(1) @ down.flatten(1)
        layer.weight += added.reshape(layer.weight.shape).to(layer.weight)

"""Networks that enlarge pictures, of any architecture that spandrel knows, from files that are read
as data."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import ModelRef
from studio.weights.loader import explained
from studio.weights.tensor_files import read_tensors


@dataclass(frozen=True, eq=False)
class Upscaler:
    """module    takes and gives (B, 3, height, width) in 0…1, of `dtype` and on `device`
    scale     how many times as wide and high its pictures become, 1 or more
    least     pixels of the shortest side that it takes
    multiple  sides that it takes are multiples of this
    """

    name: str
    module: torch.nn.Module
    scale: int
    least: int
    multiple: int
    device: torch.device
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        """Of its weights."""
        return sum(tensor.nbytes for tensor in self.module.state_dict().values())


def read_upscaler(ref: ModelRef, device: torch.device) -> Upscaler:
    """In float32, on a GPU in bfloat16 where its architecture allows that. Raises `CheckpointError`
    for a file that is missing, damaged or not of a known architecture, `InvalidRequest` for a
    network that does something else with pictures, `OutOfMemory`."""
    if not ref.path.exists():
        raise CheckpointError(
            f"{ref.name} is no longer there ({ref.path}). Put it back, or choose another one."
        )
    with explained(ref):
        tensors = {name: _floats(tensor) for name, tensor in read_tensors(ref.path).items()}
    found = _recognised(ref, tensors)
    if not (found.input_channels == found.output_channels == 3) or found.scale < 1:
        raise InvalidRequest(
            f"{ref.name} enlarges no colour pictures: it takes {found.input_channels} channels "
            f"and gives {found.output_channels}. Choose another upscaler."
        )
    halves = device.type == "cuda" and found.supports_bfloat16
    dtype = torch.bfloat16 if halves else torch.float32
    needs = found.size_requirements
    module = found.model.requires_grad_(False).eval().to(device=device, dtype=dtype)
    if device.type == "cpu":
        module = module.to(memory_format=torch.channels_last)
    return Upscaler(ref.name, module, found.scale, needs.minimum, needs.multiple_of, device, dtype)


def _floats(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _recognised(ref: ModelRef, tensors: dict[str, torch.Tensor]):
    """spandrel's description of the network with these weights in it."""
    # Here and not at the top: its thirty architectures take a moment to import.
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

    try:
        found = ModelLoader().load_from_state_dict(tensors)
    except UnsupportedModelError:
        raise CheckpointError(
            f"{ref.name} is of an architecture that is unknown here. Choose another upscaler, or "
            "get it as ESRGAN, Compact, SwinIR, HAT, DAT, SPAN, OmniSR or the like."
        ) from None
    except (RuntimeError, ValueError, KeyError, TypeError, AssertionError, IndexError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"{ref.name} cannot be loaded: {first}. Download it again, or choose another upscaler."
        ) from None
    if not isinstance(found, ImageModelDescriptor) or found.purpose == "FaceSR":
        raise InvalidRequest(
            f"{ref.name} is a network for {found.purpose}, which enlarges no pictures as they are. "
            "Choose another upscaler."
        )
    return found

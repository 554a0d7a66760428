"""ControlNets that are kept as what training added to a U-Net: of their layers that are copies of
its own only the differences are in the file, so that they can follow any U-Net of the family."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from studio.weights.adapters import Difference


def of_unet(net: Mapping[str, Tensor], unet: Mapping[str, Tensor]) -> dict[str, Difference]:
    """What is added to the weights of such a `net`, by name: those of `unet` that it has too, of
    its first layer the latents' channels, where that takes more. Raises ValueError in a few words
    where a layer is of another size."""
    added = {}
    for name in net.keys() & unet.keys():
        ours, theirs = net[name], unet[name]
        if name == "conv_in.weight":
            theirs = theirs[:, : ours.shape[1]]
        if ours.shape != theirs.shape:
            sizes = ("×".join(map(str, each.shape)) for each in (ours, theirs))
            raise ValueError(f"{name} is {' in the net, '.join(sizes)} in the checkpoint")
        added[name] = Difference(theirs)
    return added

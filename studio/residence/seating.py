"""From a selection and its weights to what shall be in each module; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import ModelRef, Selection
from studio.residence.cache import key_of
from studio.residence.pool import Want
from studio.residence.slot import Patch
from studio.weights import differences, ip_adapter_files, loader, t2i_files
from studio.weights.loader import Weights


def whole(selection: Selection) -> tuple[ModelRef, ...]:
    """What of `selection` is kept in host memory as it was read."""
    vae = (selection.vae,) if selection.vae else ()
    text = (selection.text_encoder,) if selection.text_encoder else ()
    nets = (*selection.controlnets, *selection.image_encoders)
    return (selection.checkpoint, *vae, *text, *nets)


def wanted(
    selection: Selection,
    weights: Callable[[ModelRef], Weights],
    patches: Mapping[str, tuple[Patch, ...]],
) -> dict[str, Want]:
    """Part -> what it shall be: those of the checkpoint, "controlnet 1", …, "image_encoder 1", ….

    `weights` gives what was read of a file, `patches` what LoRAs change in a part. Raises
    `CheckpointError` where there is no VAE, `InvalidRequest` where things do not fit together.
    """
    own = weights(selection.checkpoint)
    backbone = own.ref.family.backbone
    vae = weights(selection.vae or selection.checkpoint)
    if "vae" not in vae.parts:
        raise CheckpointError(
            f"{own.ref.name}: there is no VAE in it. Choose one to go with it, or get the "
            "checkpoint with its VAE."
        )
    parts = {
        part: Want(part, own.configs[part], tensors, patches.get(part, ()), part == backbone)
        for part, tensors in own.parts.items()
    }
    if vae is not own:
        parts["vae"] = Want("vae", loader.vae_config(own, vae), vae.parts["vae"])
    if selection.text_encoder:
        parts["text_encoder"] = _reader(weights(selection.text_encoder), own)
    for place, ref in enumerate(selection.controlnets, 1):
        net = weights(ref)
        _check_fits(net, own)
        parts[f"controlnet {place}"] = replace(_alone(net), patches=_what_it_lacks(net, own))
    for place, ref in enumerate(selection.image_encoders, 1):
        parts[f"image_encoder {place}"] = _alone(weights(ref))
    return parts


def _reader(weights: Weights, own: Weights) -> Want:
    """A text encoder of a file of its own."""
    if weights.ref.family != own.ref.family:
        raise InvalidRequest(
            f"{weights.ref.name} reads for another family than {own.ref.name}. Choose one that "
            "fits."
        )
    return _alone(weights)


def sizes(wanted: Mapping[str, Want]) -> dict[str, int]:
    """Bytes of what is on the device at once where only the part at work is there: ControlNets
    work beside the backbone."""
    backbone = next(part for part, want in wanted.items() if want.is_backbone)
    totals: dict[str, int] = {}
    for part, want in wanted.items():
        place = backbone if part.startswith("controlnet ") else part
        totals[place] = totals.get(place, 0) + want.size_bytes
    return totals


def _alone(weights: Weights) -> Want:
    [(kind, tensors)] = weights.parts.items()
    return Want(kind, weights.configs[kind], tensors)


def _what_it_lacks(net: Weights, own: Weights) -> tuple[Patch, ...]:
    """For a ControlNet that is kept as its difference from a U-Net, the weights of that of `own`,
    which share its layers' names; without what LoRAs add to them."""
    if net.ref.facts.layout != "difference":
        return ()
    [tensors], unet = net.parts.values(), own.parts[own.ref.family.backbone]
    try:
        deltas = differences.of_unet(tensors, unet)
    except ValueError as error:
        raise InvalidRequest(
            f"controls: {net.ref.name} is a difference from a U-Net that is not like that of "
            f"{own.ref.name}: {error}. Choose one that fits."
        ) from None
    return (Patch(("difference from", key_of(own.ref)), deltas, 1.0, unet),)


_MISFITS = {
    t2i_files.PART: ("a T2I-Adapter", t2i_files.misfit),
    ip_adapter_files.PART: ("an IP-Adapter", ip_adapter_files.misfit),
}


def _check_fits(net: Weights, own: Weights) -> None:
    """Where a header does not tell the family, the shapes do."""
    [kind] = net.parts
    what, misfit = _MISFITS.get(kind, ("", None))
    if misfit and misfit(net.configs[kind], own.configs[own.ref.family.backbone]):
        raise InvalidRequest(
            f"controls: {net.ref.name} is {what} for another family than {own.ref.name}. "
            "Choose one that fits."
        )

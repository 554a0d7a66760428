"""From the names in a request to the files they stand for."""

from __future__ import annotations

from studio.domain import embedding_names
from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest, UnknownModel
from studio.domain.family import SD1, SDXL
from studio.domain.geometry import Size
from studio.domain.refs import LoraUse, ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.models.catalog import Catalog

_RUNNABLE_TASKS = ("base", "inpaint")


def select(catalog: Catalog, request: GenerationRequest) -> Selection:
    """All that `request` needs in memory.

    Raises `UnknownCheckpoint` or `UnknownModel` where a name is not in the catalog, and
    `InvalidRequest` where a model is of another family than the checkpoint or cannot be run.
    """
    checkpoint = catalog.find(request.checkpoint)
    if checkpoint.family is None or checkpoint.task not in _RUNNABLE_TASKS:
        what = "of a family" if checkpoint.family is None else f"for {checkpoint.task}, a task"
        raise InvalidRequest(
            f"checkpoint: {checkpoint.name} is {what} that cannot be run here. Choose another."
        )
    vae = catalog.find(request.vae, "vae") if request.vae else None
    uses = tuple(
        LoraUse(
            catalog.find(lora.name, "lora"),
            lora.weight,
            lora.weight if lora.text_encoder_weight is None else lora.text_encoder_weight,
        )
        for lora in request.loras
    )
    for use in uses:
        _check_family(use.ref, checkpoint)
    fitting = {
        ref.name: ref
        for ref in catalog.refs("embedding")
        if ref.family in (None, checkpoint.family)
    }
    named = embedding_names.named_in(f"{request.prompt}\n{request.negative_prompt}", fitting)
    embeddings = tuple(ref for name, ref in fitting.items() if name in named)
    return Selection(
        checkpoint,
        vae,
        uses,
        embeddings,
        _tiny_vae(catalog, checkpoint),
        _controlnets(catalog, request, checkpoint),
    )


def settle(
    catalog: Catalog, request: GenerationRequest, source_size: Size | None = None
) -> GenerationRequest:
    """`request` with nothing left open, and with every model under the catalog's name for it.

    `source_size` is that of the picture it begins with, if any. Raises as `select` does.
    """
    selection = select(catalog, request)
    loras = tuple(
        lora.model_copy(update={"name": use.ref.name})
        for lora, use in zip(request.loras, selection.loras, strict=True)
    )
    vae = selection.vae.name if selection.vae else None
    controls = tuple(
        unit.model_copy(update={"controlnet": catalog.find(unit.controlnet, "controlnet").name})
        for unit in request.controls
    )
    checkpoint = selection.checkpoint
    settled = request.settled(checkpoint.name, checkpoint.family, source_size)
    return settled.model_copy(update={"vae": vae, "loras": loras, "controls": controls})


def _controlnets(
    catalog: Catalog, request: GenerationRequest, checkpoint: ModelRef
) -> tuple[ModelRef, ...]:
    """Those that the units name, each once."""
    found: dict[str, ModelRef] = {}
    for place, unit in enumerate(request.controls):
        try:
            ref = catalog.find(unit.controlnet, "controlnet")
        except UnknownModel as error:
            raise UnknownModel(f"controls.{place}: {error}") from None
        if ref.family not in (None, checkpoint.family):
            fit = [r.name for r in catalog.refs("controlnet") if r.family == checkpoint.family]
            raise InvalidRequest(
                f"controls.{place}: {ref.name} is for {ref.family.name}, but {checkpoint.name} is "
                f"{checkpoint.family.name}. Those that fit: {', '.join(fit) or 'none'}."
            )
        if ref.architecture == "union":
            _check_control_type(unit, ref, place)
        found[ref.name] = ref
    return tuple(found.values())


def _check_control_type(unit: ControlInput, ref: ModelRef, place: int) -> None:
    """A ControlNet-Union must be told what the map shows."""
    if unit.control_type in ref.control_types:
        return
    known = ", ".join(ref.control_types)
    if not unit.control_type:
        raise InvalidRequest(
            f"controls.{place}: {ref.name} reads several types of map. Set union_type to what this "
            f"one shows: {known}."
        )
    raise InvalidRequest(
        f"controls.{place}: {ref.name} reads no maps of the type {unit.control_type}. It reads: "
        f"{known}."
    )


def _tiny_vae(catalog: Catalog, checkpoint: ModelRef) -> ModelRef | None:
    """A TAESD for the latents of `checkpoint`. Nothing but its name says which it is for: TAESDXL
    and TAESD have the same shapes."""
    for ref in catalog.refs("tiny_vae"):
        family = SDXL if "xl" in ref.name.lower() else SD1
        if family.latent_scale == checkpoint.family.latent_scale:
            return ref
    return None


def _check_family(ref: ModelRef, checkpoint: ModelRef) -> None:
    if ref.family not in (None, checkpoint.family):
        raise InvalidRequest(
            f"{ref.kind}: {ref.name} is for {ref.family.name}, but {checkpoint.name} is "
            f"{checkpoint.family.name}. Choose one that fits, or another checkpoint."
        )

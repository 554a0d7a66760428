"""What was asked -> a request of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.api.models import ModelListing
from studio.api.openai.asked import STEPS_OF, Asked
from studio.api.openai.forms import Uploaded
from studio.domain.control import MAX_UNITS, ControlInput
from studio.domain.errors import InvalidRequest, UnknownCheckpoint
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.tasks import ImageToImage, Inpaint, TextToImage
from studio.gallery import views
from studio.gallery.inputs import Inputs
from studio.imaging import reading

_SAID_OTHERWISE = {"task", "prompt", "batch_size"}
"""Fields of a request for which OpenAI has words."""
_OTHER_NAMES = {"num_inference_steps": "steps"}
_MOST_STEPS = 150


class Requests:
    """Makes them: `listing` knows the checkpoints, `inputs` keeps what is uploaded."""

    def __init__(self, listing: ModelListing, inputs: Inputs) -> None:
        self._listing = listing
        self._inputs = inputs

    def generation(self, asked: Asked, default: str | None) -> tuple[GenerationRequest, list[str]]:
        """Text to image, and the fields that nobody knows. `default` is the studio's checkpoint.
        Raises `InvalidRequest` and its kinds."""
        return self._request(asked, TextToImage, {}, self._checkpoint(asked, default))

    def edit(
        self, asked: Asked, default: str | None, sent: Uploaded
    ) -> tuple[GenerationRequest, list[str]]:
        """The same of an edit of the first picture that was `sent`, the others being references."""
        if not sent.images:
            raise InvalidRequest("is missing. Send a picture file of the form as image.", "image")
        first, *others = sent.images
        ref = self._checkpoint(asked, default)
        mask = self._mask(first, sent.mask)
        pictures = {"image": self._inputs.keep(first).ref}
        if mask is not None:
            pictures |= {"mask": self._inputs.keep(mask).ref}
        request, ignored = self._request(asked, Inpaint if mask else ImageToImage, pictures, ref)
        if others:
            units = (*request.controls, *self._references(others, ref))
            if len(units) > MAX_UNITS:
                raise InvalidRequest(
                    f"{len(sent.images)} pictures are too many. Send one to edit and at most "
                    f"{MAX_UNITS - 1} references.",
                    "image",
                )
            request = request.model_copy(update={"controls": units})
        return request, ignored

    def _checkpoint(self, asked: Asked, default: str | None) -> ModelRef | None:
        """None where there is none at all. Raises `UnknownCheckpoint`."""
        try:
            name = asked.model or default
            return self._listing.catalog.find(name) if name else None
        except UnknownCheckpoint:
            if not asked.is_of_openai:
                raise
            return self._listing.catalog.find(default) if default else None

    def _request(
        self,
        asked: Asked,
        kind: type[TextToImage | ImageToImage | Inpaint],
        pictures: dict[str, str],
        ref: ModelRef | None,
    ) -> tuple[GenerationRequest, list[str]]:
        own, of_task, ignored = _sorted(asked.model_extra or {}, kind)
        suits = self._listing.one(ref).defaults if ref else {}
        if pictures or asked.pixels:  # the size follows the picture, or was told
            suits = {name: suits[name] for name in suits if name not in ("width", "height")}
        if "steps" in suits:
            steps = round(suits["steps"] * STEPS_OF[asked.quality])
            suits["steps"] = min(_MOST_STEPS, max(1, steps))
        if kind is Inpaint:
            of_task = {"strength": 1.0} | of_task  # what is transparent there is nothing to keep
        fields = {"prompt": asked.prompt, "batch_size": asked.n, "checkpoint": ref and ref.name}
        fields["task"] = {"kind": kind.model_fields["kind"].default} | pictures | of_task
        if asked.pixels:
            fields |= dict(zip(("width", "height"), asked.pixels, strict=True))
        return GenerationRequest.parse(suits | fields | own), ignored

    def _mask(self, image: bytes, mask: bytes | None) -> bytes | None:
        """White where it, or the image itself, is transparent, as PNG; None where nothing is to be
        masked. Raises `InvalidRequest` for a mask without transparency."""
        shown = reading.with_alpha(image if mask is None else mask)
        if shown.mode == "RGBA":
            return views.png(shown.getchannel("A").point(lambda alpha: 255 - alpha))
        if mask is None:
            return None
        raise InvalidRequest(
            "nothing of it is transparent. Send a PNG that is transparent where the picture is to "
            "be drawn anew.",
            "mask",
        )

    def _references(self, images: Sequence[bytes], ref: ModelRef | None) -> list[ControlInput]:
        adapters = [
            net.name
            for net in self._listing.catalog.refs("controlnet")
            if net.facts.architecture == "ip_adapter" and ref and net.family == ref.family
        ]
        if not adapters:
            raise InvalidRequest(
                f"{len(images) + 1} pictures came. The first is edited; others are references, "
                f"which need an IP-Adapter for {ref.name if ref else 'the checkpoint'}, and there "
                "is none here. Put one into a models folder, or send one picture.",
                "image",
            )
        return [
            ControlInput(controlnet=adapters[0], image=self._inputs.keep(each).ref)
            for each in images
        ]


def _sorted(
    extra: dict[str, Any], kind: type[TextToImage | ImageToImage | Inpaint]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """(Fields of a request, of its task, names that neither has)."""
    own: dict[str, Any] = {}
    of_task: dict[str, Any] = {}
    ignored = []
    for name, value in extra.items():
        ours = _OTHER_NAMES.get(name, name)
        if ours in GenerationRequest.model_fields and ours not in _SAID_OTHERWISE:
            own.setdefault(ours, value)
        elif ours in kind.model_fields and ours not in ("kind", "image", "mask"):
            of_task[ours] = value
        else:
            ignored.append(name)
    return own, of_task, ignored

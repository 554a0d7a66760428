"""What is not done here, in words."""

from __future__ import annotations

from fastapi import APIRouter

from studio.api.sdapi.payloads import InterrogateBody
from studio.domain.errors import NotFound, StudioError, shorten

_TRAINING = "Nothing is trained here. Train elsewhere, and put the file into a models folder."
_STOPPING = "A caller cannot stop the studio. Stop it where it was started."

ROUTES = {
    "create/embedding": _TRAINING,
    "create/hypernetwork": _TRAINING,
    "train/embedding": _TRAINING,
    "train/hypernetwork": _TRAINING,
    "server-kill": _STOPPING,
    "server-restart": _STOPPING,
    "server-stop": _STOPPING,
}
"""POST /sdapi/v1/… -> why."""
_THERE = {
    "sdapi": "docs/api.md lists what there is of AUTOMATIC1111's API.",
    "controlnet": "There are version, model_list, module_list, control_types, settings, detect, "
    "txt2img and img2img.",
    "internal": "There are progress, pending-tasks, ping and sysinfo.",
    "sd_extra_networks": "There are metadata, cover-images, thumb and get-single-card.",
}
"""First part of a path -> what there is below it."""
_MODELS = ("clip", "deepdanbooru")


def add_refused(router: APIRouter) -> None:
    for path, why in ROUTES.items():
        says = f"Refused. {why}"
        router.add_api_route(
            f"/sdapi/v1/{path}", _refusing(why), methods=["POST"], description=says
        )
    for prefix, there in _THERE.items():
        router.add_api_route(
            f"/{prefix}/{{rest:path}}",
            _unknown(prefix, there),
            methods=["GET", "POST"],
            include_in_schema=False,
        )


def _refusing(why: str):
    def route() -> None:
        raise NotFound(why)

    return route


def _unknown(prefix: str, there: str):
    def route(rest: str) -> None:
        raise NotFound(f"There is no /{prefix}/{rest[:80]}. {there}")

    return route


def no_interrogation(body: InterrogateBody) -> StudioError:
    if not body.image.strip():
        return NotFound("Image not found: the field image is empty.")
    if body.model not in _MODELS:
        return NotFound(f"Model not found: {shorten(body.model)}.")
    return NotFound(
        f"Model not found: {body.model} is not here, nor any other that describes pictures. "
        "POST /sdapi/v1/png-info tells what made a picture."
    )

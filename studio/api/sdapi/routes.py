"""`/sdapi/v1`, `/controlnet`, `/internal`, `/sd_extra_networks`, as programs for AUTOMATIC1111 call
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from studio.api.caller import Account
from studio.api.polled import Ways
from studio.api.sdapi import (
    before,
    controlnet,
    extra_networks,
    lists,
    machine,
    options,
    progress,
    refused,
    scripts,
    texts,
)
from studio.api.sdapi.acts import Acts
from studio.api.sdapi.described import REFUSED
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.drawing import Drawings
from studio.api.sdapi.extras import Upscales
from studio.api.sdapi.options import AllOptions
from studio.api.sdapi.payloads import (
    DetectBody,
    ImageToImageBody,
    InterrogateBody,
    PngInfoBody,
    ProgressBody,
    TextToImageBody,
    parsed,
    record,
)

PREFIX = "/sdapi/v1"


_WITHOUT_PICTURE = {
    b"": False,
    b"skip_current_image=false": False,
    b"skip_current_image=true": True,
}
"""What is asked of `progress` as a rule."""


def build_sdapi_router(desk: Desk, ways: Ways) -> APIRouter:
    """All of it; `progress` is one of `ways` too. What the fields mean stands in docs/api.md."""
    router = APIRouter(
        tags=["AUTOMATIC1111"], responses=REFUSED, default_response_class=JSONResponse
    )
    acts, all_options = Acts(desk.queue, desk.grids), AllOptions(desk.catalog)
    _add_progress(router, desk, acts, all_options, ways)  # first, for it is asked for most
    _add_drawing(router, desk, acts, all_options)
    _add_options(router, desk, all_options)
    _add_lists(router, desk, all_options)
    _add_control(router, desk)
    machine.add_sysinfo(router, all_options)
    extra_networks.add_extra_networks(router, desk)
    refused.add_refused(router)
    return router


def _add_drawing(router: APIRouter, desk: Desk, acts: Acts, all_options: AllOptions) -> None:
    drawings, upscales = Drawings(desk, acts, all_options), Upscales(desk, acts, all_options)

    @router.post(f"{PREFIX}/txt2img")
    async def text_to_image(http: Request, account: Account) -> dict[str, Any]:
        """Draw; answers when all is drawn. A caller that leaves ends it."""
        return await drawings.answered(http, account, TextToImageBody)

    @router.post(f"{PREFIX}/img2img")
    async def image_to_image(http: Request, account: Account) -> dict[str, Any]:
        """The same, beginning with a picture."""
        return await drawings.answered(http, account, ImageToImageBody)

    for path, kind in (("txt2img", TextToImageBody), ("img2img", ImageToImageBody)):
        _add_before(router, drawings, path, kind)

    @router.post(f"{PREFIX}/extra-single-image")
    async def extra_single_image(http: Request, account: Account) -> dict[str, Any]:
        """Make a picture larger."""
        return await upscales.single(http, account)

    @router.post(f"{PREFIX}/extra-batch-images")
    async def extra_batch_images(http: Request, account: Account) -> dict[str, Any]:
        """The same for several."""
        return await upscales.batch(http, account)

    @router.post(f"{PREFIX}/png-info")
    async def png_info(http: Request) -> dict[str, Any]:
        """What stands in a picture."""
        data = await http.body()
        return await run_in_threadpool(lambda: texts.png_info(parsed(PngInfoBody, data)))

    @router.post(f"{PREFIX}/interrogate")
    async def interrogate(http: Request) -> dict[str, Any]:
        """Refused: no model here describes pictures."""
        data = await http.body()
        body = await run_in_threadpool(parsed, InterrogateBody, data)
        raise refused.no_interrogation(body)


def _add_before(
    router: APIRouter, drawings: Drawings, path: str, kind: type[TextToImageBody | ImageToImageBody]
) -> None:
    @router.post(f"/controlnet/{path}")
    async def with_units(http: Request, account: Account) -> dict[str, Any]:
        """The same with `controlnet_units`, as the extension was called before."""
        return await drawings.answered(http, account, kind, before.with_units)


def _add_progress(
    router: APIRouter, desk: Desk, acts: Acts, all_options: AllOptions, ways: Ways
) -> None:
    @router.get(f"{PREFIX}/progress")
    async def get_progress(account: Account, skip_current_image: bool = False) -> Response:
        """How far the call is that the caller has under way, with its forming picture, a JPEG;
        else that its checkpoint is loaded."""
        return now(account, skip_current_image)

    def now(account: str, skip_current_image: bool) -> Response:
        mine = all_options.get(account)
        wanted = not skip_current_image and mine.live_previews_enable
        chosen, _ = options.drawn_with(mine, None)
        loading = chosen if chosen and chosen == desk.queue.loading else None
        return JSONResponse(progress.progress(acts, account, wanted, loading))

    def way(scope: Scope, _: str) -> bytes | None:
        skips = _WITHOUT_PICTURE.get(scope["query_string"].lower())
        return None if skips is None else now(scope["state"]["account"], skips).body

    ways[f"{PREFIX}/progress"] = way

    @router.post("/internal/progress")
    async def of_task(http: Request, account: Account) -> Response:
        """The same of the call with that `force_task_id`."""
        body = parsed(ProgressBody, await http.body())
        return JSONResponse(progress.of_task(body, acts, account))

    @router.get("/internal/pending-tasks")
    def pending(account: Account) -> dict[str, Any]:
        """The ids of the caller's calls."""
        return progress.pending(acts, account)

    @router.get("/internal/ping")
    def ping() -> dict[str, Any]:
        """Is it up?"""
        return {}

    @router.post(f"{PREFIX}/interrupt")
    def interrupt(account: Account) -> dict[str, Any]:
        """End the caller's call, which is answered with what there is."""
        acts.interrupt(account)
        return {}

    @router.post(f"{PREFIX}/skip")
    def skip(account: Account) -> None:
        """End the job at work of it, and go on with the next."""
        acts.skip(account)


def _add_options(router: APIRouter, desk: Desk, all_options: AllOptions) -> None:
    @router.get(f"{PREFIX}/options")
    def get_options(account: Account) -> dict[str, Any]:
        """The caller's options."""
        return options.shown(all_options.get(account), desk.catalog, desk.checkpoint())

    @router.post(f"{PREFIX}/options")
    async def set_options(http: Request, account: Account) -> None:
        """Change some or all of them; those that are not known are passed over."""
        data = await http.body()

        def change() -> None:
            before = all_options.get(account)
            now = all_options.changed(before, record(data))
            all_options.put(account, now)
            models = options.drawn_with(now, desk.checkpoint())
            if models[0] and models != options.drawn_with(before, desk.checkpoint()):
                desk.queue.load(*models)

        await run_in_threadpool(change)


def _add_lists(router: APIRouter, desk: Desk, all_options: AllOptions) -> None:
    for name, (answer, says) in lists.answers(desk).items():
        router.add_api_route(f"{PREFIX}/{name}", _answering(answer), description=says)
    for name, (answer, says) in scripts.ANSWERS.items():
        router.add_api_route(f"{PREFIX}/{name}", _answering(answer), description=says)

    @router.get(f"{PREFIX}/prompt-styles")
    def prompt_styles(account: Account) -> Any:
        """The styles that the caller has."""
        return lists.styles(desk, account)

    for name in ("checkpoints", "vae", "loras", "embeddings"):

        @router.post(f"{PREFIX}/refresh-{name}")
        def refresh() -> None:
            """Look at the models folders now."""
            desk.catalog.refresh()

    @router.post(f"{PREFIX}/unload-checkpoint")
    def unload() -> dict[str, Any]:
        """Does nothing: what is in memory is for the studio to manage."""
        return {}

    @router.post(f"{PREFIX}/reload-checkpoint")
    def reload(account: Account) -> dict[str, Any]:
        """Loads the caller's checkpoint, as soon as nobody draws with another."""
        checkpoint, vae = options.drawn_with(all_options.get(account), desk.checkpoint())
        if checkpoint:
            desk.queue.load(checkpoint, vae)
        return {}


def _answering(answer: Callable[[], Any]) -> Callable[[], Any]:
    def route() -> Any:
        return answer()

    return route


def _add_control(router: APIRouter, desk: Desk) -> None:
    @router.get("/controlnet/version")
    def version() -> dict[str, int]:
        """3."""
        return {"version": controlnet.VERSION}

    @router.get("/controlnet/model_list")
    def model_list(update: bool = True) -> dict[str, Any]:
        """ControlNets and what else a unit may name."""
        return {"model_list": controlnet.models(desk)}

    @router.get("/controlnet/module_list")
    def module_list(alias_names: bool = False) -> dict[str, Any]:
        """Our preprocessors."""
        return controlnet.modules(alias_names)

    @router.get("/controlnet/control_types")
    def control_types() -> dict[str, Any]:
        """Both by what maps show."""
        return controlnet.control_types(desk)

    @router.get("/controlnet/settings")
    def settings() -> dict[str, Any]:
        """How many units a request may have."""
        return controlnet.settings()

    @router.post("/controlnet/detect")
    async def detect(http: Request) -> dict[str, Any]:
        """Maps of pictures, to look at."""
        data = await http.body()
        return await run_in_threadpool(lambda: controlnet.detect(parsed(DetectBody, data), desk))

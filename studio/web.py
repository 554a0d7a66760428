"""The web application: routes, page and guards, joined around a studio."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from studio.app import Studio
from studio.domain.detectors import FACES
from studio.domain.reach import Reach
from studio.engine import maps
from studio.settings import InvalidSettings

if TYPE_CHECKING:
    from studio.api.models import ModelListing
    from studio.api.polled import Ways


def create_app(studio: Studio, reach: Reach | None = None) -> FastAPI:
    """Page, API and files as one web application, behind one set of guards. `reach` says where it
    is served, where anybody asks.

    Raises `InvalidSettings` if the logins cannot be read, or MCP is asked for without its package.
    """
    from studio.api import named, native
    from studio.ui import page

    if studio.settings.mcp and find_spec("mcp") is None:
        raise InvalidSettings(
            "mcp: the package 'mcp' is not installed. Install the studio with it: "
            "pip install '.[mcp]', or leave out --mcp."
        )
    # What Gradio kept for whoever was there before.
    shutil.rmtree(studio.settings.temporary_dir, ignore_errors=True)
    listing, reach = _listing(studio), reach or Reach()
    app = page.mount(
        _routes(studio, listing, reach),
        checkpoints=listing.checkpoints,
        default_checkpoint=lambda: studio.default_checkpoint,
        status=partial(native.present_state, studio.status, listing.public),
        calls=named.Named(studio.queue, studio.library, listing, studio.reader, studio.sources),
        mcp=studio.settings.mcp,
    )
    return _guarded(app, studio, reach)


def create_api(studio: Studio, reach: Reach | None = None) -> FastAPI:
    """The web application without the page. Raises as `create_app` does."""
    reach = reach or Reach()
    return _guarded(_routes(studio, _listing(studio), reach), studio, reach)


def _listing(studio: Studio) -> ModelListing:
    from studio.api.models import ModelListing
    from studio.api.places import public_text

    public = public_text((*studio.settings.folders, studio.gallery.folder))
    return ModelListing(studio.catalog, lambda: studio.status()["warm"], public)


def _routes(studio: Studio, listing: ModelListing, reach: Reach) -> FastAPI:
    from studio.api import (
        covers,
        docs,
        edits,
        models,
        parts,
        preprocessors,
        refusal,
        sharing,
        uploads,
        watching,
    )
    from studio.api.polled import Polled
    from studio.api.sdapi.described import describe_bodies
    from studio.api.sdapi.desk import Desk
    from studio.api.sdapi.routes import build_sdapi_router
    from studio.api.waiting import Waiting
    from studio.version import __version__

    app = FastAPI(
        title="Latent Studio",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    ways: Ways = {}
    app.add_middleware(Polled, ways=ways)  # first, and so behind all guards
    app.add_middleware(Waiting, library=studio.library, safety=studio.safety)
    refusal.add_refusals(app, listing.public)
    read, map_of = studio.sources.read, studio.preprocessors.of_unit
    map_again = partial(maps.of_request, read=read, map_of=map_of)
    previews = maps.Previews(studio.sources.read_any, map_of)
    _join(app, watching.build_watching_router(studio.queue, studio.outlook, listing.public, ways))
    desk = Desk.of(studio, previews.map, map_again, listing.public)
    _join(app, build_sdapi_router(desk, ways))
    _join(app, models.build_models_router(listing, studio.downloads))
    _join(app, covers.build_covers_router(listing.find, studio.library))
    _join(app, uploads.build_uploads_router(studio.inputs))
    asks = bool(studio.settings.logins())
    _join(app, sharing.build_share_router(reach, studio.queue.to_do, asks))
    _add_words(app, studio, listing)
    _add_images(app, studio, listing.public)
    _join(app, edits.build_edits_router(studio.library, read, map_again))
    _join(app, parts.build_parts_router(studio.library, studio.sources.read_any))
    maps_parts = studio.preprocessors.available, studio.weight_downloads, previews.map
    _join(app, preprocessors.build_preprocessors_router(*maps_parts, listing.public))
    _add_jobs(app, studio, listing.public, ways)
    _add_openai(app, studio, listing)
    describe_bodies(app)
    docs.add_docs(app)
    studio.library.begin()
    studio.catalog.watch()
    return app


def _join(app: FastAPI, router: APIRouter) -> None:
    """The routes of `router` among those of `app`. FastAPI's own way keeps routers nested, and for
    each request goes through all of them: that took longer than most answers."""
    app.router.routes.extend(router.routes)


def _add_images(app: FastAPI, studio: Studio, public: Callable[[str], str]) -> None:
    """The library, and what of it is allowed; what has no name of its own comes last."""
    from studio.api import image_files, images, safety

    faces = lambda: studio.detectors.available(FACES).ready  # noqa: E731
    parts, allows = (studio.library, studio.reader), studio.safety
    kept = lambda name: studio.inputs.keep(studio.sources.read_any(name)).ref  # noqa: E731
    _join(app, safety.build_safety_router(studio.safety, studio.library, faces, kept))
    _join(app, images.build_images_router(*parts, public, allows))
    _join(app, image_files.build_image_files_router(*parts, allows))


def _add_jobs(app: FastAPI, studio: Studio, public: Callable[[str], str], ways: Ways) -> None:
    """The queue, and what is made of it; what has no route of its own comes last."""
    from studio.api import datasets as dataset_routes
    from studio.api import (
        detailing,
        held,
        learning,
        many,
        native,
        probes,
        queueing,
        reproductions,
        selecting,
        tokens,
    )
    from studio.api import training as training_routes
    from studio.api import training_sets as set_routes
    from studio.api import verifying as verifying_routes

    queue, pages, outlook = studio.queue, studio.pages, studio.outlook
    school = studio.school
    details = studio.detectors, studio.library, studio.sources.read_any
    for router in (
        native.build_open_router(ways),
        tokens.build_tokens_router(studio.tokens),
        held.build_held_router(studio.library, studio.sources.use),
        queueing.build_queue_router(queue, pages, outlook, public),
        many.build_many_router(
            *(queue, studio.grids, outlook, studio.gallery, studio.reader, public),
            safety=studio.safety,
        ),
        detailing.build_detailing_router(*details, public),
        selecting.build_selecting_router(studio.detectors, studio.inputs, studio.sources.read_any),
        probes.build_probes_router(
            *(studio.grids, outlook, studio.gallery, studio.detectors.find, studio.safety)
        ),
        learning.build_learn_router(studio.classroom),
        reproductions.build_reproductions_router(studio.reproductions, queue, public),
        verifying_routes.build_verify_router(studio.verifier),
        training_routes.build_training_router(studio.trainings, studio.catalog, queue, public),
        set_routes.build_sets_router(school.sets, school.captioning, studio.trainings, public),
        dataset_routes.build_datasets_router(studio.datasets, public),
        native.build_router(
            *(queue, pages, outlook, studio.gallery, studio.status, public),
            safety=studio.safety,
        ),
    ):
        _join(app, router)


def _add_openai(app: FastAPI, studio: Studio, listing: ModelListing) -> None:
    from studio.api.openai.routes import build_openai_router

    default = partial(getattr, studio, "default_checkpoint")
    parts = studio.queue, studio.gallery, studio.inputs, listing, default
    _join(app, build_openai_router(*parts))


def _add_words(app: FastAPI, studio: Studio, listing: ModelListing) -> None:
    """What prompts and other texts come to."""
    from studio.api import combinations, completions, history, presets, prompts, readings

    words, public = studio.words, listing.public
    for router in (
        presets.build_presets_router(words.presets, words.styles, words.wildcards, public),
        readings.build_read_router(studio.reader, words.typed),
        prompts.build_prompts_router(words.lens, lambda: studio.default_checkpoint, public),
        completions.build_completions_router(words.completions),
        history.build_history_router(studio.prompts),
        combinations.build_combinations_router(studio.queue, words.combinations),
    ):
        _join(app, router)


def _guarded(app: FastAPI, studio: Studio, reach: Reach) -> FastAPI:
    """Last, so that nothing that others add to `app` comes before the guards."""
    from studio.api import guard
    from studio.api.openai.errors import OpenAIErrors
    from studio.api.sdapi.form import Form

    asked = studio.settings
    names, proxies = asked.allow_host, asked.trusted_proxy
    who = asked.logins(), proxies, studio.tokens.owner
    guard.add_guards(app, asked.host, names, *who, origins=asked.cors_origin, reach=reach)
    app.add_middleware(OpenAIErrors)
    app.add_middleware(Form)
    return app

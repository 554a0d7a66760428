"""The pages of Learn over HTTP: what they show of the models at work, and the lines that do it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, refusals, sends
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.domain.errors import StudioError
from studio.learning import code, notebooks, pages
from studio.learning.classroom import Classroom


class CodeBody(BaseModel):
    """Lines of the studio's source: `text` begins at `line`, counted from 1, of `file`."""

    file: str
    line: int
    text: str


class PageBody(BaseModel):
    """A page of Learn; `equation` is LaTeX, `code` what does what it tells of."""

    name: str
    title: str
    equation: str
    paper: str
    code: list[CodeBody]


class PagesBody(BaseModel):
    """All there are, in the order in which they are best read."""

    pages: list[PageBody]


def build_learn_router(classroom: Classroom) -> APIRouter:
    """The routes below `/studio/v1/learn`: one that is asked for each page."""
    router = APIRouter(prefix=f"{PREFIX}/learn", tags=["learn"], responses=EVERYWHERE)

    @router.get("")
    def list_pages() -> PagesBody:
        """How pictures come about, in pages: what each is about, and the source that does it."""
        return PagesBody(pages=[_body(page) for page in pages.PAGES.values()])

    @router.get(
        "/{page}/notebook",
        response_class=Response,
        responses={200: sends("The notebook", "application/x-ipynb+json")} | refusals(404),
    )
    def notebook(page: str) -> Response:
        """The page as a Jupyter notebook, whose cells ask the installed studio."""
        text = notebooks.notebook(pages.find(page))
        headers = {"Content-Disposition": f'attachment; filename="{page}.ipynb"'}
        return Response(text, media_type="application/x-ipynb+json", headers=headers)

    for page in pages.PAGES.values():
        add = partial(router.add_api_route, f"/{page.name}", methods=["POST"])
        name = f"learn_{page.name.replace('-', '_')}"
        if page.lasts:
            answers = {200: sends("Server-sent events", "text/event-stream")}
            how = {"response_class": Response, "responses": answers | refusals(404, 422, 500)}
            add(_follows(classroom, page), name=name, **how)
        else:
            how = {"response_model": page.shown, "responses": refusals(404, 422, 500)}
            add(_shows(classroom, page), name=name, **how)
    return router


def _shows(classroom: Classroom, page: pages.Page) -> Callable[..., Any]:
    kind = page.asked

    async def show(asked: kind, account: Account) -> Any:
        fields = asked.model_dump(exclude_unset=True)
        answer = await run_in_threadpool(classroom.ask, page.name, fields, account)
        return await asyncio.wrap_future(answer)

    show.__annotations__ = {"asked": kind, "account": Account, "return": Any}
    show.__doc__ = (
        f"{page.title}: computed by the models between two steps of what is drawn. "
        f"{page.shown.__doc__.splitlines()[0]}"
    )
    return show


def _follows(classroom: Classroom, page: pages.Page) -> Callable[..., Any]:
    kind = page.asked

    async def follow(asked: kind, account: Account) -> Any:
        fields = asked.model_dump(exclude_unset=True)
        looks = classroom.looks(page.name, fields, account)
        first = await asyncio.wrap_future(await run_in_threadpool(next, looks))
        return StreamingResponse(_events(first, looks), media_type="text/event-stream")

    follow.__annotations__ = {"asked": kind, "account": Account, "return": Any}
    follow.__doc__ = (
        f"{page.title}: looked at again and again, each look an event; it ends when nobody reads "
        f"any more. {page.shown.__doc__.splitlines()[0]}"
    )
    return follow


async def _events(first: BaseModel, looks: Iterator[Future[Any]]) -> AsyncIterator[str]:
    yield f"data: {first.model_dump_json()}\n\n"
    try:
        for look in looks:
            shown = await asyncio.wrap_future(look)
            yield f"data: {shown.model_dump_json()}\n\n"
    except StudioError as error:
        yield f"event: failed\ndata: {json.dumps({'message': str(error)})}\n\n"


def _body(page: pages.Page) -> PageBody:
    excerpts = [code.excerpt(*where) for where in page.code]
    return PageBody(
        name=page.name,
        title=page.title,
        equation=page.equation,
        paper=page.paper,
        code=[CodeBody(**vars(each)) for each in excerpts],
    )

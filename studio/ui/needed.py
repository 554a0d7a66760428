"""Of Gradio's sixty routes the few that our page asks for; those of its API: endpoints.py."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

NEEDED = {
    "GET": re.compile(r"/|/theme\.css|/robots\.txt|/(?:assets|static)/.+"),
    "HEAD": re.compile(r"/"),
}
"""What comes with Gradio's package. Everything else takes
files, hands some out, tells how the page is built, or keeps something for whoever asks."""


class OnlyNeeded:
    """Gradio's application without all that `NEEDED` does not name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            needed = NEEDED.get(scope.get("method", ""))
            if needed is None or not needed.fullmatch(scope["path"]):
                raise HTTPException(404, "There is nothing of this name. What there is: /docs.")
        await self._app(scope, receive, send)

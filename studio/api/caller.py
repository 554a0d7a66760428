"""Who calls. The guards find it out, routes ask for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request


async def account_of(request: Request) -> str:
    """The caller's account: a login's name, or `accounts.guest(…)`. A coroutine, for which FastAPI
    takes no thread."""
    return request.scope["state"]["account"]


def is_by_token(request: Request) -> bool:
    """Whether a token of the account was shown, and no password."""
    return request.scope["state"].get("by_token", False)


Account = Annotated[str, Depends(account_of)]

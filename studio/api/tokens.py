"""Tokens of one's account: `/studio/v1/tokens`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account, is_by_token
from studio.api.wire import PREFIX
from studio.domain.accounts import is_guest
from studio.domain.errors import InvalidRequest, NotYours
from studio.store.tokens import TokenLedger, TokenRow

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class TokenAsked(BaseModel):
    """What the token is for, as in "Open WebUI"."""

    model_config = ConfigDict(extra="forbid")

    name: _Name


class TokenBody(BaseModel):
    """A token without itself. `created_s`: when it was made, in seconds since 1970."""

    id: str
    name: str
    created_s: float


class NewTokenBody(TokenBody):
    """`token` is told this once: send it as `Authorization: Bearer …`."""

    token: str


class TokensBody(BaseModel):
    """All of one's own, oldest first."""

    tokens: list[TokenBody]


def build_tokens_router(ledger: TokenLedger) -> APIRouter:
    """The routes below `/studio/v1/tokens`."""
    router = APIRouter(prefix=f"{PREFIX}/tokens", tags=["studio"], responses=EVERYWHERE)

    @router.get("")
    def own(account: Account) -> TokensBody:
        """One's own tokens."""
        return TokensBody(tokens=[_body(row) for row in ledger.of(account)])

    @router.post("", responses=refusals(422, 507))
    def add(asked: TokenAsked, account: Account, http: Request) -> NewTokenBody:
        """A token of one's account, for a program that should not know the password. It may all
        that the account may, but make and delete tokens."""
        _needs_password(http)
        if is_guest(account):
            raise InvalidRequest(
                "This studio asks for no login, so programs need no token: any will do."
            )
        row, token = ledger.add(account, asked.name)
        return NewTokenBody(**_body(row).model_dump(), token=token)

    @router.delete("/{id}", status_code=204, responses=refusals(404, 422, 507))
    def delete(id: str, account: Account, http: Request) -> Response:
        """Let a token be good for nothing, at once."""
        _needs_password(http)
        ledger.delete(account, id)
        return Response(status_code=204)

    return router


def _body(row: TokenRow) -> TokenBody:
    return TokenBody(id=row.id, name=row.name, created_s=row.created_s)


def _needs_password(http: Request) -> None:
    """Whoever found a token could else make himself others, which outlast it."""
    if is_by_token(http):
        raise NotYours("Tokens are made and deleted with user and password, not with a token.")

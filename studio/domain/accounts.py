"""Whose a job or a picture is: an account is a login's name or, where nobody logs in, a guest."""

from __future__ import annotations

from studio.domain.errors import NotYours

_GUEST = "guest:"
"""A login's name has no colon, so none of them begins so."""

LOCAL = f"{_GUEST}local"
"""Who uses Python's `Studio` or the command line; also the owner of what an older studio left."""


def guest(id: str) -> str:
    """The account of an anonymous browser or address."""
    return _GUEST + id


def is_guest(account: str) -> bool:
    return account.startswith(_GUEST)


def shown(account: str) -> str | None:
    """As the API names it: a login by its name, guests not at all."""
    return None if is_guest(account) else account


def may_change(account: str, owner: str) -> bool:
    """What belongs to a guest is everybody's, else it is its owner's alone."""
    return owner == account or is_guest(owner)


def check_owner(account: str, owner: str, what: str) -> None:
    """Raises `NotYours` where `account` may not change `what`, as in "Job x", of `owner`."""
    if not may_change(account, owner):
        raise NotYours(
            f"{what} belongs to {owner}: only {owner} may change it. Log in as {owner}, or ask."
        )

"""Where others find this studio, and who draws in it: `/studio/v1/share`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.domain.accounts import shown
from studio.domain.reach import TUNNEL, Reach, Tunnel, is_own_name
from studio.jobs.job import Job, JobState


class AddressBody(BaseModel):
    """What others may type into a browser.

    leads_from  network: from where this machine is reached; anywhere: it is the tunnel's link
    qr          the same as a QR code: an SVG, black on white, as a `data:` address
    """

    url: str
    leads_from: Literal["network", "anywhere"]
    qr: str


class TunnelBody(BaseModel):
    """How the tunnel is: opening, open, or closed, and why so."""

    state: Literal["opening", "open", "closed"]
    why: str | None


class PersonBody(BaseModel):
    """Somebody with jobs that run or wait, and how many of each these are.

    name  of the login; null for a guest
    you   it is the caller
    """

    name: str | None
    you: bool
    running: int
    waiting: int


class ShareBody(BaseModel):
    """Where others find this studio, and who draws in it.

    account    the caller's login; null for a guest
    login      a login is asked for
    addresses  the likeliest first; none where the studio listens to its own machine alone
    tunnel     null where none was asked for
    people     in the order in which their jobs run and wait; of what they draw nothing is told
    running    jobs of all of them under way, and those that are `waiting`
    """

    account: str | None
    login: bool
    addresses: list[AddressBody]
    tunnel: TunnelBody | None
    people: list[PersonBody]
    running: int
    waiting: int


def build_share_router(
    reach: Reach, to_do: Callable[[], list[Job]], asks_for_login: bool
) -> APIRouter:
    """`to_do()` are the jobs that run and wait."""
    router = APIRouter(responses=EVERYWHERE)

    @router.get(f"{PREFIX}/share", tags=["studio"])
    def share(http: Request, account: Account) -> ShareBody:
        """Where others find this studio, whether it asks for a login, and who draws in it: names
        and numbers of jobs, nothing of what they are."""
        tunnel, jobs = reach.tunnel, to_do()
        people = _people(jobs, account)
        return ShareBody(
            account=shown(account),
            login=asks_for_login,
            addresses=_addresses(reach, tunnel, http),
            tunnel=TunnelBody(state=tunnel.state, why=tunnel.why) if tunnel else None,
            people=people,
            running=sum(person.running for person in people),
            waiting=sum(person.waiting for person in people),
        )

    return router


def _addresses(reach: Reach, tunnel: Tunnel | None, http: Request) -> list[AddressBody]:
    """Who comes through the tunnel is told of its link alone: the others lead nowhere from
    there."""
    found = [_address(tunnel.url, "anywhere")] if tunnel and tunnel.url else []
    if http.client and http.client.host == TUNNEL:
        return found
    urls = dict.fromkeys([*_callers_own(http), *reach.network_urls()])
    return found + [_address(url, "network") for url in urls]


def _callers_own(http: Request) -> list[str]:
    """The address by which the caller came, through a proxy perhaps, unless it is good on this
    machine alone. The guards have seen to its name."""
    host = http.headers.get("x-forwarded-host") or http.headers["host"]
    return [] if is_own_name(host) else [f"{http.url.scheme}://{host}"]


def _address(url: str, leads_from: Literal["network", "anywhere"]) -> AddressBody:
    import segno  # here and not at the top: few ask

    qr = segno.make_qr(url, error="m").svg_data_uri(dark="#000", light="#fff", omitsize=True)
    return AddressBody(url=url, leads_from=leads_from, qr=qr)


def _people(jobs: Iterable[Job], account: str) -> list[PersonBody]:
    people: dict[str, PersonBody] = {}
    for job in jobs:
        owner = job.owner
        nobody = PersonBody(name=shown(owner), you=owner == account, running=0, waiting=0)
        person = people.setdefault(owner, nobody)
        if job.state is JobState.QUEUED:
            person.waiting += 1
        elif job.state in (JobState.LOADING, JobState.RUNNING):
            person.running += 1
    return [person for person in people.values() if person.running or person.waiting]

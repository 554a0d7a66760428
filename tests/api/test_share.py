"""Where others find a studio: its addresses, who draws in it, and what the tunnel may."""

from __future__ import annotations

import pytest

from studio.api import login
from studio.domain.reach import Reach, Tunnel
from studio.engine.fake import FakeEngine
from studio.web import create_app
from tests.conftest import Served, servers
from tests.waiting import wait_for

LOGINS = ("ann:secret", "bo:secret")
LINK = "https://wonder.share.example"
AT_LINK = {"Host": "wonder.share.example"}


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """(studio, where it is reached): on the network, through a tunnel, by a proxy beside it."""
    reach = Reach("0.0.0.0", 7860, Tunnel(0, "open", LINK))
    with servers(tmp_path_factory.mktemp("reached")) as start:
        proxied = {"allow_host": ("pictures.example",), "trusted_proxy": ("127.0.0.1",)}
        yield start(FakeEngine(step_s=0.05), create_app, reach=reach, auth=LOGINS, **proxied), reach


def through_tunnel(served: Served, reach: Reach, path: str, name="ann", password="secret", **said):
    """What a browser at the link's other end gets: the program here passes it on."""
    url = f"http://127.0.0.1:{reach.tunnel.port}{path}"
    return served.http.get(url, auth=(name, password), headers=AT_LINK | said)


def share(served: Served, **asked) -> dict:
    return served.http.get("/studio/v1/share", auth=("ann", "secret"), **asked).json()


def test_names_and_numbers_are_told_and_nothing_of_what_is_drawn(reached):
    served, _ = reached
    as_ann, as_bo = ({"auth": (name, "secret")} for name in ("ann", "bo"))
    request = {"prompt": "a secret garden", "steps": 150, "width": 64, "height": 64}
    served.studio.queue.pause()
    ids = []
    for who in (as_bo, as_ann, as_bo):
        ids += [served.http.post("/studio/v1/jobs", json=request, **who).json()["id"]]
    told = share(served)
    assert sorted(told["people"], key=lambda one: one["name"]) == [
        {"name": "ann", "you": True, "running": 0, "waiting": 1},
        {"name": "bo", "you": False, "running": 0, "waiting": 2},
    ]
    assert (told["running"], told["waiting"]) == (0, 3)
    assert (told["account"], told["login"]) == ("ann", True)
    assert "garden" not in str(told)
    served.studio.queue.resume()
    now = wait_for(lambda: (found := share(served))["running"] and found)
    assert now["people"][0]["running"] >= 1, "who draws stands first"
    for id, who in zip(ids, (as_bo, as_ann, as_bo), strict=True):
        served.http.delete(f"/studio/v1/jobs/{id}", **who).raise_for_status()


def test_guests_are_told_apart_and_not_named(serve):
    served = serve()
    served.studio.queue.pause()
    for browser in ("a" * 22, "b" * 22):
        request = {"prompt": "a hill", "steps": 150, "width": 64, "height": 64}
        cookie = {"Cookie": f"studio-browser={browser}"}
        served.http.post("/studio/v1/jobs", json=request, headers=cookie).raise_for_status()
    told = served.http.get("/studio/v1/share", headers=cookie).json()
    assert [(one["name"], one["you"]) for one in told["people"]] == [(None, False), (None, True)]
    assert (told["account"], told["login"], told["tunnel"]) == (None, False, None)
    assert told["addresses"] == [], "it listens to this machine alone"
    assert "aaaa" not in str(told)


def test_addresses_are_those_by_which_others_come(reached):
    served, reach = reached
    own = [(url, "network") for url in reach.network_urls()]
    link = (LINK, "anywhere")
    addresses = [(one["url"], one["leads_from"]) for one in share(served)["addresses"]]
    assert addresses == [link, *own]
    assert all(":7860" in url and "127.0.0.1" not in url for url, _ in own)
    by_proxy = {"Host": "127.0.0.1:7860", "X-Forwarded-Host": "pictures.example"}
    by_proxy["X-Forwarded-Proto"] = "https"
    found = share(served, headers=by_proxy)["addresses"]
    assert [one["url"] for one in found[:2]] == [LINK, "https://pictures.example"]
    by_address = share(served, headers={"Host": "192.168.1.5:7860"})["addresses"]
    assert by_address[1]["url"] == "http://192.168.1.5:7860"
    assert {one["qr"][:19] for one in found + by_address} == {"data:image/svg+xml;"}


@pytest.mark.parametrize(
    ("host", "urls"),
    [
        ("127.0.0.1", []),
        ("::1", []),
        ("192.168.1.5", ["http://192.168.1.5:80"]),
        ("fd00::5", ["http://[fd00::5]:80"]),
    ],
)
def test_an_address_that_was_chosen_is_the_one(host, urls):
    assert Reach(host, 80).network_urls() == urls


def test_the_tunnel_is_told_of_itself_alone_and_serves_its_name_alone(reached):
    served, reach = reached
    body = through_tunnel(served, reach, "/studio/v1/share").json()
    assert [one["url"] for one in body["addresses"]] == [LINK]
    for host in ("localhost", "127.0.0.1", "192.168.1.5", "pictures.example", "other.example"):
        assert through_tunnel(served, reach, "/docs", Host=host).status_code == 400, host
    assert served.http.get("/healthz", headers=AT_LINK).status_code == 400, "and nowhere else"
    assert through_tunnel(served, reach, "/docs", Origin=LINK).status_code == 200
    assert through_tunnel(served, reach, "/docs", Origin="http://localhost").status_code == 403
    page = through_tunnel(served, reach, "/", **{"X-Forwarded-Host": "evil.example"})
    assert page.status_code == 200 and "evil.example" not in page.text
    assert LINK in page.text, "the frame's addresses are https, as the link is"
    assert 'src="http' not in page.text and "cdnjs" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    url = f"http://127.0.0.1:{reach.tunnel.port}/studio/v1/status"
    assert served.http.get(url, headers=AT_LINK).status_code == 401


def test_who_guesses_at_the_link_closes_it_alone_and_its_end_closes_it_for_all(serve, monkeypatch):
    """A trusted proxy on this machine lends its trust to nobody in the tunnel."""
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0)
    reach = Reach(tunnel=Tunnel(0, "open", LINK))
    served = serve(reach=reach, auth=LOGINS, trusted_proxy=("127.0.0.1", "*"))
    assert through_tunnel(served, reach, "/docs").status_code == 200
    statuses = [
        through_tunnel(
            served, reach, "/docs", password="wrong", **{"X-Forwarded-For": f"8.8.8.{n}"}
        ).status_code
        for n in range(login.FAILURES_ALLOWED + 5)
    ]
    assert statuses.count(401) == login.FAILURES_ALLOWED and statuses[-1] == 429
    assert through_tunnel(served, reach, "/docs", name="bo").status_code == 429
    assert through_tunnel(served, reach, "/docs").status_code == 200, "who was in stays in"
    assert served.http.get("/docs", auth=("bo", "secret")).status_code == 200
    assert served.http.get("/docs", auth=("ann", "wrong")).status_code == 401, "not 429"

    reach.tunnel = Tunnel(reach.tunnel.port, "closed", why="It has ended.")
    assert through_tunnel(served, reach, "/docs").status_code == 400
    told = share(served)
    assert told["tunnel"] == {"state": "closed", "why": "It has ended."}
    assert told["addresses"] == []

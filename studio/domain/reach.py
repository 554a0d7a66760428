"""Where a studio that is served is reached from elsewhere."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import psutil

TUNNEL = "tunnel"
"""The address of all who come through the tunnel: nobody on this side can tell them apart."""

_MOST_NETWORKS = 4
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of documentations, to which nothing is sent."""


@dataclass(frozen=True)
class Tunnel:
    """A way in from the internet.

    port   of its door, on this machine alone: whoever comes in there came through the tunnel
    state  opening, open, or closed: it could not be had, or has ended
    url    the link, while it is open
    why    it is closed, in words
    """

    port: int
    state: Literal["opening", "open", "closed"] = "opening"
    url: str | None = None
    why: str | None = None


class Reach:
    """Where a studio is reached, as long as it is served.

    host, port  that it listens on, as bound: an IP address
    tunnel      None where none was asked for; replaced whole when it changes
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, tunnel: Tunnel | None = None
    ) -> None:
        self.host, self.port, self.tunnel = host, port, tunnel

    def is_door(self, port: int) -> bool:
        """Is `port` of this machine where the tunnel ends?"""
        return self.tunnel is not None and self.tunnel.port == port

    def scheme(self) -> str:
        """What those who come through the tunnel speak to its other end."""
        url = self.tunnel and self.tunnel.url
        return urlsplit(url).scheme if url else "https"

    def tunnel_name(self) -> str:
        """The link's host name; empty while there is none."""
        url = self.tunnel and self.tunnel.url
        return (urlsplit(url).hostname or "") if url else ""

    def network_urls(self) -> list[str]:
        """What others on the network may type into a browser, the likeliest first; none where the
        studio listens to this machine alone. Looked up anew, since addresses change."""
        bound = ipaddress.ip_address(self.host.partition("%")[0])
        if is_own(self.host):
            return []
        found = _addresses(bound.version) if bound.is_unspecified else [self.host]
        return [url_of(address, self.port) for address in found]


def url_of(host: str, port: int) -> str:
    """The page at a name or an address."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{name}:{port}"


def is_own(address: str) -> bool:
    """Does `address` lead from this machine to itself alone?"""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def is_own_name(host: str) -> bool:
    """Is `host`, of a Host header, a name or an address of this machine for itself alone?"""
    name = (urlsplit(f"//{host}").hostname or "").lower()
    try:
        return is_own(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _addresses(version: int) -> list[str]:
    """This machine's, for who listens on all interfaces of IPv4, or of both (6): first that which
    it speaks to the world with."""
    families = [socket.AF_INET, *([socket.AF_INET6] if version == 6 else [])]
    known = [
        (entry.family, entry.address)
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in families and _leads_here(entry.address)
    ]
    outward = [_outward(family) for family in families]
    known.sort(key=lambda entry: (entry[1] not in outward, entry[0]))
    return [address for _, address in known][:_MOST_NETWORKS]


def _leads_here(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)


def _outward(family: socket.AddressFamily) -> str:
    """That of `family` from which the world is spoken to; empty without a way there."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((_ELSEWHERE[family], 9))  # of a datagram: nothing is sent
            return asked.getsockname()[0]
    except OSError:
        return ""

"""Where a download may connect to.

A server that fetches what its users name could be led to the machines beside it (a router's page,
a cloud's metadata). So a guarded download connects to public addresses only, to the very address
that was looked at, and each redirect is looked at again.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from dataclasses import dataclass

import httpx

from studio.domain.errors import DownloadError, InvalidRequest


@dataclass(frozen=True)
class Route:
    """How to reach `url`: through `proxy` if there is one, else at the numeric `address` if that
    was pinned."""

    url: httpx.URL
    proxy: str | None = None
    address: str | None = None

    def request(self, headers: dict[str, str]) -> httpx.Request:
        """A GET that goes to the pinned address under the name of the host."""
        if self.address is None:
            return httpx.Request("GET", self.url, headers=headers)
        host = self.url.host
        return httpx.Request(
            "GET",
            self.url.copy_with(host=self.address),
            headers={"Host": self.url.netloc.decode("ascii"), **headers},
            extensions={"sni_hostname": host},
        )


def route(url: httpx.URL, guarded: bool, trusted: str | None = None) -> Route:
    """The way to `url`, which must be http(s).

    guarded  refuse addresses that are not public, and pin the one that was looked at
    trusted  origin ("http://mirror:8080") to which that does not apply

    With a proxy the proxy looks the name up: then only what can be looked up here is refused.
    Raises `InvalidRequest` for a refused address, `DownloadError` if the name is not known.
    """
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidRequest(f"{_shown(url)} is no web address. It must begin with https://.")
    proxy = _proxy(url)
    if not guarded or _origin(url) == trusted:
        return Route(url, proxy)
    if url.username or url.password:
        raise InvalidRequest("An address with a password in it is not fetched. Leave it out.")
    try:
        addresses = _look_up(url)
    except OSError:
        if proxy:
            return Route(url, proxy)
        raise DownloadError(
            f"The name {url.host} is not known. Is it spelt rightly, and is this machine online?"
        ) from None
    for address in addresses:
        if not is_public(address):
            raise InvalidRequest(
                f"{url.host} is in a private network ({address}), from which the server does not "
                "fetch. Use 'studio models download' on its command line instead."
            )
    return Route(url, proxy, None if proxy else addresses[0])


def origin(url: str) -> str:
    """Scheme, host and port of `url`."""
    return _origin(httpx.URL(url))


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}".lower()


def _shown(url: httpx.URL) -> str:
    return str(url)[:80]


def _proxy(url: httpx.URL) -> str | None:
    """The proxy that the environment names for `url`."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _look_up(url: httpx.URL) -> list[str]:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    addresses = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in addresses]


def is_public(text: str) -> bool:
    """Whether a numeric address is one of the public internet, where anybody may be asked.

    By our own list and not by `ipaddress.is_global`, which differs from one Python to the next.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.ipv4_mapped is not None:
        return is_public(str(address.ipv4_mapped))
    if address in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    if address in _SIX_TO_FOUR:
        return is_public(str(address.sixtofour))
    return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)


_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a provider's customers
            "127.0.0.0/8",  # this machine
            "169.254.0.0/16",  # this link, where clouds keep their metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocol assignments, metadata of some clouds
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
"""IANA's registry of special-purpose IPv4 addresses, and multicast."""

_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
"""What IANA has given out for global unicast. Beyond it lie this machine (::1), IPv4-compatible
addresses (::a.b.c.d), 64:ff9b:1::/48, 100::/64, 5f00::/16, fc00::/7, fe80::/10, multicast."""

_NOT_PUBLIC_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments; Teredo, which holds IPv4 addresses
            "2001:db8::/32",  # documentation
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
"""IANA's registry of special-purpose IPv6 addresses, as far as it lies in `_UNICAST_6`."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Stands for the IPv4 address in its last 32 bits, wherever a network has no IPv4 of its own."""
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")

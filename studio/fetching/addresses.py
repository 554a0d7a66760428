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
        found = _look_up(url)
    except OSError:
        if proxy:
            return Route(url, proxy)
        raise DownloadError(
            f"The name {url.host} is not known. Is it spelt rightly, and is this machine online?"
        ) from None
    for address in found:
        if not _is_public(address):
            raise InvalidRequest(
                f"{url.host} is in a private network ({address}), from which the server does not "
                "fetch. Use 'studio models download' on its command line instead."
            )
    return Route(url, proxy, None if proxy else found[0])


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
    found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones, private ones included."""

"""Which addresses are public: IANA's registries of special-purpose addresses, first and last of
each block, and the IPv4 addresses that IPv6 ones hold."""

from __future__ import annotations

import ipaddress

import httpx
import pytest

from studio.domain.errors import InvalidRequest
from studio.fetching import addresses
from studio.fetching.addresses import is_public

SPECIAL = (
    ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"]
    + ["192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32"]
    + ["192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"]
    + ["192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"]
    + ["203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "192.0.0.192/32"]
    + ["::/128", "::1/128", "::ffff:0:0/104", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64"]
    + ["2001::/23", "2001::/32", "2001:1::1/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48"]
    + ["2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2620:4f:8000::/48"]
    + ["3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"]
)
PUBLIC = (
    ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"]
    + ["128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255"]
    + ["192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "93.184.216.34"]
    + ["2001:200::1", "2001:4860:4860::8888", "2606:2800:220:1:248:1893:25c8:1946", "2a00::1"]
    + ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)


@pytest.mark.parametrize("block", SPECIAL)
def test_a_special_block_is_not_public(block):
    network = ipaddress.ip_network(block)
    assert not is_public(str(network[0])) and not is_public(str(network[-1]))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_lies_beside_is_public(address):
    assert is_public(address)


INNER = ("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "192.0.0.192", "100.64.0.1")


def holding(inner: str) -> dict[str, str]:
    """IPv6 addresses that hold the IPv4 address, by the way they do."""
    value = int(ipaddress.IPv4Address(inner))
    high, low = value >> 16, value & 0xFFFF
    return {
        "mapped": f"::ffff:{inner}",
        "compatible": f"::{inner}",
        "translated": f"::ffff:0:{inner}",
        "NAT64": f"64:ff9b::{inner}",
        "local NAT64": f"64:ff9b:1::{inner}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "Teredo server": f"2001:0:{high:x}:{low:x}::1",
        "Teredo client": f"2001:0:808:808::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
    }


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("way", holding("0.0.0.0"))
def test_an_address_within_an_address_counts(inner, way):
    address = holding(inner)[way]
    assert not is_public(address)
    with pytest.raises(InvalidRequest, match="private network"):
        addresses.route(httpx.URL(f"http://[{address}]/x"), guarded=True)


def test_compatible_and_local_ones_are_not_public_whatever_they_hold():
    for way in ("compatible", "translated", "local NAT64", "Teredo server"):
        assert not is_public(holding("8.8.8.8")[way]), way

"""Where a request comes from, behind reverse proxies too, and whether that is within a network."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

# Proxies in front of one another; whoever sends more hops in a header is not worth following.
MAX_HOPS = 32

# Addresses that were read before. A client has one, and a gateway few clients at a time.
REMEMBERED_ADDRESSES = 4096

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Networks:
    """A set of networks: `address in networks`. Empty is false, and holds no address."""

    __slots__ = ("_networks", "_remembered")

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks`: addresses or networks, as the configuration has checked them."""
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._remembered: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        """Whether it is an address, and within one of them."""
        known = self._remembered.get(address)
        if known is None:
            read = _parse(address)
            known = read is not None and any(read in network for network in self._networks)
            if len(self._remembered) >= REMEMBERED_ADDRESSES:
                self._remembered.clear()
            self._remembered[address] = known
        return known


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Networks) -> str:
    """The address of the client: `peer`, or if that is a trusted proxy, the one that it says it heard from.

    `headers`: names in lower case. Of `x-forwarded-for`, which each proxy appends to, only what trusted proxies
    wrote is true: so it is read from its end, up to the first address that is not trusted. What is no address
    ends the walk, and the client is then who said so.
    """
    if not trusted or peer not in trusted:
        return _plain(peer)
    hops = b",".join(value for name, value in headers if name == b"x-forwarded-for")  # RFC 9110 section 5.3
    found = peer
    for hop in reversed(hops.rsplit(b",", MAX_HOPS)[-MAX_HOPS:]):
        address = _hop(hop)
        if address is None:
            break
        found = address
        if found not in trusted:
            break
    return _plain(found)


def network_of(address: str) -> str:
    """What stands for one client when clients are counted: an IPv4 address, the /64 of an IPv6 one.

    A home or a server gets at least a /64 (RFC 6177), so its addresses within cost nothing. What is no address
    stands for itself.
    """
    if ":" not in address:
        return address
    read = _parse(address)
    if not isinstance(read, ipaddress.IPv6Address):
        return address if read is None else str(read)
    return str(ipaddress.IPv6Network((int(read) >> 64 << 64, 64)))


def _hop(written: bytes) -> str | None:
    """An address as proxies write it: alone, with a port, and IPv6 in brackets."""
    text = written.decode("latin-1").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text if _parse(text) is not None else None


def _plain(address: str) -> str:
    """An IPv4 address that came by an IPv6 socket, as IPv4 (RFC 4291 section 2.5.5.2)."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


@functools.lru_cache(REMEMBERED_ADDRESSES)
def _parse(text: str) -> _Address | None:
    try:
        read = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return mapped or read

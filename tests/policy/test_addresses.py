"""Addresses of clients: whose word about them is believed, and which network they are in."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from sluiceway.policy import addresses
from sluiceway.policy.addresses import MAX_HOPS, Networks, client_address, network_of

PROXIES = Networks(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"])
CLIENT = "192.0.2.7"


def address(*forwarded: bytes, peer: str = "10.0.0.1", trusted: Networks = PROXIES) -> str:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value) for value in forwarded)]
    return client_address(peer, headers, trusted)


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert address(b"192.0.2.7", trusted=Networks([])) == "10.0.0.1"


def test_a_peer_that_is_not_trusted_is_the_client_whatever_it_says() -> None:
    assert address(b"192.0.2.7", peer="198.51.100.1") == "198.51.100.1"
    assert address(b"192.0.2.7", peer="") == ""


@pytest.mark.parametrize(
    "forwarded",
    [
        [b"192.0.2.7"],
        [b"192.0.2.7, 10.0.0.9"],
        [b" 192.0.2.7 ,10.0.0.9 , 127.0.0.1"],
        [b"1.1.1.1, 192.0.2.7"],
        [b"1.1.1.1", b"192.0.2.7", b"10.0.0.9"],
        [b"garbage, 192.0.2.7, 10.0.0.9"],
        [b"192.0.2.7:51234"],
        [b"192.0.2.7:51234, 10.0.0.9:1"],
        [b"::ffff:192.0.2.7"],
        [b"192.0.2.7, ::ffff:10.0.0.9"],
        [b"[::ffff:192.0.2.7]:51234"],
        [b"192.0.2.7, [2001:db8::1]:443, 2001:db8::2"],
    ],
)
def test_the_client_is_the_last_that_is_not_trusted(forwarded: list[bytes]) -> None:
    assert address(*forwarded) == CLIENT


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (b"", "10.0.0.1"),
        (b"unknown", "10.0.0.1"),
        (b"192.0.2.7, ", "10.0.0.1"),
        (b"192.0.2.7, _hidden, 10.0.0.9", "10.0.0.9"),
        (b"192.0.2.7, 10.0.0.300", "10.0.0.1"),
        (b"192.0.2.7\xff", "10.0.0.1"),
        (b"192.0.2.7, [", "10.0.0.1"),
        (b"10.0.0.2, 10.0.0.3", "10.0.0.2"),
        (b"[2001:db9::7]:443", "2001:db9::7"),
        (b"2001:db9::7", "2001:db9::7"),
    ],
)
def test_what_is_no_address_ends_the_walk(forwarded: bytes, client: str) -> None:
    assert address(forwarded) == client


def test_no_header_at_all_leaves_the_proxy() -> None:
    assert address() == "10.0.0.1"


def test_a_walk_has_an_end() -> None:
    hops = b", ".join([b"192.0.2.7", *[b"10.0.0.9"] * MAX_HOPS])
    assert address(hops) == "10.0.0.9"
    assert address(hops.replace(b", 10.0.0.9", b"", 1)) == CLIENT


def test_an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_client() -> None:
    assert address(peer="::ffff:192.0.2.7") == CLIENT
    assert address(b"192.0.2.9", peer="::ffff:10.0.0.1") == "192.0.2.9"
    assert address(peer="::ffff:192.0.2.7", trusted=Networks([])) == CLIENT
    assert address(peer="2001:db9::7") == "2001:db9::7"


@hypothesis.given(st.lists(st.binary(max_size=40), max_size=4))
def test_whatever_stands_in_the_header_the_client_is_an_address_and_the_peer_at_worst(
    forwarded: list[bytes],
) -> None:
    found = address(*forwarded)
    assert found == "10.0.0.1" or network_of(found)


def test_networks_hold_addresses_in_either_form() -> None:
    assert "10.200.0.1" in PROXIES
    assert "::ffff:10.200.0.1" in PROXIES
    assert "127.0.0.2" not in PROXIES
    assert "2001:db8:ffff::1" in PROXIES
    assert "" not in PROXIES
    assert "10.0.0.0/8" not in PROXIES
    assert not Networks([])
    assert "10.0.0.1" not in Networks([])


def test_what_is_remembered_about_addresses_is_bounded_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "REMEMBERED_ADDRESSES", 2)
    networks = Networks(["192.0.2.0/30"])
    for _ in range(2):
        assert [f"192.0.2.{host}" in networks for host in range(6)] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("given", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(given: str, network: str) -> None:
    assert network_of(given) == network

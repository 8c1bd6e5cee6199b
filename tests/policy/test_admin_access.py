"""Who may use the console's API, as a matrix of where a request comes from and what it says."""

from __future__ import annotations

import hashlib

import pytest

from sluiceway.errors import Forbidden, GatewayError, InvalidApiKey, InvalidRequest, RateLimited
from sluiceway.policy.admin_access import AdminAccess, Who
from sluiceway.policy.guessing import Guesses

KEY = "an-admin-key-of-some-length"
OTHER = "another-admin-key-altogether"

Given = dict[str, str]


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def access(
    *keys: str, loopback: bool = True, trusted: tuple[str, ...] = (), guesses: Guesses | None = None
) -> AdminAccess:
    return AdminAccess(map(digest, keys), guesses or Guesses(0), loopback=loopback, trusted_proxies=trusted)


def ask(
    admins: AdminAccess,
    headers: Given | list[tuple[str, str]] | None = None,
    *,
    peer: str = "127.0.0.1",
    method: str = "GET",
    version: str = "1.1",
    now: float = 0.0,
) -> Who:
    """A GET from the machine itself, unless it is said otherwise."""
    given = list(headers.items()) if isinstance(headers, dict) else headers or []
    if not any(name == "host" for name, _ in given):
        given = [("host", "localhost:8787"), *given]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in given]
    return admins.check(encoded, peer=peer, method=method, http_version=version, now=now)


def bearer(key: str, **more: str) -> Given:
    return {
        "authorization": f"Bearer {key}",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


# ── a key ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9", "2001:db8::1", ""])
@pytest.mark.parametrize("host", ["localhost", "gateway.example.com", "203.0.113.1:8787"])
def test_a_right_key_may_from_anywhere(peer: str, host: str) -> None:
    for key in (KEY, OTHER):
        assert ask(access(OTHER, KEY), bearer(key, host=host), peer=peer) == "key"


def test_a_right_key_may_through_proxies() -> None:
    headers = bearer(KEY, x_forwarded_for="203.0.113.9", via="1.1 nginx")
    assert ask(access(KEY), headers, version="1.0") == "key"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer wrong-key-of-some-length",
        f"Bearer {KEY}x",
        f"Basic {KEY}",
        f"{KEY}",
        "Bearer",
        "Bearer ",
        "",
        f"Bearer {hashlib.sha256(KEY.encode()).hexdigest()}",
    ],
)
def test_a_wrong_key_may_not_even_from_the_machine_itself(authorization: str) -> None:
    with pytest.raises(InvalidApiKey) as caught:
        ask(access(KEY), {"authorization": authorization})
    assert (b"www-authenticate", b'Bearer realm="sluiceway"') in caught.value.headers
    assert KEY not in caught.value.message


def test_two_authorizations_are_none() -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(KEY), [("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")])


def test_the_scheme_is_written_as_one_likes() -> None:
    assert ask(access(KEY), {"authorization": f"bearer  {KEY}"}) == "key"


def test_without_keys_no_key_is_right() -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(), bearer(KEY))


def test_guessing_is_slowed_but_locks_nobody_out() -> None:
    admins = access(KEY, guesses=Guesses(3))
    assert ask(admins, bearer(KEY), peer="203.0.113.9", now=0.0) == "key"
    for attempt in range(3):
        with pytest.raises(InvalidApiKey):
            ask(admins, bearer(f"guess-number-{attempt}"), peer="203.0.113.9", now=1.0)
    with pytest.raises(RateLimited) as caught:
        ask(admins, bearer("guess-number-4"), peer="203.0.113.9", now=2.0)
    assert caught.value.retry_after_s == pytest.approx(59.0)
    assert ask(admins, bearer(KEY), peer="203.0.113.9", now=2.0) == "key", "it was right from there before"
    assert ask(admins, bearer(KEY), peer="203.0.113.10", now=2.0) == "key"
    assert ask(admins, peer="127.0.0.1", now=2.0) == "loopback"


def test_those_behind_a_trusted_proxy_are_told_apart_when_they_guess() -> None:
    admins = access(KEY, trusted=("10.0.0.1",), guesses=Guesses(1))
    with pytest.raises(InvalidApiKey):
        ask(admins, bearer("a-wrong-key", x_forwarded_for="203.0.113.9"), peer="10.0.0.1")
    with pytest.raises(RateLimited):
        ask(admins, bearer("another-one", x_forwarded_for="203.0.113.9"), peer="10.0.0.1")
    assert ask(admins, bearer(KEY, x_forwarded_for="203.0.113.7"), peer="10.0.0.1") == "key"


# ── no key ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8787", "LOCALHOST:8787", "127.0.0.1:8787", "127.9.9.9", "[::1]:8787", "[::1]"],
)
def test_the_machine_itself_needs_no_key(peer: str, host: str) -> None:
    assert ask(access(KEY), {"host": host}, peer=peer) == "loopback"


@pytest.mark.parametrize(
    "peer", ["203.0.113.9", "10.0.0.5", "192.168.1.2", "fe80::1", "::ffff:10.0.0.5", "", "unix"]
)
def test_other_machines_need_one(peer: str) -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(KEY), peer=peer)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1@evil.example",
        "127.0.0.1/x",
        "192.168.1.2:8787",
        "[::1",
        "0.0.0.0",
        "",
        " ",
    ],
)
def test_a_name_that_was_rebound_to_loopback_needs_one(host: str) -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(KEY), {"host": host})


@pytest.mark.parametrize(
    "header",
    [
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip", "via", "cf-ray",
        "cf-connecting-ip", "cdn-loop", "true-client-ip", "x-client-ip", "x-envoy-external-address",
    ],
)  # fmt: skip
def test_what_a_proxy_forwarded_needs_one(header: str) -> None:
    with pytest.raises(InvalidApiKey, match="forwarded"):
        ask(access(KEY), {header: "127.0.0.1"})


def test_a_proxy_that_says_nothing_of_itself_is_known_by_its_old_protocol() -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(KEY), {"host": "127.0.0.1:8787"}, version="1.0")


def test_a_trusted_proxy_on_the_machine_is_not_its_user() -> None:
    with pytest.raises(InvalidApiKey, match="proxy"):
        ask(access(KEY, trusted=("127.0.0.1",)))


def test_the_operator_may_ask_for_keys_everywhere() -> None:
    with pytest.raises(InvalidApiKey):
        ask(access(KEY, loopback=False))
    assert ask(access(KEY, loopback=False), bearer(KEY)) == "key"


# ── pages of other sites ────────────────────────────────────────────────────────────────────────────

OWN_PAGES: list[Given] = [
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": "http://localhost:8787", "sec-fetch-site": "same-origin"},
    {"origin": "http://localhost:8787"},
    {"host": "localhost", "origin": "http://localhost"},
    {"host": "localhost:80", "origin": "http://localhost"},
    {"host": "localhost", "origin": "https://localhost"},  # TLS ended in front of us
    {"host": "localhost", "origin": "https://localhost:443"},
    {"host": "[::1]:8787", "origin": "http://[::1]:8787"},
]
OTHER_PAGES: list[Given] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": ""},
    {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    {"origin": "https://evil.example"},
    {"origin": "https://evil.example:8787"},
    {"origin": "http://localhost:3000"},
    {"origin": "http://localhost"},
    {"origin": "http://127.0.0.1:8787"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "file://"},
    {"origin": "http://localhost:8787.evil.example"},
    {"origin": "http://localhost:8787@evil.example"},
    {"origin": "chrome-extension://localhost:8787"},
]
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH"])
@pytest.mark.parametrize("headers", OWN_PAGES, ids=str)
def test_pages_of_the_gateway_itself_may(headers: Given, method: str) -> None:
    assert ask(access(KEY), {**JSON, **headers}, method=method) == "loopback"
    assert ask(access(KEY), {**JSON, **headers, **bearer(KEY)}, method=method) == "key"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PATCH"])
@pytest.mark.parametrize("headers", OTHER_PAGES, ids=str)
def test_pages_of_other_sites_may_not_even_read(headers: Given, method: str) -> None:
    for credentials in ({}, bearer(KEY)):
        with pytest.raises(Forbidden):
            ask(access(KEY), {**JSON, **headers, **credentials}, method=method)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_what_changes_something_is_json(content_type: str) -> None:
    assert ask(access(KEY), {"content-type": content_type}, method="POST") == "loopback"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"],
)
def test_what_a_page_can_send_anywhere_changes_nothing(content_type: str) -> None:
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        with pytest.raises(InvalidRequest) as caught:
            ask(access(KEY), {"content-type": content_type}, method=method)
        assert caught.value.status == 415


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_there_has_to_be_one_host(hosts: list[str]) -> None:
    headers = [(b"host", host.encode()) for host in hosts]
    with pytest.raises(InvalidRequest) as caught:
        access(KEY).check(headers, peer="127.0.0.1", method="GET", http_version="1.1", now=0.0)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["host", "origin", "authorization", "sec-fetch-site", "content-type"])
@pytest.mark.parametrize("value", ["\xff\xfe", "[", "]", "http://[", "://", "a" * 10_000, "\x00"])
def test_whatever_strangers_send_is_refused_in_words(name: str, value: str) -> None:
    with pytest.raises(GatewayError) as caught:
        ask(access(KEY), {name: value}, peer="203.0.113.9", method="POST")
    assert caught.value.message
    assert 400 <= caught.value.status < 500

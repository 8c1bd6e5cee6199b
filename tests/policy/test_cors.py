"""Which pages may call the gateway, as headers."""

from __future__ import annotations

import pytest

from sluiceway.policy.cors import PREFLIGHT_MAX_AGE_S, Cors

PAGE = (b"origin", b"https://app.example.com")
OTHER = (b"origin", b"https://evil.example.com")


def test_without_origins_it_is_off() -> None:
    cors = Cors([])
    assert not cors.enabled
    assert cors.headers([PAGE]) == []
    assert cors.preflight([PAGE]) is None


def test_an_allowed_origin_is_told_so_by_name() -> None:
    cors = Cors(["https://app.example.com", "http://localhost:3000"])
    assert cors.enabled
    headers = dict(cors.headers([(b"host", b"g"), PAGE]))
    assert headers[b"access-control-allow-origin"] == b"https://app.example.com"
    assert b"x-request-id" in headers[b"access-control-expose-headers"]
    exposed = headers[b"access-control-expose-headers"].split(b", ")
    assert b"retry-after" in exposed
    for of in (b"requests", b"tokens"):
        assert {
            b"x-ratelimit-limit-" + of,
            b"x-ratelimit-remaining-" + of,
            b"x-ratelimit-reset-" + of,
        } <= set(exposed)


def test_an_answer_that_depends_on_the_origin_says_so_to_caches() -> None:
    assert (b"vary", b"origin") in Cors(["https://app.example.com"]).headers([PAGE])


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example.com",
        b"http://app.example.com",
        b"https://app.example.com:8443",
        b"https://app.example.com.evil.net",
        b"https://app.example.co",
        b"null",
        b"*",
    ],
)
def test_another_origin_gets_nothing(origin: bytes) -> None:
    cors = Cors(["https://app.example.com"])
    assert cors.headers([(b"origin", origin)]) == []
    assert cors.preflight([(b"origin", origin), (b"access-control-request-method", b"POST")]) is None


def test_a_request_that_is_not_from_a_page_gets_nothing() -> None:
    assert Cors(["*"]).headers([(b"host", b"g")]) == []
    assert Cors(["*"]).preflight([]) is None


def test_a_star_allows_any_page() -> None:
    assert dict(Cors(["*"]).headers([OTHER]))[b"access-control-allow-origin"] == b"*"


def test_credentials_are_never_allowed_since_keys_do_not_travel_in_cookies() -> None:
    for cors in (Cors(["*"]), Cors(["https://app.example.com"])):
        names = [name for name, _ in cors.preflight([PAGE]) or []]
        assert b"access-control-allow-credentials" not in names


def test_a_preflight_allows_the_headers_that_were_asked_for() -> None:
    asked = (b"access-control-request-headers", b"authorization,x-stainless-lang")
    headers = dict(Cors(["https://app.example.com"]).preflight([PAGE, asked]) or [])
    assert headers[b"access-control-allow-origin"] == b"https://app.example.com"
    assert headers[b"access-control-allow-headers"] == b"authorization,x-stainless-lang"
    assert b"POST" in headers[b"access-control-allow-methods"]
    assert headers[b"access-control-max-age"] == b"%d" % PREFLIGHT_MAX_AGE_S


def test_a_preflight_that_asks_for_no_headers_still_names_those_that_every_client_needs() -> None:
    headers = dict(Cors(["*"]).preflight([PAGE]) or [])
    assert headers[b"access-control-allow-headers"] == b"authorization, content-type"

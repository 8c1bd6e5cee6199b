"""Headers of translated requests: nothing of the client's API goes to another one."""

from __future__ import annotations

from sluiceway.translate.headers import ANTHROPIC_VERSION, translated_headers
from sluiceway.wire.http import Headers

JSON = (b"content-type", b"application/json")


def test_an_openai_clients_headers_for_anthropic() -> None:
    passed: Headers = [
        (b"authorization", b"bearer  sk-1 "),
        (b"openai-organization", b"org"),
        (b"x-stainless-lang", b"python"),
        (b"user-agent", b"x"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"accept", b"application/json"),
    ]
    assert translated_headers(passed, upstream="messages") == [
        (b"x-api-key", b"sk-1"),
        (b"user-agent", b"x"),
        JSON,
        (b"anthropic-version", ANTHROPIC_VERSION),
    ]


def test_an_anthropic_clients_headers_for_openai() -> None:
    passed: Headers = [
        (b"x-api-key", b"sk-2"),
        (b"anthropic-version", b"2023-06-01"),
        (b"anthropic-beta", b"context-1m"),
    ]
    for upstream in ("chat", "responses"):
        assert translated_headers(passed, upstream=upstream) == [(b"authorization", b"Bearer sk-2"), JSON]


def test_a_credential_that_is_no_bearer_token_stays_as_it_is() -> None:
    basic = (b"authorization", b"Basic eDp5")
    assert basic in translated_headers([basic], upstream="messages")

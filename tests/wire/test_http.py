"""Which headers cross the gateway."""

from __future__ import annotations

import pytest

from sluiceway.wire.http import (
    CREDENTIALS,
    EVENT_STREAM_HEADERS,
    HOP_BY_HOP,
    client_response_headers,
    get_header,
    request_head,
    upstream_request_headers,
)


def test_the_first_of_several_headers_is_found_and_an_absent_one_is_empty() -> None:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    assert get_header(headers, b"a") == b"1"
    assert get_header(headers, b"c") == b""


# ── upward ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_client_says_about_its_request_goes_up_in_order() -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"accept", b"text/event-stream"),
        (b"openai-organization", b"org-1"),
        (b"openai-beta", b"a"),
        (b"openai-beta", b"b"),
        (b"user-agent", b"OpenAI/Python 1.0"),
        (b"x-stainless-lang", b"python"),
        (b"idempotency-key", b"i"),
        (b"traceparent", b"00-1-2-01"),
    ]
    assert upstream_request_headers(headers) == headers


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP | CREDENTIALS))
def test_framing_hops_and_credentials_do_not_go_up(name: bytes) -> None:
    assert upstream_request_headers([(name, b"value"), (b"accept", b"*/*")]) == [(b"accept", b"*/*")]


@pytest.mark.parametrize(
    "name",
    [
        b"accept-encoding", b"expect", b"host", b"via", b"forwarded", b"x-forwarded-for",
        b"x-forwarded-proto", b"x-real-ip", b"cf-connecting-ip", b"cf-ray", b"cdn-loop",
        b"sec-fetch-mode", b"sec-websocket-key", b"origin", b"referer", b"x-request-id",
        b"x-sluiceway-anything",
    ],
)  # fmt: skip
def test_the_clients_network_and_page_are_nobodys_business(name: bytes) -> None:
    assert upstream_request_headers([(name, b"value")]) == []


def test_credentials_go_up_where_they_are_the_upstreams() -> None:
    headers = [(b"authorization", b"Bearer k"), (b"x-api-key", b"k"), (b"cookie", b"c=1")]
    keep = CREDENTIALS - {b"cookie"}
    assert upstream_request_headers(headers, keep=keep) == headers[:2]


def test_fields_named_by_connection_end_at_this_hop() -> None:
    """RFC 9110 section 7.6.1."""
    headers = [
        (b"connection", b"keep-alive, X-Hop"),
        (b"connection", b"x-other"),
        (b"x-hop", b"1"),
        (b"x-other", b"2"),
        (b"x-stays", b"3"),
    ]
    assert upstream_request_headers(headers) == [(b"x-stays", b"3")]
    assert client_response_headers(headers) == [(b"x-stays", b"3")]


# ── downward ────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_upstream_says_about_its_answer_comes_down() -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"retry-after", b"7"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-request-id", b"req_1"),
        (b"openai-processing-ms", b"12"),
        (b"location", b"/v1/files/1"),
        (b"cache-control", b"no-store"),
        (b"content-disposition", b"attachment"),
        (b"etag", b'"1"'),
    ]
    assert client_response_headers(headers) == headers


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_framing_and_hops_do_not_come_down(name: bytes) -> None:
    assert client_response_headers([(name, b"value")]) == []


@pytest.mark.parametrize(
    "name",
    [
        b"server", b"date", b"alt-svc", b"set-cookie", b"strict-transport-security",
        b"access-control-allow-origin", b"access-control-expose-headers",
    ],
)  # fmt: skip
def test_what_is_true_only_of_the_upstreams_own_origin_does_not_come_down(name: bytes) -> None:
    assert client_response_headers([(name, b"value")]) == []


def test_a_body_that_was_made_anew_loses_what_described_the_old_one() -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"cache-control", b"max-age=60"),
        (b"x-accel-buffering", b"yes"),
        (b"content-encoding", b"gzip"),
        (b"etag", b'"1"'),
        (b"x-request-id", b"req_1"),
    ]
    assert client_response_headers(headers, reframed=True) == [(b"x-request-id", b"req_1")]
    assert client_response_headers(headers) == headers


def test_an_event_stream_forbids_caching_transforming_and_buffering() -> None:
    assert EVENT_STREAM_HEADERS == [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]


# ── the head ────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_head_is_a_line_for_each_header_and_a_blank_one() -> None:
    head = request_head(b"POST", b"/v1/x?y=1", [(b"host", b"h"), (b"content-length", b"0")])
    assert head == b"POST /v1/x?y=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
    assert request_head(b"GET", b"/", []) == b"GET / HTTP/1.1\r\n\r\n"

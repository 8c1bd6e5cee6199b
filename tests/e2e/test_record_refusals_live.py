"""Exactly one record for each request that is refused, and a true one; see `test_records_live`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import RawClient, bearer, key_table
from record_rules import DIALECTS, UNKNOWN, Watched, post, read_response, request_of, watched_gateway

from sluiceway.mock.testing import running_mock

both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with running_mock() as mock, watched_gateway(mock) as running:
        yield running


KEYS = [
    key_table("any"),
    key_table("other", models=["other"]),
    key_table("once", requests_per_minute=1),
    key_table("poor", tokens_per_day=1),
]
# name: headers, body (None: a proper one), status, code, the key that is named, whether the model was read
REFUSED: dict[str, tuple[dict[str, str], bytes | None, int, str, str | None, bool]] = {
    "no key": ({}, None, 401, "invalid_api_key", None, False),
    "unknown key": (bearer("nobody"), None, 401, "invalid_api_key", None, False),
    "forbidden": (bearer("other"), None, 403, "forbidden", "other", True),
    "rate": (bearer("once"), None, 429, "rate_limited", "once", True),
    "budget": (bearer("poor"), None, 429, "budget_exceeded", "poor", True),
    "unknown model": (bearer("any"), None, 404, "invalid_request", "any", True),
    "bad JSON": (bearer("any"), b'{"zebra', 400, "invalid_request", "any", False),
    "no model": (bearer("any"), b'{"stream":true}', 400, "invalid_request", "any", False),
    "too large": (bearer("any"), b"x" * 5000, 413, "body_too_large", "any", False),
}


@both_ways
@every_dialect
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_its_record(watched: Watched, name: str, dialect: str, stream: bool) -> None:
    headers, body, status, code, key, named = REFUSED[name]
    path, proper = request_of(dialect, "elsewhere" if name == "unknown model" else "m", stream=stream)
    models = [{"name": "m", "upstreams": ["a"]}]
    watched.configure(keys=KEYS, models=models, server={"max_body_bytes": 4096})
    if name in ("rate", "budget"):  # their first request is let in
        with RawClient(watched.gateway.port) as client:
            post(client, path, proper, headers=headers)
            read_response(client, 0)
            watched.gateway.record()
            watched.gateway.records.clear()
    with RawClient(watched.gateway.port) as client:
        sent = proper if body is None else body
        post(client, path, sent, headers=headers)
        seen = read_response(client, len(sent) if status not in (401, 413) else 0)
        record = watched.record(seen)
    assert (record.outcome, record.error_code, record.error_code) == ("refused", code, seen.error)
    assert (seen.status, record.committed_by, record.key) == (status, "error", key)
    assert (record.model is not None) == named
    assert record.stream == (stream and named)
    assert record.error_message is not None
    assert record.bytes_out > 0


# name: method, path, status
WRONG: dict[str, tuple[str, str, int]] = {
    "wrong method": ("GET", "/v1/chat/completions", 405),
    "wrong method, without a body in the answer": ("HEAD", "/v1/messages", 405),
    "climbing path": ("GET", "/v1/models/../secrets", 400),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_request_for_nothing_has_its_record(watched: Watched, name: str) -> None:
    method, path, status = WRONG[name]
    watched.configure()
    record, seen = watched.ask(path, b"", method=method)
    assert (record.outcome, record.error_code, seen.status) == ("refused", "invalid_request", status)
    assert (record.method, record.path, record.upstream) == (method, path, None)


def test_an_upload_that_turns_out_too_large_has_its_record(watched: Watched) -> None:
    watched.configure(server={"max_body_bytes": 2 << 20})
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (1 << 16, b"x" * (1 << 16))
    with RawClient(watched.gateway.port) as client:
        client.send(head + piece * 33)
        record = watched.record(read_response(client, UNKNOWN))
    assert record.bytes_in > 2 << 20
    assert (record.status, record.error_code, record.outcome) == (413, "body_too_large", "refused")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/transcriptions"])
def test_a_body_that_stalls_has_the_record_of_its_refusal(path: str) -> None:
    sent = (2 << 20) if "audio" in path else 7
    head = f"POST {path} HTTP/1.1\r\nhost: g\r\ncontent-length: {8 << 20}\r\n\r\n"
    with (
        running_mock() as mock,
        watched_gateway(mock, server={"body_timeout_s": 0.8}) as impatient,
        RawClient(impatient.gateway.port) as client,
    ):
        client.send(head.encode() + b"x" * sent)
        record = impatient.record(read_response(client, sent))
    assert (record.status, record.client_left) == (408, False)
    assert record.outcome == "refused"

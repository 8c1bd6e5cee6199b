"""Exactly one record for each request, and a true one: answers, faults and refusals, in every API, both ways.

What a record may never say is in `record_rules`, and looked at for each of them; the tables here hold the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from harness import RawClient
from record_rules import (
    DIALECTS,
    HELLO,
    PROMPT,
    Table,
    Watched,
    post,
    read_response,
    request_of,
    watched_gateway,
)
from upstreams import Asked, scripted_upstream

from sluiceway.dialects.base import Usage
from sluiceway.mock.pictures import picture
from sluiceway.mock.testing import RunningMock, running_mock

LIMIT_BYTES = 256 * 1024
LATE = {"commit_after_s": 30.0, "heartbeat_s": 0.0}
SHORT = {"max_event_bytes": LIMIT_BYTES, "max_answer_bytes": LIMIT_BYTES}

both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def watched(mock: RunningMock) -> Iterator[Watched]:
    with watched_gateway(mock) as running:
        yield running


def clocks(**settings: Any) -> Table:
    """The same for images, which have clocks of their own."""
    return {**settings, "images": settings}


def short_for(fault: str) -> Table:
    """The limits that the fault is about, and no other: a machine may be slow."""
    if fault == "stall":
        return {**SHORT, "idle_s": 0.25}
    return {**SHORT, "first_event_s": 0.25} if fault in ("silent", "pings-only:0.05") else SHORT


def counted(mock: RunningMock) -> Usage:
    """The tokens of the answer that the provider gave last, as it counts them in JSON."""
    last = mock.last_ended()
    fields = msgspec.json.decode(last.body)
    fields.pop("stream_options", None)
    body = msgspec.json.encode({**fields, "stream": False})
    with RawClient(mock.port) as client:
        post(client, last.path, body, headers={"x-mock-fault": ""})
        usage = msgspec.json.decode(read_response(client, len(body)).body)["usage"]
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(
        input_tokens=usage.get("input_tokens", read), output_tokens=usage.get("output_tokens", written)
    )


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────

OTHER = {"chat": "messages", "responses": "chat", "messages": "responses"}
REASONS = {"chat": "stop", "responses": "completed", "messages": "end_turn", "images": "completed"}
WAYS = ["as it is", "forced", "made into a stream", "collected", "translated"]


@both_ways
@every_dialect
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_has_its_record(
    watched: Watched, mock: RunningMock, way: str, dialect: str, stream: bool
) -> None:
    upstream: Table = {"force_stream": way == "forced"}
    if way == "translated":
        upstream["dialects"] = [OTHER.get(dialect, dialect)]
    fault = {"made into a stream": "json-instead-of-stream", "collected": "stream-instead-of-json"}.get(
        way, ""
    )
    watched.configure(upstream, stream=clocks(**LATE))
    path, body = request_of(dialect, f"m?seed=3&fault={fault}", stream=stream)
    record, seen = watched.ask(path, body)
    assert (record.outcome, record.status, record.upstream_status) == ("ok", 200, 200)
    assert (record.method, record.path, record.dialect) == ("POST", path, dialect)
    assert (record.model, record.upstream_model, record.upstream) == (f"m?seed=3&fault={fault}",) * 2 + ("a",)
    assert (record.stream, seen.streamed) == (stream, stream)
    assert record.committed_by == ("event" if stream else "body")
    assert record.translated_to == (OTHER.get(dialect) if way == "translated" else None)
    assert record.key is None
    assert record.usage is not None
    expected = counted(mock)
    assert record.usage.input_tokens == expected.input_tokens
    assert record.usage.output_tokens == expected.output_tokens
    assert (record.events > 0) == stream
    assert record.head_ms is not None
    assert record.first_event_ms is not None
    assert (record.first_content_ms is not None) == stream
    assert record.finish_reason == (REASONS[dialect] if stream or dialect != "images" else None)
    assert (len(record.attempts), record.retries, record.hedged, record.continued) == (1, 0, False, 0)


@both_ways
@every_dialect
def test_an_answer_after_heartbeats_has_its_record(watched: Watched, dialect: str, stream: bool) -> None:
    watched.configure(stream=clocks(commit_after_s=0.05, heartbeat_s=0.05, json_heartbeat_s=0.05))
    record, _ = watched.ask(*request_of(dialect, "m?ttft=0.6", stream=stream))
    assert (record.outcome, record.committed_by) == ("ok", "silence")
    assert record.heartbeats >= 2
    assert record.first_event_ms is not None
    assert record.first_event_ms >= 250
    assert record.usage is not None


@both_ways
def test_images_that_were_uploaded_in_a_form_have_their_record(watched: Watched, stream: bool) -> None:
    watched.configure(stream=clocks(**LATE))
    parts = {"model": "m", "prompt": PROMPT, "size": "64x64", "stream": str(stream).lower()}
    fields = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in parts.items()]
    fields.append(
        b'name="image"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n'
        + picture(3, "a sunny day", 96, 64)
    )
    body = b"".join(b"--edge\r\ncontent-disposition: form-data; " + field + b"\r\n" for field in fields)
    headers = {"content-type": "multipart/form-data; boundary=edge"}
    record, seen = watched.ask("/v1/images/edits", body + b"--edge--\r\n", headers=headers)
    assert (record.outcome, record.dialect, record.model) == ("ok", "images", "m")
    assert (record.stream, seen.streamed) == (stream, stream)
    assert record.usage is not None


# name: method, path, body, status, code
RELAYED: dict[str, tuple[str, str, bytes, int, str | None]] = {
    "embeddings": ("POST", "/v1/embeddings", b'{"model":"m","input":"zebra"}', 200, None),
    "models": ("GET", "/v1/models", b"", 200, None),
    "head": ("HEAD", "/v1/models", b"", 405, "upstream_405"),  # the mock knows none
    "token count": (
        "POST",
        "/v1/messages/count_tokens",
        b'{"model":"m","messages":%b}' % msgspec.json.encode(HELLO),
        200,
        None,
    ),
    "upload": ("POST", "/v1/audio/transcriptions", b"x" * (3 << 20), 200, None),
    "unknown": ("GET", "/v1/nothing", b"", 404, "upstream_404"),
}


@pytest.mark.parametrize("name", RELAYED)
def test_what_is_relayed_unread_has_its_record(watched: Watched, name: str) -> None:
    method, path, body, status, code = RELAYED[name]
    watched.configure()
    record, seen = watched.ask(path, body, method=method)
    assert (seen.status, record.upstream_status, record.error_code) == (status, status, code)
    assert record.outcome == ("ok" if code is None else "upstream_error")
    assert (record.method, record.path, record.dialect, record.stream) == (method, path, None, False)
    assert (record.committed_by, record.usage) == ("body", None)
    assert record.model == ("m" if body.startswith(b"{") else None)


def test_the_time_of_a_slow_upload_is_counted_once(watched: Watched) -> None:
    watched.configure(stream=clocks(**LATE))
    path, body = request_of("chat", stream=False)
    with RawClient(watched.gateway.port) as client:
        client.send(f"POST {path} HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        time.sleep(0.6)  # more than is looked for: the gateway's clock may start late
        client.send(body)
        record = watched.record(read_response(client, len(body)))
    assert record.head_ms is not None
    assert record.head_ms >= 250
    assert record.attempts[0].after_ms >= 250
    assert record.attempts[0].head_ms is not None
    assert record.attempts[0].head_ms < record.duration_ms - 250


def test_comments_and_blank_lines_of_the_upstream_are_no_events(watched: Watched) -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"a"}%s}]}'
    pieces = [
        b": one\n\n" + chunk % b"" + b"\n\n\n\n" + b"event: x\n\n" + b": two\n" + chunk % b"" + b"\n\n\n",
        chunk % b"" + b"\r\n\r\n" + b"id: 7\r\n" + chunk % b', "finish_reason":"stop"' + b"\r\n\r\n\r\n",
        b"data: [DONE]\r\n\r\n",
    ]

    def script(asked: Asked) -> None:
        asked.body_bytes()
        asked.answer(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for piece in pieces:
            asked.answer(piece)
            time.sleep(0.1)
        asked.connection.close()

    with scripted_upstream(script) as upstream:
        watched.configure({"base_url": upstream.base_url}, stream=LATE)
        record, _ = watched.ask(*request_of("chat", stream=True))
    assert (record.outcome, record.events) == ("ok", 5)
    assert record.largest_gap_ms is not None
    assert record.largest_gap_ms >= 30


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────

Ending = tuple[str, str | None, int]
OK: Ending = ("ok", None, 200)
TRUNCATED: Ending = ("truncated", "upstream_truncated", 502)
INVALID: Ending = ("invalid", "upstream_invalid", 502)
REPORTED: Ending = ("upstream_error", "", 200)  # the code is the provider's own
LATE_EVENT: Ending = ("timeout", "upstream_timeout_first_event", 504)


def in_band(ending: Ending) -> Ending:
    """The same, told after the status line was out."""
    return (*ending[:2], 200)


# fault: how it ends as a stream, and as JSON. A status of 0 is not the same in all APIs.
ENDINGS: dict[str, tuple[Ending, Ending]] = {
    "silent": (LATE_EVENT, LATE_EVENT),
    "pings-only:0.05": (LATE_EVENT, LATE_EVENT),
    "stall": (("timeout", "upstream_timeout_idle", 200), ("timeout", "upstream_timeout_idle", 504)),
    "rst": (in_band(TRUNCATED), TRUNCATED),
    "rst-before": (("unreachable", "upstream_unreachable", 502),) * 2,
    "eof": (in_band(TRUNCATED), INVALID),
    "eof-mid-event": (in_band(TRUNCATED), INVALID),
    "cut": (in_band(TRUNCATED), TRUNCATED),
    "empty-body": (TRUNCATED, TRUNCATED),
    "garbage": (INVALID, INVALID),
    "endless-headers": (INVALID, INVALID),
    "endless-event": (("invalid", "event_too_large", 200), ("invalid", "event_too_large", 502)),
    "br-label": (INVALID, INVALID),
    "gzip": (OK, OK),
    "http-429": (("upstream_error", "upstream_429", 429),) * 2,
    "http-500": (("upstream_error", "upstream_500", 500),) * 2,
    "http-500-html": (("upstream_error", "upstream_500", 500),) * 2,
    "http-400": (("upstream_error", "upstream_400", 400),) * 2,
    "error-first": (("upstream_error", "", 0), ("upstream_error", "", 0)),
    "error-mid": (REPORTED, ("upstream_error", "upstream_500", 500)),
    "crlf": (OK, OK),
    "cr": (OK, OK),
    "bom": (OK, OK),
    "ids": (OK, OK),
    "byte-by-byte": (OK, OK),
    "one-big-chunk": (OK, OK),
    "no-final-blank-line": (OK, OK),
    "connection-close": (OK, OK),
    "usage-none": (OK, OK),
    "1xx": (OK, OK),
}
UNHEARD = ("silent", "rst-before", "garbage", "endless-headers")


@both_ways
@every_dialect
@pytest.mark.parametrize("fault", ENDINGS)
def test_a_fault_has_its_record(watched: Watched, fault: str, dialect: str, stream: bool) -> None:
    outcome, code, status = ENDINGS[fault][0 if stream else 1]
    watched.configure(stream=clocks(**LATE, **short_for(fault)))
    record, seen = watched.ask(*request_of(dialect, f"m?seed=3&fault={fault}", stream=stream))
    assert record.outcome == outcome
    assert seen.status == (status or seen.status)
    if code is None or not code.startswith("upstream_") or outcome != "upstream_error":
        assert record.error_code == (seen.error if code != "" or seen.error else code)
    if code != "":
        assert record.error_code == code
    assert (record.upstream_status is None) == (fault in UNHEARD)
    assert (record.usage is None) == (fault == "usage-none" or outcome != "ok") or outcome != "ok"
    assert record.committed_by == (
        "event" if seen.streamed else "error" if is_own(record.error_code) else "body"
    )
    assert [one.error_code is None for one in record.attempts] == [outcome == "ok" or fault == "http-400"]


def is_own(code: str | None) -> bool:
    """Whether the gateway made the error body that the client got."""
    return code is not None and not code.startswith(("upstream_4", "upstream_5"))


@both_ways
@every_dialect
def test_the_clock_of_the_whole_has_its_record(watched: Watched, dialect: str, stream: bool) -> None:
    watched.configure(stream=clocks(**LATE, total_s=0.3))
    record, seen = watched.ask(*request_of(dialect, "m?ttft=9", stream=stream))
    assert (record.outcome, record.error_code) == ("timeout", "upstream_timeout_total")
    assert (seen.status, record.committed_by, record.first_event_ms) == (504, "error", None)


@both_ways
@every_dialect
@pytest.mark.parametrize("fault", ["silent", "http-500", "error-first", "rst:0"])
def test_a_fault_after_heartbeats_has_its_record(
    watched: Watched, fault: str, dialect: str, stream: bool
) -> None:
    lively = {"commit_after_s": 0.05, "heartbeat_s": 0.05, "json_heartbeat_s": 0.05}
    watched.configure(stream=clocks(**short_for(fault), **lively))
    model = f"m?seed=3&ttft=0.15&fault={fault}"
    record, seen = watched.ask(*request_of(dialect, model, stream=stream))
    assert record.outcome == {"silent": "timeout", "rst:0": "truncated"}.get(fault, "upstream_error")
    if seen.status == 200:
        # An upstream's status is what it goes by, whatever words the upstream has for it.
        assert record.error_code == ("upstream_500" if fault == "http-500" else seen.error)
        assert record.committed_by == "silence"
        assert record.heartbeats >= 1

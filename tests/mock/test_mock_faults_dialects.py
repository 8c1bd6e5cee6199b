"""Every fault in every API: it plays, or says clearly that this API can't have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mock_wire import HELLO, Raw, connected, read_answer, request

from sluiceway.mock.faults import FAULTS
from sluiceway.mock.testing import RunningMock, running_mock

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO}),
    "responses": ("/v1/responses", {"input": "Hello, 🌊"}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 100}),
    "images": ("/v1/images/generations", {"prompt": "a river", "size": "64x64", "partial_images": 1}),
}
CHAT_ONLY = {"missing-tool-index", "repeated-tool-ids", "role-null", "finish-empty"}
REFUSED = {
    "chat": set[str](),
    "responses": CHAT_ONLY | {"no-finish"},
    "messages": CHAT_ONLY,
    "images": CHAT_ONLY | {"no-done"},
}
# What takes its time, or never comes to an end.
SHORT = {
    "slow-headers": ":0",
    "stall": ":0",
    "stall-between": ":0",
    "comments": ":0.1",
    "keepalive-close": ":0",
}
ENDLESS = {"silent", "pings-only", "endless-headers", "endless-event", "endless-body"}
FINITE = sorted(set(FAULTS) - ENDLESS)
EVERY = pytest.mark.parametrize("dialect", list(ASKED))
BOTH = pytest.mark.parametrize("stream", [True, False])


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def ask(mock: RunningMock, dialect: str, fault: str, *, stream: bool, idle_s: float = 5.0) -> Raw:
    path, fields = ASKED[dialect]
    body = json.dumps(fields | {"model": f"m?fault={fault}&ttft=0.001", "stream": stream}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", "anthropic-version: 2023-06-01", "connection: close"))
        return read_answer(sock, to_end=True, idle_s=idle_s)


@EVERY
@BOTH
@pytest.mark.parametrize("name", FINITE)
def test_every_fault_plays_to_its_end(mock: RunningMock, dialect: str, stream: bool, name: str) -> None:
    raw = ask(mock, dialect, name + SHORT.get(name, ""), stream=stream)
    assert raw.end != "open"
    assert mock.last_ended().fault.startswith(name)
    if name in REFUSED[dialect]:
        assert raw.status == 400
        assert mock.last_ended().outcome == "complete"
        assert "rror" in raw.body.decode()
    elif name not in ("rst-before", "garbage", "http-400", "stream-only", "1xx"):
        assert raw.status != 400


@EVERY
@BOTH
@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_an_endless_fault_begins_and_ends_with_its_client(
    mock: RunningMock, dialect: str, stream: bool, name: str
) -> None:
    path, fields = ASKED[dialect]
    body = json.dumps(fields | {"model": f"m?fault={name}", "stream": stream}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", "anthropic-version: 2023-06-01"))
        if name != "silent":
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert mock.last_ended().outcome == "aborted"


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_an_error_in_the_middle_has_the_shape_of_its_api(mock: RunningMock, dialect: str) -> None:
    raw = ask(mock, dialect, "error-mid:4", stream=True)
    *begun, error = raw.chunks
    assert len(begun) == 4
    message = "The mock lost its thread."
    assert (
        error
        == {
            "chat": {
                "error": {"message": message, "type": "server_error", "param": None, "code": "internal_error"}
            },
            "responses": {
                "type": "error",
                "code": "internal_error",
                "message": message,
                "param": None,
                "sequence_number": 4,
            },
            "messages": {"type": "error", "error": {"type": "api_error", "message": message}},
        }[dialect]
    )


@pytest.mark.parametrize(
    ("dialect", "marker"),
    [("chat", b"[DONE]"), ("responses", b"response.completed"), ("messages", b"message_stop")],
)
def test_the_end_marker_is_left_out_in_every_api(mock: RunningMock, dialect: str, marker: bytes) -> None:
    assert marker in ask(mock, dialect, "crlf", stream=True).body
    for fault in ("no-done", "eof", "eof-mid-event", "cut"):
        assert marker not in ask(mock, dialect, fault, stream=True).body


def test_a_message_without_a_finish_reason_still_stops(mock: RunningMock) -> None:
    kinds = [event["type"] for event in ask(mock, "messages", "no-finish", stream=True).chunks]
    assert "message_delta" not in kinds
    assert kinds[-1] == "message_stop"


@pytest.mark.parametrize("dialect", ["responses", "messages"])
def test_bad_json_breaks_one_named_event(mock: RunningMock, dialect: str) -> None:
    broken = []
    for data in ask(mock, dialect, "bad-json", stream=True).datas:
        try:
            json.loads(data)
        except json.JSONDecodeError:
            broken.append(data)
    assert len(broken) == 1


def test_an_endless_event_has_the_name_of_a_token(mock: RunningMock) -> None:
    path, fields = ASKED["messages"]
    body = json.dumps(fields | {"model": "fault-endless-event", "stream": True}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", "anthropic-version: 2023-06-01"))
        seen = b""
        while b"aaaa" not in seen:
            seen += sock.recv(65536)
    assert b'event: content_block_delta\ndata: {"id":"endless","delta":"' in seen


def test_messages_are_kept_waiting_with_pings(mock: RunningMock) -> None:
    path, fields = ASKED["messages"]
    body = json.dumps(fields | {"model": "fault-pings-only:0.01", "stream": True}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", "anthropic-version: 2023-06-01"))
        raw = Raw()
        while raw.data.count(b'event: ping\ndata: {"type":"ping"}\n\n') < 3:
            raw.reads.append(sock.recv(65536))
    assert b"message_start" not in raw.data

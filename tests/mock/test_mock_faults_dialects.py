"""Every fault in every API: it plays, or says clearly that this API can't have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

import pytest
from mock_promises import ASKED, ENDS, FORMS, PROMISES, VERSION, Case, ask_in
from mock_wire import Raw, connected, request

from sluiceway.mock.faults import FAULTS
from sluiceway.mock.testing import RunningMock, running_mock

ENDLESS = ["endless-body", "endless-event", "endless-headers", "pings-only", "silent"]
EVERY = pytest.mark.parametrize("dialect", list(ASKED))
BOTH = pytest.mark.parametrize("stream", [True, False])


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@cache
def right_answer(mock: RunningMock, dialect: str, stream: bool) -> bytes:
    """The body of an answer that nothing is wrong with."""
    raw = ask_in(mock, dialect, "tokens=24", stream=stream)
    assert raw.status == 200
    return raw.body


@EVERY
@BOTH
@pytest.mark.parametrize("spec", PROMISES)
def test_every_fault_does_what_it_promises(mock: RunningMock, dialect: str, stream: bool, spec: str) -> None:
    raw = ask_in(mock, dialect, f"tokens=24&ttft=0.001&fault={spec}", stream=stream)
    assert raw.end != "open"
    assert mock.last_ended().fault == spec
    form = FORMS.get(spec, stream)
    PROMISES[spec][0 if form else 1](Case(dialect, form, raw, right_answer(mock, dialect, form)))


def test_every_fault_has_a_promise_or_no_end() -> None:
    assert sorted({spec.partition(":")[0] for spec in PROMISES} | set(ENDLESS)) == sorted(FAULTS)


@EVERY
@BOTH
@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_fault_begins_and_ends_with_its_client(
    mock: RunningMock, dialect: str, stream: bool, name: str
) -> None:
    path, fields = ASKED[dialect]
    body = json.dumps(fields | {"model": f"m?fault={name}", "stream": stream}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", VERSION))
        if name != "silent":
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert mock.last_ended().outcome == "aborted"


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_an_error_in_the_middle_has_the_shape_of_its_api(mock: RunningMock, dialect: str) -> None:
    raw = ask_in(mock, dialect, "fault=error-mid:4", stream=True)
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


def test_a_message_without_a_finish_reason_still_stops(mock: RunningMock) -> None:
    kinds = [event["type"] for event in ask_in(mock, "messages", "fault=no-finish", stream=True).chunks]
    assert "message_delta" not in kinds
    assert kinds[-1] == "message_stop"


def test_an_endless_event_has_the_name_of_a_token(mock: RunningMock) -> None:
    path, fields = ASKED["messages"]
    body = json.dumps(fields | {"model": "fault-endless-event", "stream": True}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", VERSION))
        seen = b""
        while b"aaaa" not in seen:
            seen += sock.recv(65536)
    assert b'event: content_block_delta\ndata: {"id":"endless","delta":"' in seen


def test_messages_are_kept_waiting_with_pings(mock: RunningMock) -> None:
    path, fields = ASKED["messages"]
    body = json.dumps(fields | {"model": "fault-pings-only:0.01", "stream": True}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", VERSION))
        raw = Raw()
        while raw.data.count(b'event: ping\ndata: {"type":"ping"}\n\n') < 3:
            raw.reads.append(sock.recv(65536))
    assert b"message_start" not in raw.data


def test_a_picture_that_comes_alone_gives_way_to_the_endless_event(mock: RunningMock) -> None:
    path, fields = ASKED["images"]
    body = json.dumps(fields | {"model": "fault-endless-event", "partial_images": 0, "stream": True}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path))
        seen = b""
        while b"aaaa" not in seen:
            seen += sock.recv(65536)
    assert ENDS["images"] not in seen

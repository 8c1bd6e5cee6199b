"""Faults without an end, seen from a raw socket, and their cap."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mock_wire import Raw, connected, payload, request

from sluiceway.mock.testing import RunningMock, running_mock

ENOUGH_BYTES = 3_000_000


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def flood(mock: RunningMock, model: str, *, stream: bool = True, limit: int = ENOUGH_BYTES) -> Raw:
    """The first bytes of an answer, then leave."""
    raw = Raw()
    size = 0
    with connected(mock) as sock:
        sock.sendall(request(payload(model, stream=stream)))
        while size < limit:
            data = sock.recv(65536)
            if not data:
                raw.end = "fin"
                break
            raw.reads.append(data)
            size += len(data)
    return raw


def test_garbage_is_not_http_and_closes(mock: RunningMock) -> None:
    raw = flood(mock, "fault-garbage")
    assert not raw.data.startswith(b"HTTP")
    assert raw.end == "fin"


def test_endless_headers_never_come_to_a_body(mock: RunningMock) -> None:
    raw = flood(mock, "fault-endless-headers")
    assert len(raw.data) >= ENOUGH_BYTES
    assert raw.data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in raw.data
    assert mock.last_ended().outcome == "aborted"


def test_endless_event_never_comes_to_a_blank_line(mock: RunningMock) -> None:
    raw = flood(mock, "fault-endless-event")
    assert raw.body.count(b"\n\n") == 1
    assert len(raw.body) > ENOUGH_BYTES * 0.9
    assert mock.last_ended().outcome == "aborted"


def test_endless_event_as_json_is_an_endless_string(mock: RunningMock) -> None:
    raw = flood(mock, "fault-endless-event", stream=False)
    assert raw.body.startswith(b'{"id":"endless"')
    assert raw.body.endswith(b"a")


def test_endless_body_is_made_of_proper_events(mock: RunningMock) -> None:
    raw = flood(mock, "fault-endless-body")
    events = raw.body.split(b"\n\n")[:-1]
    assert len(events) > 1000
    assert all(event.startswith(b"data: {") and event.endswith(b"}") for event in events[:-1])


def test_endless_body_as_json_is_white_space(mock: RunningMock) -> None:
    assert flood(mock, "fault-endless-body", stream=False).body.isspace()


def test_endless_body_works_with_tokens_of_any_size(mock: RunningMock) -> None:
    body = payload("fault-endless-body?echo=true").replace(b"Hello,", b"x" * 100_000)
    with connected(mock) as sock:
        sock.sendall(request(body))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_floods_end_at_their_cap(mock: RunningMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluiceway.mock.faults.floods.ENDLESS_BYTES", 1_000_000)
    for name in ("endless-headers", "endless-event", "endless-body"):
        raw = flood(mock, f"fault-{name}")
        assert raw.end == "fin"
        assert 900_000 < len(raw.data) < 1_100_000
        assert mock.last_ended().outcome == "broken"

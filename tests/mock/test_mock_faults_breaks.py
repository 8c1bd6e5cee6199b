"""Faults of the connection, seen from a raw socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from mock_wire import ask, connected, header, payload, read_answer, request

from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
def test_rst_resets_in_the_middle_of_an_event(mock: RunningMock, stream: bool) -> None:
    raw = ask(mock, "fault-rst", stream=stream)
    assert (raw.end, raw.whole) == ("rst", False)
    assert raw.status == 200
    assert raw.body
    assert not raw.body.endswith(b"\n\n")
    assert mock.last_ended().outcome == "broken"


def test_rst_after_so_many_whole_events(mock: RunningMock) -> None:
    raw = ask(mock, "fault-rst:3")
    assert raw.body.count(b"\n\n") == 3
    assert len(raw.body.rpartition(b"\n\n")[2]) > 20
    assert ask(mock, "fault-rst:0").body.count(b"\n\n") == 0
    assert ask(mock, "fault-rst:9999").body.count(b"\n\n") == 27


def test_rst_before_gives_no_byte(mock: RunningMock) -> None:
    raw = ask(mock, "fault-rst-before")
    assert (raw.end, raw.data) == ("rst", b"")
    assert mock.last_ended().outcome == "broken"


def test_eof_ends_properly_after_whole_events_without_finish_or_done(mock: RunningMock) -> None:
    raw = ask(mock, "fault-eof")
    assert raw.whole
    assert raw.body.endswith(b"\n\n")
    assert b"[DONE]" not in raw.body
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in raw.chunks)
    assert len(raw.chunks) == 13
    assert len(ask(mock, "fault-eof:2").chunks) == 2


@pytest.mark.parametrize("fault", ["eof", "eof-mid-event"])
def test_a_json_answer_with_eof_ends_properly_in_its_middle(mock: RunningMock, fault: str) -> None:
    raw = ask(mock, f"fault-{fault}", stream=False)
    assert raw.whole
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw.body)


def test_eof_mid_event_ends_properly_within_an_event(mock: RunningMock) -> None:
    raw = ask(mock, "fault-eof-mid-event")
    assert raw.whole
    assert raw.body.count(b"\n\n") == 13
    assert not raw.body.endswith(b"\n")


def test_eof_mid_event_without_chunks_is_a_closed_connection(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload("fault-eof-mid-event")).replace(b"HTTP/1.1", b"HTTP/1.0"))
        raw = read_answer(sock, to_end=True)
    assert raw.end == "fin"
    assert b"chunked" not in raw.head


def test_cut_closes_without_the_last_chunk(mock: RunningMock) -> None:
    raw = ask(mock, "fault-cut")
    assert (raw.end, raw.whole) == ("fin", False)
    assert not raw.body.endswith(b"\n")


def test_cut_breaks_the_promised_length_of_json(mock: RunningMock) -> None:
    raw = ask(mock, "fault-cut", stream=False)
    assert raw.end == "fin"
    assert 0 < len(raw.body) < int(header(raw.head, b"content-length") or 0)


@pytest.mark.parametrize("stream", [True, False])
def test_connection_close_gives_a_whole_answer_without_length_or_chunks(
    mock: RunningMock, stream: bool
) -> None:
    raw = ask(mock, "fault-connection-close", stream=stream, to_end=True)
    assert raw.end == "fin"
    assert header(raw.head, b"transfer-encoding") is header(raw.head, b"content-length") is None
    assert header(raw.head, b"connection") == "close"
    assert raw.datas[-1] == "[DONE]" if stream else json.loads(raw.body)
    assert mock.last_ended().outcome == "complete"


def test_keepalive_close_promises_to_stay_and_leaves(mock: RunningMock) -> None:
    raw = ask(mock, "fault-keepalive-close", to_end=True)
    assert (raw.whole, raw.end) == (True, "fin")
    assert header(raw.head, b"connection") is None


def test_keepalive_close_can_wait(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload("fault-keepalive-close:0.4")))
        assert read_answer(sock).whole
        whole_at = time.monotonic()
        assert sock.recv(10) == b""
        assert time.monotonic() - whole_at > 0.1


def test_stale_resets_the_connection_only_when_it_is_used_again(mock: RunningMock) -> None:
    with connected(mock) as sock:
        sock.sendall(request(payload("fault-stale")))
        raw = read_answer(sock)
        assert (raw.whole, raw.end) == (True, "open")
        sock.sendall(request(payload()))
        again = read_answer(sock)
    assert (again.data, again.end) == (b"", "rst")
    assert ask(mock).whole

"""Exactly one true record for requests with a course: queued, left, cancelled, drained."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from harness import RawClient, RunningGateway, running_gateway, wait_until
from record_rules import (
    DIALECTS,
    Seen,
    Table,
    Watched,
    check,
    post,
    read_response,
    request_of,
    watched_gateway,
)

from sluiceway.errors import Cancelled
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.observe.record import Record

QUICK = {"commit_after_s": 0.05, "heartbeat_s": 0.05}
HURRY = {**QUICK, "images": QUICK}
ONE_PLACE: Table = {"server": {"max_in_flight": 1}}

# Long enough to show in a record: the loop's clock has steps of a millisecond.
MOMENT_S = 0.05

# Events that are written before the gateway has noticed that its client has left; all of them are twice as many.
FEW = 15

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


def send(client: RawClient, model: str = "m", dialect: str = "chat", *, stream: bool = True) -> int:
    """The bytes of its body."""
    path, body = request_of(dialect, model, stream=stream)
    post(client, path, body)
    return len(body)


@contextlib.contextmanager
def occupied(watched: Watched) -> Iterator[None]:
    """Somebody has the only place; the record is looked at elsewhere, and taken away."""
    gateway = watched.gateway
    with RawClient(gateway.port) as client:
        send(client, "fault-stall-between")
        client.read_until(b"\n\n")
        yield
    gateway.records.remove(gateway.record_of("fault-stall-between"))


def beginning(client: RawClient, sent: int, until: bytes = b"\n\n") -> Seen:
    """What a client has of a stream when it leaves: its head, and whole chunks up to and with `until`."""
    seen = Seen(*client.read_head(), body=b"", sent=sent, left=True)
    while until not in seen.body:
        seen.body += client._take(int(client.read_until(b"\r\n"), 16))
        client._take(2)
    return seen


# ── in the queue ────────────────────────────────────────────────────────────────────────────────────


@both_ways
@every_dialect
def test_one_that_waited_for_its_place_has_its_record(watched: Watched, dialect: str, stream: bool) -> None:
    watched.configure(stream=HURRY, **ONE_PLACE)
    with RawClient(watched.gateway.port) as client:
        with occupied(watched):
            sent = send(client, dialect=dialect, stream=stream)
            wait_until(lambda: told_to_wait(watched.gateway) if stream else watched.gateway.waiting == 1)
            time.sleep(MOMENT_S)
        record = watched.record(read_response(client, sent))
    assert (record.outcome, record.model) == ("ok", "m")
    assert record.queued_ms > 0
    assert record.committed_by == ("silence" if stream else "body")
    assert (record.heartbeats > 0) == stream


def told_to_wait(gateway: RunningGateway) -> bool:
    """Somebody in the queue has had a heartbeat."""
    running = list(gateway.server.gateway.active.values())
    return any(one.record.model == "m" and one.record.heartbeats for one in running)


@both_ways
@every_dialect
def test_one_that_waited_for_too_long_has_its_record(watched: Watched, dialect: str, stream: bool) -> None:
    watched.configure(stream=HURRY, queue={"max_wait_s": 0.5}, **ONE_PLACE)
    with occupied(watched), RawClient(watched.gateway.port) as client:
        sent = send(client, dialect=dialect, stream=stream)
        seen = read_response(client, sent)
        record = taken(watched, seen)
    assert (record.outcome, record.error_code, seen.error) == ("overloaded", "queue_timeout", "queue_timeout")
    assert record.status == (200 if stream else 503)
    assert record.queued_ms >= 150
    assert record.heartbeats >= stream


@both_ways
@every_dialect
def test_one_for_which_there_is_no_room_has_its_record(watched: Watched, dialect: str, stream: bool) -> None:
    watched.configure(queue={"max_waiting": 0}, **ONE_PLACE)
    with occupied(watched), RawClient(watched.gateway.port) as client:
        sent = send(client, dialect=dialect, stream=stream)
        record = taken(watched, read_response(client, sent))
    assert (record.outcome, record.error_code, record.status) == ("overloaded", "gateway_overloaded", 503)
    assert (record.model, record.stream, record.queued_ms) == ("m", stream, 0.0)


@both_ways
def test_one_that_left_the_queue_has_its_record(watched: Watched, stream: bool) -> None:
    watched.configure(stream=HURRY, **ONE_PLACE)
    with occupied(watched):
        with RawClient(watched.gateway.port) as client:
            sent = send(client, stream=stream)
            wait_until(lambda: watched.gateway.waiting == 1)
            seen = beginning(client, sent) if stream else None
            time.sleep(MOMENT_S)
        record = taken(watched, seen)
    assert (record.outcome, record.error_code, record.client_left) == ("client_gone", "client_gone", True)
    assert record.status == (200 if stream else 499)
    assert record.queued_ms > 0


def taken(watched: Watched, seen: Seen | None) -> Record:
    """The record of `m`, while another request runs."""
    record = watched.gateway.record_of("m")
    assert [one.model for one in watched.gateway.records] == ["m"]
    watched.gateway.records.clear()
    check(record, seen)
    return record


# ── clients that leave ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["abort", "drain", "keep"])
@both_ways
def test_one_that_left_before_the_head_has_its_record(
    watched: Watched, mock: RunningMock, mode: str, stream: bool
) -> None:
    watched.configure(stream={"on_disconnect": mode})
    before = len(mock.requests)
    with RawClient(watched.gateway.port) as client:
        send(client, "m?ttft=1&tokens=9", stream=stream)
        wait_until(lambda: len(mock.requests) > before)
    record = watched.record(None) if mode == "abort" else left_early(watched)
    assert (record.outcome, record.status, record.client_left) == ("client_gone", 499, True)
    assert (record.usage is None) == (mode == "abort")
    assert record.error_code == ("client_gone" if mode == "abort" else None)


def left_early(watched: Watched) -> Record:
    """The record of an answer that was read to its end for nobody."""
    record = watched.gateway.record()
    watched.gateway.records.clear()
    assert (record.bytes_out, record.heartbeats, record.committed_by) == (0, 0, None)
    assert record.events == 0
    return record


@pytest.mark.parametrize("mode", ["abort", "drain", "keep"])
@every_dialect
def test_one_that_left_in_mid_stream_has_its_record(watched: Watched, mode: str, dialect: str) -> None:
    clocks = {"on_disconnect": mode, "commit_after_s": 30.0}
    watched.configure(stream={**clocks, "images": clocks})
    with RawClient(watched.gateway.port) as client:
        sent = send(client, "m?tps=20&tokens=30&seed=1", dialect)
        seen = beginning(client, sent)
    record = watched.record(seen)
    assert (record.outcome, record.status, record.client_left) == ("client_gone", 200, True)
    assert record.error_code == ("client_gone" if mode == "abort" else None)
    assert record.events <= len(seen.events) + FEW  # what was read on went to nobody
    if mode != "abort":
        assert record.usage is not None
        assert record.usage.output_tokens is not None


def test_one_that_is_read_on_for_too_long_has_its_record(watched: Watched) -> None:
    watched.configure(stream={"on_disconnect": "drain", "drain_after_disconnect_s": 0.2})
    with RawClient(watched.gateway.port) as client:
        seen = beginning(client, send(client, "fault-stall-between"))
    record = watched.record(seen)
    assert (record.outcome, record.error_code, record.client_left) == ("client_gone", "client_gone", True)


@pytest.mark.parametrize("mode", ["abort", "drain", "keep"])
def test_leaving_after_the_end_changes_nothing(watched: Watched, mode: str) -> None:
    watched.configure(stream={"on_disconnect": mode})
    with RawClient(watched.gateway.port) as client:
        seen = read_response(client, send(client, "m?tokens=3"))
    record = watched.record(seen)
    assert (record.outcome, record.client_left) == ("ok", False)


def test_one_that_left_while_sending_has_its_record(watched: Watched) -> None:
    watched.configure()
    with RawClient(watched.gateway.port) as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 1000\r\n\r\n{")
    record = watched.record(None)
    assert (record.client_left, record.attempts, record.model) == (True, (), None)


def test_one_that_does_not_read_has_its_record(watched: Watched) -> None:
    watched.configure(stream={"idle_s": 1.0})
    with RawClient(watched.gateway.port) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        path, body = request_of("chat", "m?tokens=10000", stream=True, n=4)
        post(client, path, body)
        wait_until(lambda: bool(watched.gateway.records))
        seen = Seen(200, {}, b"", len(body), whole=False)
        record = watched.record(seen)
    assert (record.outcome, record.error_code) == ("client_gone", "client_gone")
    assert record.events > 0


# ── ended from outside ──────────────────────────────────────────────────────────────────────────────


def cancel(gateway: RunningGateway) -> None:
    """As an administrator does."""
    wait_until(lambda: bool(gateway.server.gateway.active))
    (relay,) = gateway.server.gateway.active.values()
    gateway.call(lambda: relay.stop(Cancelled("an administrator ended it")))


@both_ways
@every_dialect
@pytest.mark.parametrize("begun", [False, True], ids=["before the head", "in the answer"])
def test_one_that_was_cancelled_has_its_record(
    watched: Watched, mock: RunningMock, begun: bool, dialect: str, stream: bool
) -> None:
    late = {"commit_after_s": 30.0}
    watched.configure(stream={**late, "images": late})
    before = len(mock.requests)
    with RawClient(watched.gateway.port) as client:
        sent = send(client, "fault-stall-between" if begun else "fault-silent", dialect, stream=stream)
        wait_until(lambda: len(mock.requests) > before)
        if begun and stream:
            wait_until(lambda: any(one.open for one in watched.gateway.server.gateway.active.values()))
        cancel(watched.gateway)
        seen = read_response(client, sent)
        record = watched.record(seen)
    assert (record.outcome, record.error_code, seen.error) == ("cancelled", "cancelled", "cancelled")
    assert seen.status == (200 if begun and stream else 503)


def test_what_waits_and_is_cancelled_has_its_record(watched: Watched) -> None:
    watched.configure(stream=HURRY, **ONE_PLACE)
    with occupied(watched), RawClient(watched.gateway.port) as client:
        sent = send(client)
        wait_until(lambda: watched.gateway.waiting == 1)
        gateway = watched.gateway.server.gateway
        waiting = next(one for one in gateway.active.values() if one.record.model == "m")
        watched.gateway.call(lambda: waiting.stop(Cancelled("an administrator ended it")))
        record = taken(watched, read_response(client, sent))
    assert (record.outcome, record.error_code, record.upstream) == ("cancelled", "cancelled", None)


def test_those_that_a_shutdown_ends_have_their_records(mock: RunningMock) -> None:
    table = {"name": "a", "base_url": mock.base_url}
    server = {"drain_s": 0.3, "max_in_flight": 2}
    before = len(mock.requests)
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(
            running_gateway({"upstreams": [table], "server": server, "stream": HURRY})
        )
        stream, json, waiting = (stack.enter_context(RawClient(gateway.port)) for _ in range(3))
        sizes = [send(stream, "fault-stall-between"), send(json, "fault-silent", stream=False)]
        wait_until(lambda: len(mock.requests) == before + 2)
        sizes.append(send(waiting, "waits", stream=False))
        wait_until(lambda: gateway.waiting == 1)
        gateway.server.should_exit = True
        seen = [
            read_response(client, size) for client, size in zip((stream, json, waiting), sizes, strict=True)
        ]
        for model, each in zip(("fault-stall-between", "fault-silent", "waits"), seen, strict=True):
            record = gateway.record_of(model)
            check(record, each)
            assert (record.outcome, record.error_code, each.error) == ("draining",) * 3
    assert [each.status for each in seen] == [200, 503, 503]
    assert len(gateway.records) == 3

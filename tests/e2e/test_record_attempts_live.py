"""Exactly one true record for requests with more than one attempt, or with none that came to anything."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from record_rules import DIALECTS, Table, Watched, request_of, watched_gateway
from upstreams import Asked, scripted_upstream

from sluiceway.mock.testing import RunningMock, running_mock

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


# ── connections ─────────────────────────────────────────────────────────────────────────────────────


def test_a_fresh_connection_has_its_time_a_kept_one_has_none_and_a_dead_one_is_replaced(
    mock: RunningMock,
) -> None:
    with watched_gateway(mock) as fresh:
        records = [
            fresh.ask(*request_of("chat", model, stream=True))[0] for model in ("m", "fault-stale", "m")
        ]
    assert [one.retries for one in records] == [0, 0, 1]
    assert [one.connect_ms is not None for one in records] == [True, False, True]
    assert [one.outcome for one in records] == ["ok"] * 3


def test_an_upstream_that_is_not_there_has_its_record(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    watched.configure({"base_url": nobody})
    record, _ = watched.ask(*request_of("chat", stream=False))
    assert (record.outcome, record.error_code, record.status) == ("unreachable", "upstream_unreachable", 502)
    assert (record.upstream_status, record.connect_ms, record.head_ms) == (None, None, None)


def test_a_connection_that_takes_too_long_has_its_record(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        watched.configure({"base_url": f"http://127.0.0.1:{port}/v1"}, stream={"connect_s": 0.2})
        record, _ = watched.ask(*request_of("chat", stream=False))
        for filler in fillers:
            filler.close()
    assert (record.outcome, record.error_code) == ("timeout", "upstream_timeout_connect")
    assert (record.connect_ms, record.head_ms) == (None, None)


def test_a_connection_that_was_made_has_its_time_though_no_answer_came(watched: Watched) -> None:
    def silent(asked: Asked) -> None:
        asked.body_bytes()
        asked.connection.recv(1)  # until the gateway gives up

    with scripted_upstream(silent) as upstream:
        watched.configure({"base_url": upstream.base_url}, stream={"first_event_s": 0.5})
        record, _ = watched.ask(*request_of("chat", stream=False))
    assert (record.outcome, record.head_ms) == ("timeout", None)
    assert record.connect_ms is not None


# ── moving, hedging, taking up ──────────────────────────────────────────────────────────────────────

MOVING: Table = {"failover": {"max_attempts": 3, "backoff_s": 0.01}}


def faulty(fault: str, **more: str) -> Table:
    return {"headers": {"x-mock-fault": fault}, **more}


@both_ways
@every_dialect
@pytest.mark.parametrize("fault", ["http-500", "rst:0", "error-first", "empty-body"])
def test_one_that_moved_has_its_record(watched: Watched, fault: str, dialect: str, stream: bool) -> None:
    watched.configure(faulty(fault), {}, **MOVING)
    record, _ = watched.ask(*request_of(dialect, stream=stream))
    assert (record.outcome, record.upstream, record.upstream_status) == ("ok", "b", 200)
    first, second = record.attempts
    assert (first.upstream, second.upstream, second.error_code) == ("a", "b", None)
    assert first.error_code is not None
    assert record.usage is not None


def test_one_that_moved_to_nobody_has_the_record_of_the_last_attempt(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    watched.configure(faulty("http-500"), {"base_url": nobody}, failover={"max_attempts": 2})
    record, seen = watched.ask(*request_of("chat", stream=False))
    assert (record.outcome, record.error_code, record.upstream) == (
        "unreachable",
        "upstream_unreachable",
        "b",
    )
    assert (seen.status, record.upstream_status, record.head_ms, record.first_event_ms) == (
        502,
        None,
        None,
        None,
    )


@both_ways
def test_one_that_failed_everywhere_has_its_record(watched: Watched, stream: bool) -> None:
    watched.configure(faulty("http-500"), faulty("http-429"), failover={"max_attempts": 2})
    record, seen = watched.ask(*request_of("chat", stream=stream))
    assert (record.outcome, record.upstream, record.upstream_status, seen.status) == (
        "upstream_error",
        "b",
        429,
        429,
    )
    assert record.committed_by == "body"
    assert all(one.error_code is not None for one in record.attempts)


HEDGED: Table = {
    "models": [{"name": "*", "upstreams": ["a", "b"], "hedge_after_s": 0.1}],
    "failover": {"max_attempts": 2},
}


@both_ways
@pytest.mark.parametrize("first", ["slow-headers:9", "stall-between:9"])
def test_a_hedge_that_won_has_its_record(watched: Watched, first: str, stream: bool) -> None:
    slow = {"x-mock-fault": first, "x-mock-ttft": "0.0" if "headers" in first else "9"}
    watched.configure({"headers": slow, "dialects": ["messages"]}, {"dialects": ["messages"]}, **HEDGED)
    record, _ = watched.ask(*request_of("messages", stream=stream))
    assert (record.outcome, record.hedged, record.upstream) == ("ok", True, "b")
    assert (record.attempts[0].error_code, record.attempts[1].error_code) == (None, None)
    assert record.head_ms is not None
    assert record.head_ms >= 100
    assert record.first_event_ms is not None
    assert record.first_event_ms >= 100


@both_ways
@pytest.mark.parametrize("other", ["silent", "http-500", "slow-headers:0.1"])
def test_a_hedge_that_lost_leaves_no_trace_in_the_record_but_its_attempt(
    watched: Watched, other: str, stream: bool
) -> None:
    slow = {"headers": {"x-mock-ttft": "1"}}
    late = {"headers": {"x-mock-fault": other, "x-mock-ttft": "9"}, "dialects": ["messages"]}
    watched.configure(slow, late, **HEDGED)
    record, _ = watched.ask(*request_of("chat", stream=stream))
    assert (record.outcome, record.hedged, record.upstream) == ("ok", True, "a")
    assert (record.upstream_status, record.translated_to, record.dropped) == (200, None, ())
    assert [one.upstream for one in record.attempts] == ["a", "b"]
    assert record.attempts[0].error_code is None
    assert record.usage is not None


@pytest.mark.parametrize("whole", [False, True], ids=["piece by piece", "in one piece"])
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_one_that_was_taken_up_has_its_record(watched: Watched, dialect: str, whole: bool) -> None:
    models = [{"name": "*", "upstreams": ["a"], "continue_on": ["b"]}]
    second = faulty("one-big-chunk", prefill="plain") if whole else {"prefill": "plain"}
    watched.configure(faulty("rst:6"), second, models=models, failover={"max_attempts": 2})
    record, seen = watched.ask(*request_of(dialect, stream=True))
    assert seen.body.count(b": continued by b") == 1
    assert (record.outcome, record.upstream, record.continued) == ("ok", "b", 1)
    assert [one.error_code for one in record.attempts] == ["upstream_truncated", None]

"""A record in the making, and what becomes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sluiceway.dialects.base import Usage
from sluiceway.errors import ClientGone, UpstreamReported, UpstreamTruncated
from sluiceway.observe.draft import Draft, TryDraft, new_request_id
from sluiceway.observe.record import Record
from sluiceway.relay.observe import Tape

EVENT = b"data: {}\n\n"


def draft(**fields: Any) -> Draft:
    base = {"request_id": "req_1", "started": 1.0, "method": "POST", "path": "/v1/x", "arrived_at": 100.0}
    return Draft(**{**base, **fields})


def test_moments_become_milliseconds_since_the_requests_arrival() -> None:
    tape = Tape(9, carries_content=lambda data: b"x" in data)
    for at, data in ((100.5, EVENT), (100.75, b"data: x\n\n"), (102.0, EVENT + EVENT)):
        tape.wrote_events(at, data)
    record = draft(first_event_at=100.5, finished_at=103.0, queued_s=0.25).finish(tape, "stop")
    assert record.first_event_ms == 500.0
    assert record.first_content_ms == 750.0
    assert record.last_event_ms == 2000.0
    assert record.duration_ms == 3000.0
    assert record.queued_ms == 250.0
    assert record.largest_gap_ms == 1250.0
    assert record.events == 4
    assert record.finish_reason == "stop"


def test_what_did_not_happen_is_none() -> None:
    record = draft(finished_at=100.0).finish(Tape(0))
    moments = {name: getattr(record, name) for name in Record.__struct_fields__ if name.endswith("_ms")}
    assert moments.pop("duration_ms") == moments.pop("queued_ms") == 0.0
    assert set(moments.values()) == {None}


def test_one_event_has_no_gap() -> None:
    tape = Tape(9)
    tape.wrote_events(101.0, EVENT)
    assert draft().finish(tape).largest_gap_ms is None


def test_the_phases_are_those_of_the_attempt_that_was_heard_last() -> None:
    first = TryDraft("a", 0, 0.0, connect_s=0.01, head_s=0.02, status=500, error_code="upstream_500")
    second = TryDraft("b", None, 0.5, head_s=0.125, first_event_s=0.25, status=200)
    record = draft(attempts=[first, second], answering=second).finish(Tape(0))
    assert (record.connect_ms, record.head_ms) == (None, 625.0)
    assert [attempt.upstream for attempt in record.attempts] == ["a", "b"]
    assert (record.attempts[0].connect_ms, record.attempts[1].first_event_ms) == (10.0, 250.0)


def test_the_outcome_is_that_of_the_error() -> None:
    one = draft(attempts=[TryDraft("a", 0, 0.0)])
    one.failed(UpstreamTruncated("cut"))
    assert one.finish(Tape(0)).outcome == "truncated"
    assert one.finish(Tape(0)).error_message == "cut"
    one.failed(ClientGone("left"))
    assert one.finish(Tape(0)).outcome == "client_gone"


def test_an_error_that_the_upstream_reported_is_its_own_however_it_calls_it() -> None:
    one = draft(attempts=[TryDraft("a", 0, 0.0)])
    one.failed(UpstreamReported("busy", type="api_error", code="draining", status=503))
    record = one.finish(Tape(0))
    assert (record.outcome, record.error_code) == ("upstream_error", "draining")


def test_request_ids_are_told_apart() -> None:
    ids = {new_request_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(re.fullmatch("req_[0-9a-f]{24}", one) for one in ids)


def test_request_ids_are_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_767_225_600_000_000_000, 1_767_225_600_020_000_000, 1_000_000))
    monkeypatch.setattr("sluiceway.observe.draft.time.time_ns", lambda: next(clock))
    ids = [new_request_id() for _ in range(20)]
    assert ids == sorted(ids)
    assert ids[0].startswith("req_19b76daa800")


def test_every_field_of_a_record_gets_the_drafts_value_of_that_name() -> None:
    """They are handed over by position."""
    usage = Usage(input_tokens=1)
    given: dict[str, Any] = {
        name: f"a {name}" for name in Draft.__struct_fields__ if name in Record.__struct_fields__
    }
    given |= {"attempts": [], "queued_s": 0.5, "usage": usage, "error_code": None, "client_left": False}
    one = Draft(**given, arrived_at=100.0, first_event_at=101.0, finished_at=104.0)
    tape = Tape(9)
    tape.first_content_at, tape.last_at, tape.gap, tape.events = 102.0, 103.0, 0.25, 7
    made = {
        "outcome": "ok", "finish_reason": "stop", "queued_ms": 500.0, "connect_ms": None, "head_ms": None,
        "first_event_ms": 1000.0, "first_content_ms": 2000.0, "last_event_ms": 3000.0, "duration_ms": 4000.0,
        "events": 7, "largest_gap_ms": 250.0, "attempts": (),
    }  # fmt: skip
    record = one.finish(tape, "stop")
    for name in Record.__struct_fields__:
        assert getattr(record, name) == made.get(name, given.get(name)), name


def test_what_an_upstream_says_of_its_error_is_kept_short() -> None:
    made = draft()
    made.failed(UpstreamReported("x" * 100_000, status=502, type="server_error", code="y" * 100_000))
    record = made.finish(Tape(0))
    assert (record.error_message, record.error_code) == ("x" * 4095 + "…", "y" * 255 + "…")
    made.failed(UpstreamReported("x" * 4096, status=502, type="server_error", code="y" * 256))
    record = made.finish(Tape(0))
    assert (record.error_message, record.error_code) == ("x" * 4096, "y" * 256)

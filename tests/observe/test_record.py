"""What a record knows, and what of it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record


def record(**fields: Any) -> Record:
    base = {"request_id": "req_1", "started": 1.0, "method": "POST", "path": "/v1/x", "arrived_at": 100.0}
    return Record(**{**base, **fields})


def test_durations_count_from_the_requests_arrival() -> None:
    one = record(first_event_at=100.5, finished_at=102.0)
    assert one.first_event_s == 0.5
    assert one.duration_s == 2.0
    assert record(finished_at=101.0).first_event_s is None


def test_the_log_line_leaves_out_what_did_not_happen() -> None:
    line = record(status=200, finished_at=100.0).as_log()
    assert line == {
        "request_id": "req_1",
        "started": 1.0,
        "method": "POST",
        "path": "/v1/x",
        "status": 200,
        "duration_ms": 0.0,
    }


def test_the_log_line_tells_what_happened_in_milliseconds_and_tokens() -> None:
    line = record(
        status=200,
        key="team-a",
        model="gpt-x",
        upstream="openai",
        upstream_status=200,
        stream=True,
        committed_by="event",
        heartbeats=3,
        retries=1,
        bytes_out=99,
        client_left=True,
        error_code="upstream_timeout",
        first_event_at=100.0125,
        finished_at=101.5,
        usage=Usage(input_tokens=3, output_tokens=4),
    ).as_log()
    assert line["first_event_ms"] == 12.5
    assert line["duration_ms"] == 1500.0
    assert line["usage"] == {"input_tokens": 3, "output_tokens": 4}
    assert line["client_left"] is True
    assert line["heartbeats"] == 3
    assert line["key"] == "team-a"
    assert not any(name.endswith("_at") for name in line)


def test_the_log_line_is_plain_json() -> None:
    line = record(usage=Usage(total_tokens=1), finished_at=100.0).as_log()
    assert msgspec.json.decode(msgspec.json.encode(line)) == line


def test_a_time_of_zero_is_a_time() -> None:
    one = record(arrived_at=0.0, first_event_at=0.0, finished_at=0.001)
    assert one.as_log()["first_event_ms"] == 0.0

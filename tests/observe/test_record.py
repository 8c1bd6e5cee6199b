"""What of a record is told in a log."""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try


def record(**fields: Any) -> Record:
    base = {"request_id": "req_1", "started": 1.0, "method": "POST", "path": "/v1/x", "outcome": "ok"}
    return Record(**{**base, **fields})


def test_the_log_line_leaves_out_what_did_not_happen() -> None:
    assert record(status=200).as_log() == {
        "request_id": "req_1",
        "started": 1.0,
        "method": "POST",
        "path": "/v1/x",
        "outcome": "ok",
        "status": 200,
        "duration_ms": 0.0,
    }


def test_the_log_line_is_plain_json() -> None:
    tries = (Try("a", 0, 0.0, status=500, error_code="upstream_500"), Try("b", None, 1.5, status=200))
    line = record(usage=Usage(total_tokens=1), attempts=tries, dropped=("seed",)).as_log()
    assert msgspec.json.decode(msgspec.json.encode(line))["attempts"][1]["upstream"] == "b"
    assert line["usage"] == {"total_tokens": 1}


def test_attempts_are_told_only_where_there_were_several() -> None:
    assert "attempts" not in record(attempts=(Try("a", 0, 0.0, status=200),)).as_log()


def test_a_model_by_another_name_upstream_is_told() -> None:
    assert "upstream_model" not in record(model="m", upstream_model="m").as_log()
    assert record(model="m", upstream_model="x").as_log()["upstream_model"] == "x"


def test_a_time_of_zero_is_a_time_and_a_count_of_zero_is_nothing_to_tell() -> None:
    line = record(first_event_ms=0.0, retries=0, queued_ms=0.0).as_log()
    assert line["first_event_ms"] == 0.0
    assert line["duration_ms"] == 0.0
    assert not {"retries", "queued_ms"} & line.keys()

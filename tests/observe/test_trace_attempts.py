"""What a record tells about its attempts between the lines."""

from __future__ import annotations

import pytest
from trace_records import GOOD_TRY, record

from sluiceway.observe.record import Try
from sluiceway.observe.trace_attempts import answering, attempt_ends_ms

SILENT = Try("local", 0, 0.0)
BROKEN = Try("local", 0, 0.0, first_event_ms=30.0, status=200, error_code="upstream_truncated")
REFUSED = Try("local", 0, 0.0, status=500, error_code="upstream_500")


@pytest.mark.parametrize(
    ("attempts", "heard"),
    [
        ((GOOD_TRY,), 0),
        ((SILENT,), 0),
        ((BROKEN,), 0),
        ((REFUSED, GOOD_TRY), 1),
        ((BROKEN, GOOD_TRY), 1),
        ((GOOD_TRY, Try("b", 0, 50.0)), 0),  # a hedge that was slower
        ((), -1),
    ],
)
def test_the_attempt_that_was_heard_last_is_the_one_that_answered(
    attempts: tuple[Try, ...], heard: int
) -> None:
    assert answering(record(attempts=attempts)) == heard


def test_an_attempt_is_over_when_it_says_and_never_after_the_request() -> None:
    attempts = (Try("a", 0, 10.0, over_ms=30.0), Try("b", 0, 40.0, over_ms=900.0), Try("c", 0, 50.0))
    told = record(attempts=attempts)
    assert [attempt_ends_ms(told, index) for index in range(3)] == [40.0, 250.0, 250.0]

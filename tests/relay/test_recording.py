"""What the record is told of attempts: each keeps its own account, and one of them counts."""

from __future__ import annotations

from transcript import JSON, FakeUpstream, Table

from sluiceway.observe.draft import Draft, TryDraft
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.recording import record_asked, record_beginning, record_head
from sluiceway.upstream.connection import ResponseHead


def draft() -> Draft:
    return Draft("req_1", 0.0, "POST", "/v1/x", 1000.0)


def attempt_at(upstream: str, after_s: float, *, status: int | None = None) -> Attempt:
    """Of a request that came at 1000; `status`: of its head, which came a second after it began."""
    attempt = Table().ask(FakeUpstream([]))
    attempt.entry = TryDraft(upstream, 0, after_s, upstream_model=f"{upstream}-model", translated_to="chat")
    if status is not None:
        attempt.head = ResponseHead(status=status, headers=[*JSON, (b"x-request-id", b"up_1")], length=None)
        attempt.head_at = 1000.0 + after_s + 1.0
    return attempt


def test_the_one_that_counts_is_who_the_record_names() -> None:
    record, first, second = draft(), attempt_at("a", 0.0), attempt_at("b", 2.0)
    record_asked(record, first)
    record_asked(record, second)
    assert record.answering is second.entry
    assert (record.upstream, record.upstream_model, record.translated_to) == ("b", "b-model", "chat")


def test_what_the_one_before_answered_is_forgotten() -> None:
    record, first = draft(), attempt_at("a", 0.0, status=429)
    record_asked(record, first)
    assert (record.upstream_status, record.error_code, record.own_error) == (429, "upstream_429", False)
    record_asked(record, attempt_at("b", 2.0))
    assert (record.upstream_status, record.upstream_request_id, record.error_code) == (None, None, None)


def test_the_head_of_one_that_was_asked_beside_it_is_in_its_own_account_only() -> None:
    record, first, beside = draft(), attempt_at("a", 0.0), attempt_at("b", 2.0, status=503)
    record_asked(record, first)
    record_head(record, beside, first)
    assert beside.entry is not None
    assert (beside.entry.status, beside.entry.head_s) == (503, 1.0)
    assert (record.upstream_status, record.error_code) == (None, None)


def test_when_the_other_one_wins_its_head_is_recorded_after_all() -> None:
    record, first, beside = draft(), attempt_at("a", 0.0), attempt_at("b", 2.0, status=200)
    record_asked(record, first)
    record_head(record, beside, first)
    record_asked(record, beside)
    assert (record.upstream_status, record.upstream_request_id) == (200, "up_1")


def test_a_beginning_counts_from_the_attempts_own_start_and_only_once() -> None:
    record, attempt = draft(), attempt_at("a", 2.0)
    record_beginning(record, attempt, 1005.0)
    record_beginning(record, attempt, 1009.0)
    assert attempt.entry is not None
    assert (attempt.began_at, attempt.entry.first_event_s, record.first_event_at) == (1005.0, 3.0, 1005.0)


def test_a_second_attempt_that_takes_an_answer_up_does_not_move_its_first_event() -> None:
    record, first, second = draft(), attempt_at("a", 0.0), attempt_at("b", 10.0)
    record_beginning(record, first, 1001.0)
    record_beginning(record, second, 1012.0)
    assert second.entry is not None
    assert (second.entry.first_event_s, record.first_event_at) == (2.0, 1001.0)

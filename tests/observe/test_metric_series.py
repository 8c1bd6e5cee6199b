"""What is counted of records: the right figures under the right labels, and never too many of them."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import JSON_ANSWER, REFUSED, WHOLE, like

from sluiceway.dialects.base import Usage
from sluiceway.errors import GatewayError
from sluiceway.observe import metric_series
from sluiceway.observe.metric_definitions import FIRST_EVENT_S, MEAN_GAP_S, QUEUE_WAIT_S
from sluiceway.observe.metric_series import MAX_NAME_CHARS, Flow, Histogram, Names, Row, Series, own_codes
from sluiceway.observe.record import Outcome, Record, Try


def counted(*records: Record, max_names: int = 10) -> Series:
    series = Series(max_names)
    for record in records:
        series.count(record)
    return series


def only_row(series: Series) -> Row:
    (row,) = series.totals.requests
    return row


def only_flow(series: Series) -> Flow:
    (flow,) = series.totals.flows
    return flow


def bucket_of(histogram: Histogram) -> int:
    (index,) = [index for index, count in enumerate(histogram.counts) if count]
    return index


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_stream_is_counted_with_all_that_it_took() -> None:
    series = counted(WHOLE, WHOLE)
    row = only_row(series)
    assert row.labels == ("ok", "chat", "alice", "gpt-4o", "openai", "true")
    assert (row.requests, row.input_tokens, row.output_tokens) == (2, 20, 40)
    assert (row.cached_tokens, row.reasoning_tokens, row.cost) == (8, 10, 0.5)
    flow = only_flow(series)
    assert flow.labels == ("chat", "openai", "true")
    assert (flow.bytes_in, flow.bytes_out, flow.events, flow.heartbeats) == (2000, 60_000, 202, 4)
    assert series.totals.attempts == {("openai", "ok"): 2}
    assert series.totals.errors == {}


def test_times_are_seconds_in_the_bucket_that_bounds_them_from_above() -> None:
    flow = only_flow(counted(WHOLE))
    assert FIRST_EVENT_S[bucket_of(flow.first_event)] == 0.25
    assert flow.first_event.total == pytest.approx(0.15)
    assert QUEUE_WAIT_S[bucket_of(flow.queued)] == 0.05
    assert flow.largest_gap.total == pytest.approx(0.3)
    assert flow.duration.total == pytest.approx(2.2)


def test_the_mean_gap_is_that_of_the_events_of_one_stream() -> None:
    flow = only_flow(counted(WHOLE))
    assert flow.mean_gap.total == pytest.approx(0.02)  # 2 s over 100 gaps
    assert MEAN_GAP_S[bucket_of(flow.mean_gap)] == 0.02


def test_a_value_on_a_bound_is_within_it_and_one_beyond_all_in_the_last() -> None:
    histogram = Histogram([0, 0, 0])
    for value in (1.0, 2.0, 2.1):
        histogram.observe((1.0, 2.0), value)
    assert histogram.counts == [1, 1, 1]


def test_a_json_answer_has_a_duration_but_no_events_and_gaps() -> None:
    flow = only_flow(counted(JSON_ANSWER))
    assert sum(flow.duration.counts) == 1
    assert not any(flow.first_event.counts + flow.first_content.counts + flow.mean_gap.counts)


def test_a_stream_of_one_event_has_no_gap() -> None:
    flow = only_flow(counted(like(WHOLE, events=1, largest_gap_ms=None)))
    assert not any(flow.largest_gap.counts + flow.mean_gap.counts)
    assert sum(flow.first_event.counts) == 1


def test_who_was_refused_before_the_queue_did_not_wait() -> None:
    assert not any(only_flow(counted(REFUSED)).queued.counts)
    waited = like(REFUSED, outcome="overloaded", error_code="queue_timeout", queued_ms=30_000.0)
    assert sum(only_flow(counted(waited)).queued.counts) == 1


def test_estimated_tokens_are_never_mixed_with_counted_ones() -> None:
    row = only_row(counted(WHOLE, like(WHOLE, usage=Usage(7, 8), usage_estimated=True, cost=None)))
    assert (row.input_tokens, row.output_tokens) == (10, 20)
    assert (row.estimated_input, row.estimated_output) == (7, 8)


def test_image_tokens_are_counted() -> None:
    assert only_row(counted(like(WHOLE, usage=Usage(image_tokens=5)))).image_tokens == 5


def test_tokens_beyond_all_bounds_do_not_make_the_figures_unwritable() -> None:
    series = counted(like(WHOLE, usage=Usage(10**30, 1)))
    assert msgspec.msgpack.encode(series.totals)


# ── what went wrong ─────────────────────────────────────────────────────────────────────────────────


def test_a_truncated_answer_is_an_error_and_a_truncation() -> None:
    series = counted(like(WHOLE, outcome="truncated", error_code="upstream_truncated"))
    assert series.totals.errors == {("upstream_truncated", "chat", "openai"): 1}
    assert only_flow(series).truncations == 1


def test_a_client_that_left_is_an_abort() -> None:
    assert only_flow(counted(like(WHOLE, outcome="client_gone", client_left=True))).aborts == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "upstream_429"),
        (503, "upstream_503"),
        (200, "upstream_reported"),
        (None, "upstream_reported"),
        (999, "upstream_reported"),
    ],
)
def test_what_an_upstream_says_is_told_by_its_status_never_in_its_words(
    status: int | None, code: str
) -> None:
    series = counted(
        like(
            WHOLE,
            outcome="upstream_error",
            error_code="words of the upstream",
            upstream_status=status,
            attempts=(Try("openai", 0, 1.0, status=status, error_code="other words"),),
        )
    )
    assert series.totals.errors == {(code, "chat", "openai"): 1}
    assert series.totals.attempts == {("openai", code): 1}


def test_a_code_that_nobody_knows_is_other() -> None:
    series = counted(like(REFUSED, error_code="never heard of"))
    assert series.totals.errors == {("other", "chat", "none"): 1}


def test_every_code_of_the_error_tree_is_known() -> None:
    codes = own_codes(GatewayError)
    assert {"internal_error", "upstream_timeout_idle", "queue_timeout", "budget_exceeded"} <= codes
    assert None not in codes


def test_attempts_are_counted_where_they_were_made_and_beyond_the_first_as_failovers() -> None:
    series = counted(
        like(
            WHOLE,
            upstream="backup",
            attempts=(
                Try("openai", 0, 1.0, error_code="upstream_unreachable"),
                Try("openai", 1, 2.0, status=429, error_code="rate_limit_exceeded"),
                Try("backup", None, 3.0, status=200),
            ),
        )
    )
    assert series.totals.attempts == {
        ("openai", "upstream_unreachable"): 1,
        ("openai", "upstream_429"): 1,
        ("backup", "ok"): 1,
    }
    assert only_flow(series).failovers == 2


def test_a_hedge_is_no_failover_and_a_continuation_is_counted_besides() -> None:
    attempts = (Try("openai", 0, 1.0), Try("backup", 0, 900.0))
    flow = only_flow(counted(like(WHOLE, hedged=True, attempts=attempts)))
    assert (flow.hedges, flow.failovers) == (1, 0)
    flow = only_flow(counted(like(WHOLE, continued=1, attempts=attempts, retries=1)))
    assert (flow.continuations, flow.failovers, flow.retries) == (1, 1, 1)


# ── labels ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_request_does_not_have_is_none() -> None:
    row = only_row(counted(like(WHOLE, key=None, model=None, upstream=None, dialect=None, stream=False)))
    assert row.labels == ("ok", "other", "none", "none", "none", "false")


def test_a_model_becomes_a_label_once_an_upstream_has_answered_for_it() -> None:
    failed = like(WHOLE, outcome="upstream_error", error_code="x", upstream_status=404)
    series = counted(REFUSED, failed, WHOLE, failed)
    models = [(row.outcome, row.model, row.requests) for row in series.totals.requests]
    assert models == [
        ("refused", "other", 1),
        ("upstream_error", "other", 1),
        ("ok", "gpt-4o", 1),
        ("upstream_error", "gpt-4o", 1),
    ]


def test_models_of_the_configuration_are_labels_from_the_start() -> None:
    series = Series(10, ["gpt-4o"])
    series.count(like(REFUSED, model="gpt-4o"))
    assert only_row(series).model == "gpt-4o"


def test_the_first_models_and_keys_become_labels_and_the_others_are_other() -> None:
    records = [like(WHOLE, model=f"m{i}", key=f"k{i}") for i in range(4)]
    series = counted(*records, *records, max_names=2)
    assert [(row.model, row.key, row.requests) for row in series.totals.requests] == [
        ("m0", "k0", 2),
        ("m1", "k1", 2),
        ("other", "other", 4),
    ]


def test_without_room_for_any_name_all_are_other() -> None:
    row = only_row(counted(WHOLE, max_names=0))
    assert (row.model, row.key) == ("other", "other")


def test_another_bound_holds_from_then_on() -> None:
    series = counted(WHOLE, max_names=1)
    series.count(like(WHOLE, model="m2"))
    series.limit(2)
    series.count(like(WHOLE, model="m2"))
    assert [row.model for row in series.totals.requests] == ["gpt-4o", "other", "m2"]


def test_a_name_that_is_too_long_is_other_and_is_not_kept() -> None:
    names = Names(10)
    assert names.label("x" * (MAX_NAME_CHARS + 1)) == "other"
    assert names.label("x" * MAX_NAME_CHARS) == "x" * MAX_NAME_CHARS


def test_a_name_that_utf_8_can_not_carry_becomes_one_that_it_can() -> None:
    assert Names(10).label("gpt\ud800") == "gpt\\ud800"


def test_beyond_the_bound_of_all_sets_of_labels_keys_and_models_become_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metric_series, "MAX_ROWS", 5)
    series = counted(*[like(WHOLE, model=f"m{i}", key=f"k{i}") for i in range(10)], max_names=100)
    assert len(series.totals.requests) == 6
    assert [(row.key, row.model, row.requests) for row in series.totals.requests][-1] == ("other", "other", 5)


def test_ways_that_are_not_remembered_are_found_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_series, "MAX_KNOWN", 0)
    assert only_row(counted(WHOLE, WHOLE)).requests == 2


_NAMES = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["a", "b", "x" * 300, "\ud800", "other"]))
_TRIES = st.builds(
    Try,
    upstream=st.text(max_size=3),
    key=st.none(),
    after_ms=st.just(0.0),
    status=st.one_of(st.none(), st.integers(100, 999)),
    error_code=_NAMES,
)
_RECORDS = st.builds(
    Record,
    request_id=st.just("r"),
    started=st.just(0.0),
    method=st.just("POST"),
    path=st.just("/v1/x"),
    outcome=st.sampled_from(get_args(Outcome)),
    key=_NAMES,
    dialect=_NAMES,
    model=_NAMES,
    upstream=_NAMES,
    stream=st.booleans(),
    status=st.sampled_from([200, 404, 499]),
    upstream_status=st.one_of(st.none(), st.integers(100, 999)),
    error_code=_NAMES,
    attempts=st.lists(_TRIES, max_size=3).map(tuple),
    duration_ms=st.floats(0, 1e9),
    queued_ms=st.floats(0, 1e9),
    first_event_ms=st.one_of(st.none(), st.floats(0, 1e9)),
    first_content_ms=st.one_of(st.none(), st.floats(0, 1e9)),
    last_event_ms=st.one_of(st.none(), st.floats(0, 1e9)),
    largest_gap_ms=st.one_of(st.none(), st.floats(0, 1e9)),
    events=st.integers(0, 1000),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_RECORDS, max_size=40), st.integers(0, 3))
def test_whatever_comes_each_record_is_counted_once_and_labels_are_bounded(
    records: list[Record], max_names: int
) -> None:
    series = counted(*records, max_names=max_names)
    rows = series.totals.requests
    assert sum(row.requests for row in rows) == len(records)
    assert len({row.labels for row in rows}) == len(rows)
    assert len({row.model for row in rows} - {"none", "other"}) <= max_names
    assert len({row.key for row in rows} - {"none", "other"}) <= max_names
    assert sum(sum(flow.duration.counts) for flow in series.totals.flows) == len(records)
    assert sum(series.totals.attempts.values()) == sum(len(record.attempts) for record in records)
    for row in rows:
        "".join(row.labels).encode()


def test_the_number_of_series_does_not_grow_with_the_names_that_clients_make_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metric_series, "MAX_ROWS", 50)
    monkeypatch.setattr(metric_series, "MAX_UPSTREAMS", 3)
    series = Series(100)
    for i in range(3000):
        name = f"n{i}"
        outcome = ("ok", "refused", "truncated")[i % 3]
        series.count(
            like(
                WHOLE,
                outcome=outcome,
                key=name,
                model=name,
                dialect=name,
                upstream=name,
                error_code=None if outcome == "ok" else name,
                attempts=(Try(name, 0, 1.0, error_code=name, status=i),),
            )
        )
    totals = series.totals
    assert len(totals.requests) <= 50 + 3 * 9 * 4
    assert len(totals.flows) <= 9 * 4
    assert len(totals.errors) <= 9 * 4
    assert len(totals.attempts) <= 4 * 202


def test_who_goes_on_where_another_stopped_counts_into_the_same_rows_and_keeps_its_names() -> None:
    before = msgspec.msgpack.decode(
        msgspec.msgpack.encode(counted(WHOLE, REFUSED).totals), type=metric_series.Totals
    )
    series = Series(1)
    series.restore(before)
    series.count(WHOLE)
    series.count(like(WHOLE, model="another"))
    rows = {row.labels: row.requests for row in series.totals.requests}
    assert rows == {
        ("ok", "chat", "alice", "gpt-4o", "openai", "true"): 2,
        ("refused", "chat", "none", "other", "none", "false"): 1,
        ("ok", "chat", "alice", "other", "openai", "true"): 1,
    }
    assert series.totals.attempts == {("openai", "ok"): 3}

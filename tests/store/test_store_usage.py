"""Usage: sums per day, key, model and upstream, in which counted and estimated tokens never meet."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from store_samples import DAY_S, NOON, any_records, record, records

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record
from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store
from sluiceway.store.tables import usage_daily
from sluiceway.store.usage import DIMENSIONS, Dimension, UsageRow, daily, day_of, usage

FIRST = datetime.date(2026, 1, 1)


def test_a_row_tells_every_column() -> None:
    assert UsageRow.__struct_fields__ == tuple(column.name for column in usage_daily.c)


def test_days_are_those_of_utc() -> None:
    midnight = NOON + DAY_S / 2
    assert [day_of(at) for at in (midnight - 0.001, midnight)] == [FIRST, datetime.date(2026, 1, 2)]
    assert day_of(0.0) == datetime.date(1970, 1, 1)


def test_counted_tokens_are_added_up_with_all_else(store: Store) -> None:
    inserter = Inserter(store)
    inserter.write(records(2))
    inserter.write([record(outcome="timeout", usage=None, cost=None, first_event_ms=None)])
    inserter.write(
        [record(outcome="client_gone", usage=Usage(input_tokens=5, output_tokens=6, image_tokens=4))]
    )
    (row,) = usage(store, DIMENSIONS)
    assert row == UsageRow(
        day=FIRST,
        key="alice",
        model="gpt-4o",
        upstream="openai",
        requests=4,
        errors=1,
        counted=3,
        input_tokens=205,
        output_tokens=46,
        total_tokens=251,  # the last did not say, but input and output do
        cached_tokens=20,
        reasoning_tokens=0,
        image_tokens=4,
        estimated=0,
        estimated_input_tokens=0,
        estimated_output_tokens=0,
        estimated_total_tokens=0,
        cost=0.75,
        duration_ms=4001.0,
        first_events=3,
        first_event_ms=754.5,
        bytes_in=1200,
        bytes_out=20000,
    )


def test_estimated_tokens_are_in_sums_of_their_own(store: Store) -> None:
    guess = Usage(input_tokens=7, output_tokens=3)
    Inserter(store).write([record(), record(usage=guess, usage_estimated=True)])
    (row,) = usage(store)
    assert (row.counted, row.input_tokens, row.output_tokens, row.total_tokens) == (1, 100, 20, 120)
    assert (row.estimated, row.estimated_input_tokens, row.estimated_output_tokens) == (1, 7, 3)
    assert row.estimated_total_tokens == 10


def test_models_that_nobody_was_asked_for_are_not_told_apart(store: Store) -> None:
    made_up = [
        record(model=f"m{number}", upstream=None, outcome="refused", usage=None) for number in range(9)
    ]
    Inserter(store).write([*made_up, record()])
    assert [(row.model, row.requests) for row in usage(store, ("model",))] == [(None, 9), ("gpt-4o", 1)]


@pytest.mark.parametrize(
    ("group", "requests"),
    [
        ((), [12]),
        (("day",), [6, 6]),
        (("key",), [4, 8]),
        (("model", "upstream"), [6, 6]),
        (("upstream", "key"), [2, 4, 2, 4]),
    ],
)
def test_sums_are_grouped_by_any_of_the_four(
    store: Store, group: tuple[Dimension, ...], requests: list[int]
) -> None:
    grid = [
        record(started=NOON + day * DAY_S, key=key, model=model, upstream=upstream)
        for day in (0, 1)
        for key in ("a", "b", "b")
        for model, upstream in (("m", "u"), ("n", "v"))
    ]
    Inserter(store).write(grid)
    assert [row.requests for row in usage(store, group)] == requests


def test_sums_are_limited_to_days_and_names(store: Store) -> None:
    Inserter(store).write(
        [record(started=NOON + day * DAY_S, key=f"k{day % 2}", model=f"m{day}") for day in range(4)]
    )

    def counted(**limits: object) -> int:
        return usage(store, **limits)[0].requests  # type: ignore[arg-type]

    second = FIRST + datetime.timedelta(days=1)
    assert counted(since=second) == 3
    assert counted(until=second) == 2
    assert counted(since=second, until=second) == 1
    assert counted(key="k0") == 2
    assert counted(model="m3", key="k1", upstream="openai") == 1
    assert counted(upstream="none") == 0


def test_no_requests_are_a_row_of_nothing(store: Store) -> None:
    (row,) = usage(store)
    assert (row.requests, row.cost, row.day) == (0, 0.0, None)
    assert usage(store, ("day",)) == []


def test_absurd_numbers_do_not_spoil_the_sums_of_a_day(store: Store) -> None:
    absurd = Usage(input_tokens=2**63, output_tokens=2**70, total_tokens=2**63)
    inserter = Inserter(store)
    for _ in range(3):
        assert inserter.write([record(usage=absurd), record()]).refused == 0
    assert usage(store)[0].requests == 6


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(any_records, max_size=5))
def test_any_records_make_rows_that_add_up(some: list[Record]) -> None:
    rows = daily(some)
    at = {column.name: index for index, column in enumerate(usage_daily.c)}
    assert sum(row[at["requests"]] for row in rows) == len(some)
    assert sum(row[at["counted"]] + row[at["estimated"]] for row in rows) == sum(
        one.usage is not None for one in some
    )
    groups = [row[:4] for row in rows]
    assert groups == sorted(set(groups))

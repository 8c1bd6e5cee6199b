"""Retention: the oldest goes first, by age, number and size, in small steps."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from store_samples import DAY_S, NOON, captured, record, records, settings

from sluiceway.config.observe_settings import CaptureSettings
from sluiceway.store import retention
from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries, RecordFilter
from sluiceway.store.retention import clean
from sluiceway.store.usage import usage

KEEP_BODIES = CaptureSettings(keep_days=0.0, keep_bytes=0)


def ages(store: Store) -> list[int]:
    """Of the records that are left, in days, from the newest on."""
    return [round((NOON - one.started) / DAY_S) for one in Queries(store).iter_records(RecordFilter())]


def test_records_go_when_they_are_too_old_and_their_bodies_with_them(store: Store, tmp_path: Path) -> None:
    old, new = record(started=NOON - 31 * DAY_S), record(started=NOON - 29 * DAY_S)
    Inserter(store).write([old, new, captured(old), captured(new)])
    list(clean(store, settings(tmp_path, keep_days=30.0), KEEP_BODIES, NOON))
    assert ages(store) == [29]
    assert Queries(store).capture(old.request_id) is None
    assert Queries(store).capture(new.request_id) is not None


def test_zero_keeps_everything(store: Store, tmp_path: Path) -> None:
    old = record(started=1.0)
    Inserter(store).write([old, captured(old)])
    forever = settings(tmp_path, keep_days=0.0, max_records=0, usage_days=0.0)
    assert list(clean(store, forever, KEEP_BODIES, NOON)) == []
    assert Queries(store).kept().captures == 1
    assert len(usage(store, ("day",))) == 1


def test_too_many_records_lose_the_oldest_even_of_one_moment(store: Store, tmp_path: Path) -> None:
    some = records(10)
    Inserter(store).write([*some, captured(some[0])])
    list(clean(store, settings(tmp_path, max_records=4), KEEP_BODIES, NOON))
    left = [one.request_id for one in Queries(store).iter_records(RecordFilter())]
    assert left == sorted((one.request_id for one in some), reverse=True)[:4]
    assert Queries(store).kept().captures == 0


def test_the_stricter_limit_counts(store: Store, tmp_path: Path) -> None:
    Inserter(store).write([record(started=NOON - day * DAY_S) for day in range(10)])
    list(clean(store, settings(tmp_path, keep_days=5.5, max_records=8), KEEP_BODIES, NOON))
    assert ages(store) == [0, 1, 2, 3, 4, 5]
    list(clean(store, settings(tmp_path, keep_days=5.5, max_records=2), KEEP_BODIES, NOON))
    assert ages(store) == [0, 1]


def test_bodies_have_an_age_of_their_own(store: Store, tmp_path: Path) -> None:
    some = [record(started=NOON - day * DAY_S) for day in (1, 8)]
    Inserter(store).write([*some, *map(captured, some)])
    list(clean(store, settings(tmp_path), CaptureSettings(keep_days=7.0), NOON))
    assert ages(store) == [1, 8]
    assert [Queries(store).capture(one.request_id) is not None for one in some] == [True, False]


def test_bodies_that_take_too_much_go_from_the_oldest_on(store: Store, tmp_path: Path) -> None:
    some = [record(started=NOON - day * DAY_S) for day in range(10)]
    Inserter(store).write([captured(one, body=b"x" * 9_000) for one in some])
    list(clean(store, settings(tmp_path), CaptureSettings(keep_days=0.0, keep_bytes=35_000), NOON))
    assert [Queries(store).capture(one.request_id) is not None for one in some] == [True] * 3 + [False] * 7
    assert Queries(store).kept().capture_bytes <= 35_000


def test_sums_outlive_the_records(store: Store, tmp_path: Path) -> None:
    Inserter(store).write([record(started=NOON - day * DAY_S) for day in (0, 1, 2, 3)])
    limits = settings(tmp_path, keep_days=0.5, usage_days=2.0)
    list(clean(store, limits, KEEP_BODIES, NOON))
    assert ages(store) == [0]
    days = [row.day for row in usage(store, ("day",))]
    assert days == [datetime.date(2025, 12, 30), datetime.date(2025, 12, 31), datetime.date(2026, 1, 1)]


def test_much_goes_in_small_steps_between_which_others_write(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 10)
    Inserter(store).write(records(35, started=NOON - DAY_S))
    steps = clean(store, settings(tmp_path, keep_days=0.5), KEEP_BODIES, NOON)
    gone = []
    for count in steps:
        gone.append(count)
        Inserter(store).write([record()])
    assert [count for count in gone if count] == [10, 10, 10, 5]
    assert ages(store) == [0] * len(gone)


def test_one_process_cleans_up_at_a_time(url: str, store: Store, tmp_path: Path) -> None:
    if store.is_sqlite:
        return  # whose lock lets only one write at all
    Inserter(store).write(records(3, started=NOON - DAY_S))
    other = Store(url)
    with other.writing() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({retention._LOCK})")
        list(clean(store, settings(tmp_path, keep_days=0.5), KEEP_BODIES, NOON))
        assert Queries(store).kept().records == 3
    list(clean(store, settings(tmp_path, keep_days=0.5), KEEP_BODIES, NOON))
    assert Queries(store).kept().records == 0
    other.close()

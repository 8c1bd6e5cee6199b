"""Queries: records by what they have in common, page by page, and one by one."""

from __future__ import annotations

from typing import Any

import pytest
from store_samples import DAY_S, NOON, captured, record, records

from sluiceway.observe.record import Record
from sluiceway.store import queries
from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store, StoreAway
from sluiceway.store.queries import Kept, Queries, RecordFilter


def found(store: Store, **wanted: Any) -> list[str]:
    """The models of what is found: names for records, here."""
    page = Queries(store).records(RecordFilter(**wanted), 1000)
    return sorted(str(one.model) for one in page.records)


@pytest.fixture
def mixed(store: Store) -> Store:
    """Records that differ from the first in one thing each."""
    Inserter(store).write(
        [
            record(model="plain", request_id="req_AbC1"),
            record(model="late", started=NOON + DAY_S),
            record(model="bob's", key="bob"),
            record(model="keyless", key=None),
            record(model="elsewhere", upstream="backup"),
            record(model="messages", dialect="messages"),
            record(model="broken", outcome="truncated", error_code="upstream_truncated"),
            record(model="refused", outcome="refused", status=401, upstream=None),
            record(model="slow", duration_ms=90_000.0, first_event_ms=60_000.0),
            record(model="whole", stream=False, first_event_ms=None),
            record(model="Mixed_Case[1]%"),
        ]
    )
    return store


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ({"since": NOON + 1}, ["late"]),
        ({"since": NOON + DAY_S, "until": NOON + DAY_S}, []),
        ({"key": "bob"}, ["bob's"]),
        ({"upstream": "backup"}, ["elsewhere"]),
        ({"dialect": "messages"}, ["messages"]),
        ({"outcome": "truncated"}, ["broken"]),
        ({"error_code": "upstream_truncated"}, ["broken"]),
        ({"failed": True}, ["broken", "refused"]),
        ({"status": 401}, ["refused"]),
        ({"stream": False}, ["whole"]),
        ({"min_duration_ms": 90_000.0}, ["slow"]),
        ({"min_first_event_ms": 251.6}, ["slow"]),
        ({"model": "slow"}, ["slow"]),
        ({"model": "SLOW"}, []),
        ({"model": "?lain"}, ["plain"]),
        ({"model": "*l*e"}, ["elsewhere", "late", "whole"]),
        ({"model": "L*"}, []),
        ({"model": "Mixed_*"}, ["Mixed_Case[1]%"]),
        ({"model": "M????_*[1]%"}, ["Mixed_Case[1]%"]),
        ({"model": "*_*[2]*"}, []),
        ({"model": "p%*"}, []),
        ({"text": "ABC1"}, ["plain"]),
        ({"text": "KEYL"}, ["keyless"]),
        ({"text": "e[1]%"}, ["Mixed_Case[1]%"]),
        ({"text": "_c"}, ["Mixed_Case[1]%"]),
        ({"text": "", "key": "bob", "model": "bob's"}, ["bob's"]),
        ({"key": "bob", "upstream": "backup"}, []),
    ],
)
def test_records_are_found_by(mixed: Store, wanted: dict[str, Any], models: list[str]) -> None:
    assert found(mixed, **wanted) == models


def test_without_a_filter_there_are_all(mixed: Store) -> None:
    assert len(found(mixed)) == 11
    assert len(found(mixed, failed=False)) == 9


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_follow_one_another_from_the_newest_on(store: Store, limit: int) -> None:
    some = [record(started=NOON + number // 3 * 0.1) for number in range(14)]  # three of each moment
    Inserter(store).write(some)
    reader = Queries(store)
    seen: list[Record] = []
    cursor = None
    while True:
        page = reader.records(RecordFilter(), limit, cursor)
        assert len(page.records) <= limit
        seen += page.records
        cursor = page.cursor
        if cursor is None:
            break
        Inserter(store).write([record(started=NOON + DAY_S)])  # what is new is no part of older pages
    assert seen == sorted(some, key=lambda one: (one.started, one.request_id), reverse=True)


@pytest.mark.parametrize("cursor", ["", "soon", "1.5", "1.5_", "nan_req", "inf_req", "_req"])
def test_a_cursor_of_somebody_s_own_is_an_error(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|float"):
        Queries(store).records(RecordFilter(), cursor=cursor)


def test_an_export_reads_all_of_them_some_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "EXPORT_CHUNK", 4)
    some = records(11)
    Inserter(store).write([*some, record(key="bob")])
    export = Queries(store).iter_records(RecordFilter(key="alice"))
    assert {one.request_id for one in export} == {one.request_id for one in some}


def test_one_record_is_found_by_its_id(store: Store) -> None:
    one = record()
    Inserter(store).write([one])
    assert Queries(store).record(one.request_id) == one
    assert Queries(store).record("req_none") is None


def test_what_is_kept_is_counted(store: Store) -> None:
    reader = Queries(store)
    assert reader.kept() == Kept(records=0, oldest=None, newest=None, captures=0, capture_bytes=0)
    some = [record(started=NOON), record(started=NOON + 5)]
    Inserter(store).write([*some, captured(some[0], body=b"x" * 1000)])
    kept = reader.kept()
    assert (kept.records, kept.oldest, kept.newest, kept.captures) == (2, NOON, NOON + 5, 1)
    assert 1000 < kept.capture_bytes < 5000


def test_lists_are_read_by_an_index(store: Store) -> None:
    if not store.is_sqlite:
        return  # PostgreSQL chooses by what is in a table, and small ones it reads whole
    for wanted, index in (
        (RecordFilter(), "records_started"),
        (RecordFilter(key="a"), "records_key"),
        (RecordFilter(model="m"), "records_model"),
        (RecordFilter(upstream="u"), "records_upstream"),
        (RecordFilter(outcome="ok"), "records_outcome"),
    ):
        query = Queries(store)._query(wanted).limit(50)
        sql = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
        with store.reading() as connection:
            plan = " ".join(str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
        assert f"USING INDEX {index}" in plan


def test_a_database_that_is_away_is_an_error_in_words(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE records")
    with pytest.raises(StoreAway, match="records"):
        Queries(store).record("req_1")

"""Inserting: a batch is written whole, nothing is written twice, and one bad row does not hold up the others."""

from __future__ import annotations

import threading

import pytest
from databases import PostgresServer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from store_samples import captured, record, records

from sluiceway.store.inserting import Inserter, Written
from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries, RecordFilter
from sluiceway.store.usage import usage


def requests_counted(store: Store) -> int:
    (row,) = usage(store)
    return row.requests


def test_records_and_bodies_go_together(store: Store) -> None:
    some = records(3)
    written = Inserter(store).write([*some, captured(some[0])])
    assert written == Written(records=3, captures=1)
    assert Queries(store).kept().captures == 1


@pytest.mark.parametrize("again", [False, True])
def test_what_is_there_already_is_neither_written_nor_counted_twice(store: Store, again: bool) -> None:
    some = records(5)
    inserter = Inserter(store)
    inserter.write(some[:3])
    inserter.write([captured(some[0])])
    assert inserter.write([*some, captured(some[0])], again=again) == Written(records=2)
    assert requests_counted(store) == 5
    assert {one.request_id for one in Queries(store).iter_records(RecordFilter())} == {
        one.request_id for one in some
    }


def test_the_same_twice_in_one_batch_is_written_once(store: Store) -> None:
    one = record()
    assert Inserter(store).write([one, one]) == Written(records=1)
    assert requests_counted(store) == 1


def test_rows_that_a_database_refuses_are_counted_and_the_others_written(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    some = records(20)
    some[7] = record(bytes_in=2**70)
    some[13] = record(status=None)
    assert Inserter(store).write(some) == Written(records=18, refused=2)
    assert requests_counted(store) == 18
    told = [line.getMessage().split()[0] for line in caplog.records if line.name == "sluiceway.store"]
    assert told == [some[7].request_id, some[13].request_id]


def test_a_database_that_is_not_as_it_should_be_refuses_no_row(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("DROP TABLE usage_daily"))
    with pytest.raises(SQLAlchemyError):
        Inserter(store).write(records(3))
    assert Queries(store).kept().records == 0


def test_a_user_without_rights_is_no_fault_of_the_rows(postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE guarded")
    store = Store(postgres.url.removesuffix("postgres") + "guarded")
    upgrade(store)
    with store.writing() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN PASSWORD 'secret'"))
        connection.execute(text("GRANT SELECT ON records, usage_daily, captures TO reader"))
    reader = Store(f"postgresql://reader:secret@127.0.0.1:{postgres.port}/guarded")
    with pytest.raises(SQLAlchemyError, match="permission denied"):
        Inserter(reader).write(records(2))
    reader.close()
    store.close()


def test_several_writers_of_the_same_sums_get_along(url: str, store: Store) -> None:
    def write() -> None:
        own = Store(url)
        inserter = Inserter(own)
        for _ in range(10):
            inserter.write([record(model=f"m{number % 7}", key=f"k{number % 3}") for number in range(30)])
        own.close()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(40)
    assert requests_counted(store) == Queries(store).kept().records == 1200

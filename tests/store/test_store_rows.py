"""Rows: what goes into a database comes out the same, and what it can't hold is made fit."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from store_samples import any_records, captured, record

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try
from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store
from sluiceway.store.queries import Queries
from sluiceway.store.rows import MAX_COUNT, MAX_NAME_BYTES, MAX_TEXT_BYTES, fit, record_of, record_row
from sluiceway.store.tables import TOKENS, records


def test_there_is_a_column_for_every_field_of_a_record() -> None:
    columns = [column.name for column in records.c if column.name not in TOKENS]
    assert columns == [name for name in Record.__struct_fields__ if name != "usage"]
    assert Usage.__struct_fields__ == TOKENS


@hypothesis_settings(deadline=None)
@given(any_records)
def test_any_record_comes_back_from_its_row(one: Record) -> None:
    assert record_of(record_row(one)) == one


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=any_records)
def test_any_record_comes_back_from_a_database(store: Store, one: Record) -> None:
    one = msgspec.structs.replace(one, request_id=record().request_id)  # examples share a database
    Inserter(store).write([one])
    assert Queries(store).record(one.request_id) == one


def test_bodies_come_back_from_a_database(store: Store) -> None:
    one = captured(record(), body=bytes(range(256)), answer=b"")
    Inserter(store).write([one])
    assert Queries(store).capture(one.request_id) == one
    assert Queries(store).capture("req_none") is None


def test_a_usage_that_counts_nothing_is_none() -> None:
    assert record_of(record_row(record(usage=Usage()))).usage is None


def test_what_no_database_holds_is_made_fit(store: Store) -> None:
    ugly = record(
        model="m\0" + "ü" * 1000,
        path="/" + "p" * 10_000,
        error_message="half a \ud83d face",
        dropped=("tools[0].\0",),
        attempts=(Try("a\0b", None, 0.0, error_code='"\0\\u0000'),),
        usage=Usage(input_tokens=2**80, output_tokens=-1),
    )
    assert Inserter(store).write([ugly]) == (1, 0, 0)
    kept = Queries(store).record(ugly.request_id)
    assert kept is not None
    assert kept.model is not None
    assert kept.model.startswith("m\ufffdüü")
    assert len(kept.model.encode()) in (MAX_NAME_BYTES - 1, MAX_NAME_BYTES)
    assert len(kept.path) == MAX_TEXT_BYTES
    assert kept.error_message == "half a ? face"
    assert kept.dropped == ("tools[0].\ufffd",)
    assert kept.attempts[0].upstream == "a\ufffdb"
    assert kept.usage == Usage(input_tokens=MAX_COUNT, output_tokens=0)


@pytest.mark.parametrize(
    ("text", "limit", "fitting"),
    [("abc", 3, "abc"), ("abcd", 3, "abc"), ("aü", 2, "a"), ("ü", 2, "ü"), ("\0", 3, "\ufffd"), ("", 3, "")],
)
def test_texts_are_cut_between_characters(text: str, limit: int, fitting: str) -> None:
    assert fit(text, limit) == fitting


def test_times_and_sizes_are_plain_numbers_for_those_who_read_with_sql(store: Store) -> None:
    one = record()
    Inserter(store).write([one])
    with store.reading() as connection:
        row = connection.exec_driver_sql(
            "SELECT started, duration_ms, input_tokens, stream, attempts FROM records"
        ).one()
    assert row[:3] == (one.started, one.duration_ms, 100)
    assert row[3] in (True, 1)
    assert msgspec.json.decode(row[4])[0]["upstream"] == "openai"


def test_a_zero_character_is_replaced_and_what_only_looks_like_one_is_kept() -> None:
    dropped = ("a\0\0b", "\\u0000", "\\\0")
    back = record_of(record_row(record(dropped=dropped)))
    assert back.dropped == ("a\ufffd\ufffdb", "\\u0000", "\\\ufffd")

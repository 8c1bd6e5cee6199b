"""Files of records: what spreadsheets and programs read, made while they are sent."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator

import msgspec
import pytest
from console_client import FakeStore, console, record, run

from sluiceway.console.export import COLUMNS, csv_rows, json_lines
from sluiceway.console.records import EXPORT_CHUNK
from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try


def table(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_a_table_has_a_column_for_each_field_and_each_number_of_tokens() -> None:
    one = record(
        1,
        usage=Usage(input_tokens=3, output_tokens=4),
        attempts=(Try("a", 0, 1.5),),
        stream=True,
        dropped=("x",),
    )
    (row,) = table(csv_rows([one], first=True))
    assert tuple(row) == COLUMNS
    assert (row["request_id"], row["input_tokens"], row["cached_tokens"]) == (one.request_id, "3", "")
    assert (row["stream"], row["dropped"], row["cost"]) == ("true", '["x"]', "")
    assert msgspec.json.decode(row["attempts"], type=list[Try]) == [Try("a", 0, 1.5)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("https://evil.example","x"),\r\n"'
    (row,) = table(csv_rows([record(model=text, error_message=text)], first=True))
    assert row["model"] == row["error_message"] == f"'{text}"


def test_numbers_stay_numbers() -> None:
    (row,) = table(csv_rows([record(cost=-0.5)], first=True))
    assert row["cost"] == "-0.5"


def test_lines_of_json_are_records() -> None:
    records = [record(number, model='a"\n\u2028b') for number in range(3)]
    lines = json_lines(records, first=True).split(b"\n")
    assert lines.pop() == b""
    assert [msgspec.json.decode(line, type=Record) for line in lines] == records


def test_all_that_is_wanted_is_exported() -> None:
    async def scenario() -> None:
        store = FakeStore([record(number) for number in range(1234)])
        async with console(store=store) as client:
            answer = await client.get("/api/records/export?format=csv&key=alice")
            assert answer.headers["content-type"].startswith("text/csv")
            assert 'filename="sluiceway-records.csv"' in answer.headers["content-disposition"]
            assert [row["request_id"] for row in table(answer.body)] == [one.request_id for one in store.kept]
            assert store.asked[0][1].key == "alice"
            lines = (await client.get("/api/records/export")).body.splitlines()
            assert [msgspec.json.decode(line, type=Record) for line in lines] == store.kept

    run(scenario())


def test_an_export_of_nothing_is_a_head_or_nothing() -> None:
    async def scenario() -> None:
        async with console(store=FakeStore()) as client:
            answer = await client.get("/api/records/export?format=csv")
            assert answer.body.decode().strip().split(",") == list(COLUMNS)
            assert (await client.get("/api/records/export")).body == b""

    run(scenario())


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_of_a_hundred_thousand_records_some_hundred_are_in_memory(kind: str) -> None:
    async def scenario() -> None:
        read = 0

        def many() -> Iterator[Record]:
            nonlocal read
            for read in range(1, 100_001):
                yield record(read)

        store = FakeStore()
        store.iter_records = lambda wanted: many()  # type: ignore[method-assign]
        async with console(store=store) as client:
            exchange = client.begin("GET", f"/api/records/export?format={kind}")
            lines = -(kind == "csv")
            while not exchange.complete:
                await exchange.until(lambda: bool(exchange.pieces))
                lines += sum(piece.count(b"\n") for piece in exchange.pieces)
                exchange.pieces.clear()
                assert read - lines <= 2 * EXPORT_CHUNK
            await exchange.task
            assert lines == 100_000

    run(scenario())


def test_an_export_waits_for_its_reader() -> None:
    async def scenario() -> None:
        read: list[int] = []

        def counted() -> Iterator[Record]:
            for number in range(10_000):
                read.append(number)
                yield record(number)

        store = FakeStore()
        store.iter_records = lambda wanted: counted()  # type: ignore[method-assign]
        async with console(store=store) as client:
            exchange = client.begin("GET", "/api/records/export")
            await exchange.until(lambda: bool(exchange.pieces))
            exchange.may_write.clear()
            await asyncio.sleep(0.1)
            assert len(read) < 2500
            exchange.may_write.set()
            exchange.leave()
            await exchange.task
            assert not exchange.complete
            assert len(read) < 5000

    run(scenario())


def test_an_export_that_breaks_does_not_look_complete() -> None:
    async def scenario() -> None:
        def broken() -> Iterator[Record]:
            yield from (record(number) for number in range(700))
            raise OSError("disk on fire")

        store = FakeStore()
        store.iter_records = lambda wanted: broken()  # type: ignore[method-assign]
        async with console(store=store) as client:
            exchange = client.begin("GET", "/api/records/export")
            with pytest.raises(OSError, match="fire"):
                await exchange.task
            assert not exchange.complete

    run(scenario())


def test_a_database_that_is_away_is_told_before_the_status_line() -> None:
    async def scenario() -> None:
        store = FakeStore()
        store.away = True
        async with console(store=store) as client:
            answer = await client.get("/api/records/export")
            assert (answer.status, answer.error["code"]) == (503, "gateway_overloaded")

    run(scenario())

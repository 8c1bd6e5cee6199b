"""Lists of records, one of them, and its bodies."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from console_client import FakeStore, console, record, run

from sluiceway.console.records import RecordsWanted
from sluiceway.dialects.base import Usage
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record, Try
from sluiceway.store.queries import RecordFilter


def captured(**fields: Any) -> Captured:
    given: dict[str, Any] = {
        "request_id": "req_1",
        "started": 1.0,
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": (("user-agent", "test"),),
        "request": b'{"model": "x"}',
        "request_size": 14,
        "response": b"data: [DONE]\n\n",
        "response_size": 14,
        "response_type": "text/event-stream",
        "timing": ((1.5, 14),),
    }
    return Captured(**{**given, **fields})


def test_whatever_the_store_can_filter_by_can_be_asked_for() -> None:
    wanted = {field.name for field in msgspec.structs.fields(RecordsWanted)}
    assert wanted == {field.name for field in msgspec.structs.fields(RecordFilter)}


def test_pages_go_on_by_their_cursor() -> None:
    async def scenario() -> None:
        store = FakeStore([record(number) for number in range(5)])
        async with console(store=store) as client:
            first = (await client.get("/api/records?limit=3")).json
            second = (await client.get(f"/api/records?limit=3&cursor={first['cursor']}")).json
            told = [one["request_id"] for page in (first, second) for one in page["records"]]
            assert told == [one.request_id for one in store.kept]
            assert second["cursor"] is None

    run(scenario())


def test_filters_reach_the_store() -> None:
    async def scenario() -> None:
        store = FakeStore()
        query = (
            "since=1.5&until=2e9&key=a%20b&model=gpt-*&upstream=u&dialect=chat&outcome=truncated&status=502"
            "&error_code=x&failed=true&stream=false&text=T&min_duration_ms=1&min_first_event_ms=2"
        )
        async with console(store=store) as client:
            assert (await client.get(f"/api/records?{query}")).status == 200
        assert store.asked[0][1] == RecordFilter(
            since=1.5,
            until=2e9,
            key="a b",
            model="gpt-*",
            upstream="u",
            dialect="chat",
            outcome="truncated",
            status=502,
            error_code="x",
            failed=True,
            stream=False,
            text="T",
            min_duration_ms=1,
            min_first_event_ms=2,
        )
        assert store.asked[0][2:] == (50, None)

    run(scenario())


def test_a_record_is_told_whole() -> None:
    async def scenario() -> None:
        one = record(7, usage=Usage(input_tokens=1), attempts=(Try("a", None, 0.5, status=500),), cost=0.25)
        async with console(store=FakeStore([one])) as client:
            answer = await client.get(f"/api/records/{one.request_id}")
            assert msgspec.convert(answer.json, Record) == one
            answer = await client.get("/api/records/req_unknown")
            assert (answer.status, answer.error["param"]) == (404, "request_id")

    run(scenario())


def test_bodies_are_text_where_they_can_be() -> None:
    async def scenario() -> None:
        image = b"\x89PNG\xff"
        store = FakeStore(captures=[captured(response=image, response_size=9000, redacted=2)])
        async with console(store=store) as client:
            told = (await client.get("/api/records/req_1/capture")).json
            assert told["request"] == {"text": '{"model": "x"}', "base64": None, "size": 14, "complete": True}
            assert base64.b64decode(told["response"]["base64"]) == image
            assert (told["response"]["text"], told["response"]["complete"]) == (None, False)
            assert (told["redacted"], told["timing"], told["headers"]) == (
                2,
                [[1.5, 14]],
                [["user-agent", "test"]],
            )
            assert (await client.get("/api/records/req_2/capture")).status == 404

    run(scenario())


@pytest.mark.parametrize(
    "path",
    ["/api/records", "/api/records/req_1", "/api/records/req_1/capture", "/api/records/export", "/api/usage"],
)
def test_without_a_store_or_its_database_it_is_said_so(path: str) -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.get(path)
            assert answer.status == 503
            assert "store.url" in answer.error["message"]
        store = FakeStore()
        store.away = True
        async with console(store=store) as client:
            answer = await client.get(path)
            assert answer.status == 503
            assert "connection refused" in answer.error["message"]

    run(scenario())

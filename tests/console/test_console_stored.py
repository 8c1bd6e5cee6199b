"""The store's own answers, from a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_client import console, database, record, run

from sluiceway.console.stored import Stored
from sluiceway.dialects.base import Usage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Stored]:
    """With three requests: one well, one truncated, one estimated."""
    kept = [
        record(
            1, usage=Usage(input_tokens=10, output_tokens=5), cost=0.25, first_event_ms=100.0, upstream="u"
        ),
        record(2, outcome="truncated", first_event_ms=300.0, upstream="u"),
        record(3, usage=Usage(input_tokens=1000), usage_estimated=True, outcome="client_gone", upstream="u"),
    ]
    with database(tmp_path, kept) as stored:
        yield stored


def test_totals_count_what_upstreams_counted(store: Stored) -> None:
    told = store.totals(1_700_000_000.0)
    assert (told.requests, told.errors, told.input_tokens, told.output_tokens) == (3, 1, 10, 5)
    assert (told.cost, told.first_event_ms) == (0.25, 200.0)
    assert store.totals(1_700_000_002.5).requests == 1


def test_totals_of_nothing_are_nothing(store: Stored) -> None:
    told = store.totals(1_800_000_000.0)
    assert (told.requests, told.errors, told.input_tokens, told.cost) == (0, 0, 0, 0.0)
    assert told.first_event_ms is None


def test_all_of_it_is_told_by_the_api(store: Stored) -> None:
    async def scenario() -> None:
        async with console(store=store) as client:
            page = (await client.get("/api/records?limit=2")).json
            rest = (await client.get(f"/api/records?limit=2&cursor={page['cursor']}")).json
            assert [one["outcome"] for one in page["records"] + rest["records"]] == [
                "client_gone",
                "truncated",
                "ok",
            ]
            assert (await client.get("/api/records?cursor=none")).status == 400
            assert (await client.get(f"/api/records/{page['records'][0]['request_id']}")).status == 200
            assert (await client.get("/api/records/none/capture")).status == 404
            assert len((await client.get("/api/records/export?failed=true")).body.splitlines()) == 2
            (row,) = (await client.get("/api/usage?group=day,upstream&since=2023-11-14")).json["rows"]
            assert (row["day"], row["upstream"], row["requests"]) == ("2023-11-14", "u", 3)
            assert (await client.get("/api/overview")).json["last_hour"]["requests"] == 0

    run(scenario())

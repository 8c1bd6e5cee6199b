"""Sums by day, key, model and upstream."""

from __future__ import annotations

import datetime

from console_client import FakeStore, console, run

from sluiceway.store.usage import MAX_ROWS, UsageRow

_SUMS = {field: 1 for field in UsageRow.__struct_fields__ if field not in ("day", "key", "model", "upstream")}


def test_groups_and_filters_reach_the_store() -> None:
    async def scenario() -> None:
        store = FakeStore()
        store.rows = [UsageRow(day=datetime.date(2026, 1, 31), key="alice", **_SUMS)]  # type: ignore[arg-type]
        async with console(store=store) as client:
            query = "group=day,key,day&since=2026-01-01&until=2026-01-31&model=m&upstream=u"
            answer = (await client.get(f"/api/usage?{query}")).json
        assert answer["complete"] is True
        assert answer["rows"][0]["day"] == "2026-01-31"
        since, until = datetime.date(2026, 1, 1), datetime.date(2026, 1, 31)
        assert store.asked == [("usage", ("day", "key"), since, until, None, "m", "u")]

    run(scenario())


def test_too_many_rows_are_said_to_be_too_many() -> None:
    async def scenario() -> None:
        store = FakeStore()
        store.rows = [UsageRow(**_SUMS)] * MAX_ROWS  # type: ignore[arg-type]
        async with console(store=store) as client:
            assert (await client.get("/api/usage")).json["complete"] is False
            assert (await client.get("/api/usage?group=")).status == 200

    run(scenario())

"""Streams of several workers as if they were one's: in order, told once, and cursors that hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from console_client import Client, Exchange, run
from fleet import Fleet, fleet

from sluiceway.console.stream_parts import MAX_CURSOR, OwnChanges, all_changes, read_cursor
from sluiceway.observe.inspector import Changes


def events(exchange: Exchange) -> list[Any]:
    """What they say, those that came so far."""
    lines = b"".join(exchange.pieces).decode().split("\n")
    return [msgspec.json.decode(line[6:]) for line in lines if line.startswith("data: ")]


async def changes(client: Client, since: str = "") -> Any:
    """Those of the first event."""
    exchange = client.begin("GET", f"/api/streams/events?since={since}")
    await exchange.until(lambda: bool(events(exchange)))
    exchange.leave()
    await exchange.task
    return events(exchange)[0]


def ids(streams: list[Any]) -> list[tuple[str, int]]:
    return [(one["request_id"], one["worker"]) for one in streams]


async def fill(workers: Fleet) -> None:
    """One stream that runs and one that is over in each; 0 is the oldest."""
    for worker in range(3):
        workers.begin(worker, f"req_{worker}")
        workers.begin(worker, f"over_{worker}")
        workers.write(f"over_{worker}", worker + 1)
        workers.end(f"over_{worker}")


def test_lists_are_one_in_order_and_cut_to_the_limit() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            await fill(workers)
            for client in workers.clients:
                told = (await client.get("/api/streams")).json
                assert ids(told["live"]) == [("req_2", 2), ("req_1", 1), ("req_0", 0)]
                assert ids(told["recent"]) == [("over_2", 2), ("over_1", 1), ("over_0", 0)]
                assert told["heard"] == [0, 1, 2]
            told = (await workers.clients[0].get("/api/streams?limit=2&order=first_event")).json
            assert [len(told["live"]), len(told["recent"])] == [2, 2]
            slowest = [one["first_event_ms"] or 0 for one in told["recent"]]
            assert slowest == sorted(slowest, reverse=True)
            told = (await workers.clients[0].get("/api/streams?order=gap&state=recent")).json
            assert ids(told["recent"])[-1] == ("over_0", 0), "its one event has no gap"
            workers.silent.add(1)
            told = (await workers.clients[0].get("/api/streams?state=live")).json
            assert (ids(told["live"]), told["heard"]) == ([("req_2", 2), ("req_0", 0)], [0, 2])

    run(scenario())


def test_a_timeline_is_found_wherever_it_is() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            await fill(workers)
            workers.write("req_2", 2)
            first = (await workers.clients[0].get("/api/streams/req_2")).json
            workers.write("req_2", 1)
            second = (await workers.clients[1].get(f"/api/streams/req_2?since={first['next']}")).json
            assert [one["number"] for one in second["events"]] == [2]
            assert (await workers.clients[0].get("/api/streams/req_9")).status == 404
            workers.silent.add(2)
            assert (await workers.clients[0].get("/api/streams/req_2")).status == 503
            assert (await workers.clients[0].get("/api/streams/req_2/events")).status == 503

    run(scenario())


def test_a_stream_of_another_is_followed_through_its_silence_to_its_end() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            workers.begin(2, "req_2")
            workers.write("req_2")
            exchange = workers.clients[0].begin("GET", "/api/streams/req_2/events")
            await exchange.until(lambda: len(events(exchange)) == 1)
            workers.silent.add(2)
            workers.write("req_2", 2)
            workers.end("req_2")
            workers.silent.clear()
            await exchange.task
            assert exchange.complete
            numbers = [event["number"] for told in events(exchange) for event in told["events"]]
            assert numbers == [0, 1, 2]

    run(scenario())


def test_a_live_view_of_one_ends_when_its_worker_is_another() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            workers.begin(2, "req_2")
            exchange = workers.clients[0].begin("GET", "/api/streams/req_2/events")
            await exchange.until(lambda: len(events(exchange)) == 1)
            workers.restart(2)
            await exchange.task
            assert exchange.complete

    run(scenario())


def test_a_cursor_holds_whomever_it_is_brought_to() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            await fill(workers)
            first = await changes(workers.clients[0])
            assert ids(first["began"]) == [("req_0", 0), ("req_1", 1), ("req_2", 2)]
            workers.write("req_1")
            workers.end("req_2")
            for client in workers.clients:
                told = await changes(client, first["next"])
                assert told["began"] == []
                assert [one["request_id"] for one in told["progressed"]] == ["req_1"]
                assert ids(told["ended"]) == [("req_2", 2)]
                assert (told["missed"], told["restarted"]) == (0, [])

    run(scenario())


def test_who_was_not_heard_is_gone_on_with_from_where_it_was() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            await fill(workers)
            exchange = workers.clients[0].begin("GET", "/api/streams/events")
            await exchange.until(lambda: len(events(exchange)) == 1)
            workers.silent.add(1)
            await exchange.until(lambda: len(events(exchange)) == 2)
            assert events(exchange)[1]["heard"] == [0, 2], "that alone is news"
            workers.end("req_1")
            workers.begin(1, "req_3")
            workers.silent.clear()
            await exchange.until(lambda: len(events(exchange)) == 3)
            told = events(exchange)[2]
            assert (ids(told["began"]), ids(told["ended"])) == ([("req_3", 1)], [("req_1", 1)])
            assert (told["heard"], told["restarted"]) == ([0, 1, 2], [])
            exchange.leave()
            await exchange.task

    run(scenario())


def test_a_worker_that_is_another_is_told_anew() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            await fill(workers)
            first = await changes(workers.clients[0])
            workers.restart(1)
            workers.begin(1, "req_new")
            told = await changes(workers.clients[2], first["next"])
            assert (ids(told["began"]), told["restarted"]) == ([("req_new", 1)], [1])
            told = await changes(workers.clients[2], told["next"])
            assert (told["began"], told["restarted"]) == ([], [])

    run(scenario())


def test_workers_that_there_are_no_more_of_are_let_go() -> None:
    own = OwnChanges(Changes(began=[], progressed=[], ended=[], missed=2, next="4.5"), "ab", restarted=False)
    told = all_changes({0: own}, "0-ab-1.1_1-cd-2.2_7-ef-3.3", workers=2)
    assert (told.restarted, told.missed, told.next) == ([7], 2, "0-ab-4.5_1-cd-2.2")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", {}),
        ("1.2", {}),
        ("0-ab-1.2", {0: ("ab", "1.2")}),
        ("0-ab-1.2_x_2-0f-3.4", {0: ("ab", "1.2"), 2: ("0f", "3.4")}),
        ("-1-ab-1.2", {}),
        ("0-AB-1.2", {}),
        ("0-ab-1.2\n", {}),
        ("1-ab-1.2" + "_" * MAX_CURSOR + "2-ab-1.2", {1: ("ab", "1.2")}),
    ],
)
def test_what_is_no_cursor_is_the_beginning(text: str, places: dict[int, tuple[str, str]]) -> None:
    assert read_cursor(text) == places


def test_a_request_is_ended_wherever_it_runs() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            stopped: list[Any] = []
            active: Any = workers.clients[2].deps.gateway.active
            active["req_a"] = SimpleNamespace(stop=stopped.append)
            assert (await workers.clients[0].post("/api/streams/req_a/cancel")).status == 200
            assert [error.code for error in stopped] == ["cancelled"]
            active.clear()
            answer = await workers.clients[0].post("/api/streams/req_a/cancel")
            assert (answer.status, answer.error["param"]) == (404, "request_id")
            workers.silent.add(1)
            assert (await workers.clients[0].post("/api/streams/req_a/cancel")).status == 503

    run(scenario())

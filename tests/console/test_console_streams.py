"""Streams that run or ran lately: listed, looked into, followed live, ended."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from console_client import Client, Exchange, console, run

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.console.stream_parts import StreamsQuery
from sluiceway.errors import Cancelled, GatewayError, UpstreamTruncated
from sluiceway.observe.draft import Draft
from sluiceway.observe.inspector import Filter, Inspector
from sluiceway.relay.observe import Tape

EVENT = b'data: {"choices":[]}\n\n'
LIVE = {"admin": {"live_s": 0.01}}


class Streams:
    """An inspector, and requests that run as it is told."""

    def __init__(self) -> None:
        self.inspector = Inspector(InspectorSettings())
        self.running: dict[str, tuple[Draft, Tape]] = {}

    def begin(self, name: str, **fields: Any) -> None:
        now = asyncio.get_running_loop().time()
        given: dict[str, Any] = {"dialect": "chat", "model": "gpt-x", "stream": True, **fields}
        draft = Draft(name, time.time(), "POST", "/v1/chat/completions", now, **given)
        self.running[name] = draft, self.inspector.begin(draft, "chat")

    def write(self, name: str, count: int = 1) -> None:
        _, tape = self.running[name]
        for _ in range(count):
            tape.wrote_events(asyncio.get_running_loop().time(), EVENT)

    def end(self, name: str, error: GatewayError | None = None) -> None:
        draft, tape = self.running.pop(name)
        if error is not None:
            draft.failed(error)
            draft.attempts.clear()
        draft.finished_at = asyncio.get_running_loop().time()
        self.inspector.end(draft.finish(tape), tape)


def events(exchange: Exchange) -> list[tuple[str, Any]]:
    """Those that came so far: their names and what they say."""
    told = []
    for block in b"".join(exchange.pieces).decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in fields:
            told.append((fields["event"], msgspec.json.decode(fields["data"])))
    return told


def ids(answer: Any) -> tuple[list[str], list[str]]:
    return ([one["request_id"] for one in answer["live"]], [one["request_id"] for one in answer["recent"]])


def test_whatever_the_inspector_can_filter_by_can_be_asked_for() -> None:
    asked = {field.name for field in msgspec.structs.fields(StreamsQuery)}
    assert asked == {field.name for field in msgspec.structs.fields(Filter)} | {"state"}


def test_running_and_recent_streams_are_listed_and_filtered() -> None:
    async def scenario() -> None:
        streams = Streams()
        async with console(inspector=streams.inspector) as client:
            for name, key in (("req_a", "alice"), ("req_b", "bob"), ("req_c", "alice"), ("req_d", "bob")):
                streams.begin(name, key=key)
            streams.write("req_c", 3)
            streams.end("req_c", UpstreamTruncated("it stopped"))
            streams.end("req_d")

            async def listed(query: str) -> tuple[list[str], list[str]]:
                return ids((await client.get(f"/api/streams?{query}")).json)

            assert await listed("") == (["req_b", "req_a"], ["req_d", "req_c"])
            assert await listed("state=live") == (["req_b", "req_a"], [])
            assert await listed("state=recent") == ([], ["req_d", "req_c"])
            assert await listed("key=alice") == (["req_a"], ["req_c"])
            assert await listed("broken=true") == ([], ["req_c"])
            assert await listed("outcomes=ok,refused") == ([], ["req_d"])
            assert await listed("model=none") == ([], [])
            assert await listed("limit=1") == (["req_b"], ["req_d"])
            assert await listed("state=recent&order=gap") == ([], ["req_c", "req_d"])

    run(scenario())


def test_a_timeline_goes_on_by_its_cursor() -> None:
    async def scenario() -> None:
        streams = Streams()
        async with console(inspector=streams.inspector) as client:
            streams.begin("req_a")
            streams.write("req_a", 3)
            first = (await client.get("/api/streams/req_a")).json
            assert (first["summary"]["request_id"], len(first["events"])) == ("req_a", 3)
            streams.write("req_a", 2)
            second = (await client.get(f"/api/streams/req_a?since={first['next']}")).json
            assert [event["number"] for event in second["events"]] == [3, 4]
            assert (await client.get("/api/streams/req_b")).status == 404

    run(scenario())


def test_changes_are_told_live() -> None:
    async def scenario() -> None:
        streams = Streams()
        async with console(LIVE, inspector=streams.inspector) as client:
            streams.begin("req_a")
            exchange = client.begin("GET", "/api/streams/events")
            await exchange.until(lambda: len(events(exchange)) == 1)
            assert dict(exchange.start["headers"])[b"content-type"] == b"text/event-stream"
            assert [one["request_id"] for one in events(exchange)[0][1]["began"]] == ["req_a"]
            streams.write("req_a")
            await exchange.until(lambda: len(events(exchange)) == 2)
            assert events(exchange)[1][1]["progressed"][0]["events"] == 1
            streams.end("req_a")
            await exchange.until(lambda: len(events(exchange)) == 3)
            assert events(exchange)[2][1]["ended"][0]["outcome"] == "ok"
            await asyncio.sleep(0.1)
            assert len(events(exchange)) == 3, "nothing happened, nothing is told"
            exchange.leave()
            await exchange.task
            assert client.deps.event_streams == 0

    run(scenario())


async def watch(client: Client, path: str, **headers: Any) -> Exchange:
    exchange = client.begin("GET", path, **headers)
    await exchange.until(lambda: len(events(exchange)) >= 1)
    return exchange


def test_one_stream_is_followed_to_its_end() -> None:
    async def scenario() -> None:
        streams = Streams()
        async with console(LIVE, inspector=streams.inspector) as client:
            streams.begin("req_a")
            streams.write("req_a", 2)
            exchange = await watch(client, "/api/streams/req_a/events")
            streams.write("req_a", 3)
            await exchange.until(lambda: len(events(exchange)) == 2)
            streams.end("req_a")
            await exchange.task
            assert exchange.complete
            told = [timeline for _name, timeline in events(exchange)]
            assert [event["number"] for timeline in told for event in timeline["events"]] == [0, 1, 2, 3, 4]
            assert [timeline["summary"]["outcome"] for timeline in told] == [None, None, "ok"]

    run(scenario())


def test_who_comes_back_is_told_what_is_new() -> None:
    async def scenario() -> None:
        streams = Streams()
        async with console(LIVE, inspector=streams.inspector) as client:
            streams.begin("req_a")
            streams.write("req_a", 2)
            exchange = await watch(client, "/api/streams/req_a/events")
            seen = b"".join(exchange.pieces).split(b"id: ")[1].split(b"\n")[0].decode()
            exchange.leave()
            await exchange.task
            streams.write("req_a")
            exchange = await watch(client, "/api/streams/req_a/events", last_event_id=seen)
            assert [event["number"] for event in events(exchange)[0][1]["events"]] == [2]
            exchange.leave()
            await exchange.task

    run(scenario())


def test_a_stream_that_nobody_knows_can_not_be_followed() -> None:
    async def scenario() -> None:
        async with console(inspector=Inspector(InspectorSettings())) as client:
            answer = await client.get("/api/streams/req_x/events")
            assert (answer.status, answer.error["param"]) == (404, "request_id")

    run(scenario())


@pytest.mark.parametrize("path", ["", "/events", "/req_a", "/req_a/events"])
def test_without_timelines_it_is_said_so(path: str) -> None:
    async def scenario() -> None:
        inspector = Inspector(InspectorSettings())
        for config, deps in (({}, {}), ({"inspector": {"streams": 0}}, {"inspector": inspector})):
            async with console(config, **deps) as client:
                answer = await client.get(f"/api/streams{path}")
                assert answer.status == 503
                assert "inspector.streams" in answer.error["message"]

    run(scenario())


def test_a_request_is_ended_by_an_administrator() -> None:
    async def scenario() -> None:
        async with console() as client:
            stopped: list[GatewayError] = []
            active: Any = client.deps.gateway.active
            active["req_a"] = SimpleNamespace(stop=stopped.append)
            assert (await client.post("/api/streams/req_a/cancel")).json == {"request_id": "req_a"}
            assert [type(error) for error in stopped] == [Cancelled]
            active.clear()
            assert (await client.post("/api/streams/req_a/cancel")).status == 404

    run(scenario())

"""Driver and fake upstream together, for a second or less each; nothing is asserted about speed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import peers, procs, runner
from bench.client import EVENT_BYTES, Stream
from bench.driver import Job
from bench.results import Run
from bench.upstream import Plan


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with runner.upstream() as port:
        yield port


def drive(port: int, job: Job) -> Run:
    running = peers.Running(port, 0, None)
    return runner.drive("any", peers.DIRECT, 1, running, job)


def job(port: int, kind: str, streams: int, *, events: int = 1, interval_ms: int = 0) -> Job:
    return Job(
        kind, port, port, streams=streams, events=events, interval_ms=interval_ms, run_s=0.2, limit_s=20.0
    )


def test_json_requests_are_counted_and_timed(port: int) -> None:
    metrics = drive(port, job(port, "json", 4)).metrics
    assert metrics["units"] > 0
    assert 0 < metrics["latency_p50_ms"] <= metrics["latency_p99_ms"]


def test_every_event_of_every_stream_is_seen(port: int) -> None:
    metrics = drive(port, job(port, "streams", 5, events=10, interval_ms=5)).metrics
    assert metrics["units"] == 50
    assert metrics["delay_p50_ms"] > 0
    assert metrics["ttfb_p50_ms"] > 0


def test_back_to_back_events_are_counted_too(port: int) -> None:
    assert drive(port, job(port, "streams", 2, events=300)).metrics["units"] == 600


def test_idle_streams_stay_open(port: int) -> None:
    assert drive(port, job(port, "idle", 40)).metrics["open"] == 40


def test_the_upstream_tells_when_its_clients_left(port: int) -> None:
    metrics = drive(port, job(port, "abort", 5)).metrics
    assert metrics["unnoticed"] == 0
    assert metrics["abort_p50_ms"] > 0


def test_a_gateway_that_is_not_there_is_an_error_not_a_figure(port: int) -> None:
    run = runner.drive("any", "gone", 1, peers.Running(procs.free_port(), 0, None), job(port, "json", 1))
    assert run.metrics == {}
    assert "refused" in run.error.lower() or "errno" in run.error.lower()


def test_cpu_time_and_memory_of_a_gateway_are_read(tmp_path: Path) -> None:
    port = procs.free_port()
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    gateway = procs.Process(command, log=tmp_path / "log", cwd=runner.ROOT)
    try:
        peers.await_ready(gateway, port, "bench-json", within_s=30.0)
        running = peers.Running(port, gateway.pid, gateway)
        load = runner.drive("any", "self", 1, running, job(port, "json", 2)).metrics
        idle = runner.drive("any", "self", 1, running, job(port, "idle", 20)).metrics
    finally:
        gateway.stop()
    assert load["cpu_us"] > 0
    assert load["rss_mib"] > 1
    assert "kib_per_stream" in idle
    assert not gateway.running


@pytest.mark.parametrize("size", [1, EVENT_BYTES - 1, EVENT_BYTES, 97])
def test_a_stream_is_read_right_however_it_is_split(size: int) -> None:
    async def scenario() -> None:
        plan = Plan("bench-3x0")
        text = plan.event() * 3 + plan.finish + plan.usage + plan.done
        stream = Stream(3)
        for at in range(0, len(text), size):
            stream.body(text[at : at + size], time.monotonic_ns())
        stream.complete(200, time.monotonic_ns())
        await stream.end
        assert len(stream.delays) == 3

    asyncio.run(scenario())


def test_a_short_stream_is_an_error() -> None:
    async def scenario() -> None:
        stream = Stream(2)
        stream.body(Plan("bench-1x0").event(), time.monotonic_ns())
        stream.complete(200, time.monotonic_ns())
        with pytest.raises(Exception, match="1 of 2 events"):
            await stream.end

    asyncio.run(scenario())


def test_a_completion_has_the_shape_and_size_of_a_real_one() -> None:
    head, _, body = Plan("bench-json").completion.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["choices"][0]["finish_reason"] == "stop"
    assert 500 <= len(body) <= 700


def test_an_event_is_as_long_as_a_real_one() -> None:
    event = Plan("bench-100x20").event()
    payload = event.partition(b"\r\n")[2].removesuffix(b"\r\n")
    assert 220 <= len(payload) <= 260
    assert json.loads(payload.removeprefix(b"data: "))["choices"][0]["finish_reason"] is None

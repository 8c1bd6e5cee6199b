"""The load driver: runs one scenario against one gateway and prints what it measured as JSON.

`python -m bench.driver JOB` (a `Job` in JSON), in a process of its own. It reads the gateway's CPU
time itself, at the first and the last byte of the work, so that starting and warming up cost nothing.
A run that can't be counted prints `{"error": "why"}`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import uvloop

from bench import procs
from bench.client import BenchError, Connection, Stream, ask, chat, connect, get

Metrics = dict[str, float]

ABORT_WAIT_S = 5.0
"""How long the upstream may go on after its client left before we call it unnoticed."""
WARM_S = 2.0
"""After the warm-up: gateways that keep records write the first of them about a second later."""
SETTLE_S = 0.5
"""Between opening idle streams and weighing them: what opening them takes along should be freed."""
OPENING = 32
"""Idle streams being opened at once."""


class Job(msgspec.Struct, frozen=True):
    """One run. `watch`: root process of the gateway, 0 for none."""

    kind: str
    port: int
    upstream_port: int
    key: str = "none"
    watch: int = 0
    streams: int = 1
    events: int = 1
    interval_ms: int = 0
    repeats: int = 1
    run_s: float = 1.0
    limit_s: float = 120.0

    @property
    def model(self) -> str:
        """The model name that orders these events from the fake upstream."""
        return f"bench-{self.events}x{self.interval_ms}"


class Watch:
    """CPU time and memory of the gateway, read around the work."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu_ns = procs.cpu_ns(pid) if pid else 0
        self._wall_ns = time.monotonic_ns()

    def stop(self, *, units: int) -> Metrics:
        """CPU microseconds per unit of work, work per second, CPU share and resident memory."""
        wall_ns = time.monotonic_ns() - self._wall_ns
        metrics = {"per_s": units / wall_ns * 1e9, "units": units}
        if self._pid:
            used_ns = procs.cpu_ns(self._pid) - self._cpu_ns
            metrics["cpu_us"] = used_ns / units / 1e3
            metrics["cpu_percent"] = used_ns / wall_ns * 100
            metrics["rss_mib"] = procs.memory(self._pid).rss / 2**20
        return metrics


def quantiles(name: str, values_ns: Sequence[int]) -> Metrics:
    """Median and 99th percentile in milliseconds, as `NAME_p50_ms` and `NAME_p99_ms`."""
    if not values_ns:
        return {}
    ordered = sorted(values_ns)
    last = len(ordered) - 1
    return {f"{name}_p{p}_ms": ordered[round(last * p / 100)] / 1e6 for p in (50, 99)}


def jitter(streams: Sequence[Stream]) -> Metrics:
    """How much the gap between neighbouring events changed on the way (as RFC 3550, 6.4.1, unsmoothed)."""
    changes = [
        abs(after - before)
        for stream in streams
        for before, after in zip(stream.delays, stream.delays[1:], strict=False)
    ]
    return quantiles("jitter", changes)


class Requester:
    """Sends the same request over and over on one connection, until told to stop."""

    def __init__(self, connection: Connection, request: bytes) -> None:
        self.latencies = array("q")
        self.stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stopping = False
        self._connection = connection
        self._request = request
        self._sent_ns = 0

    def go(self) -> None:
        """Send the next request."""
        self._sent_ns = time.monotonic_ns()
        self._connection.send(self._request, self)

    def body(self, data: bytes, now: int) -> None:
        pass

    def complete(self, status: int, now: int) -> None:
        self.latencies.append(now - self._sent_ns)
        if status != 200:
            self.stopped.set_exception(BenchError(f"status {status}"))
        elif self.stopping:
            self.stopped.set_result(None)
        else:
            self.go()

    def lost(self) -> None:
        self.stopped.set_exception(BenchError("connection lost"))


async def run_json(job: Job) -> Metrics:
    """Small non-streaming requests on `streams` keep-alive connections for `run_s` seconds."""
    request = chat(job.port, model="bench-json", key=job.key, stream=False)
    requesters = [Requester(connection, request) for connection in await connect(job.port, job.streams)]
    for requester in requesters:
        requester.go()
    await asyncio.sleep(min(0.3, job.run_s))  # warm-up: connections to the upstream, caches
    for requester in requesters:
        del requester.latencies[:]
    watch = Watch(job.watch)
    await asyncio.sleep(job.run_s)
    latencies = [latency for requester in requesters for latency in requester.latencies]
    metrics = watch.stop(units=max(1, len(latencies)))
    for requester in requesters:
        requester.stopping = True
    await asyncio.gather(*(requester.stopped for requester in requesters))
    return metrics | quantiles("latency", latencies)


def start_stream(connection: Connection, request: bytes, events: int) -> Stream:
    """Ask for one stream of `events` events."""
    stream = Stream(events)
    connection.send(request, stream)
    return stream


async def warm_up(job: Job, connections: Sequence[Connection]) -> None:
    """One short stream per connection, and some time for what it left to be done (logs, records): what is measured
    later finds everything open and loaded."""
    request = chat(job.port, model="bench-2x0", key=job.key, stream=True)
    await asyncio.gather(*(start_stream(connection, request, 2).end for connection in connections))
    await asyncio.sleep(min(WARM_S, job.run_s))


async def run_streams(job: Job) -> Metrics:
    """`streams` streams at a time, `repeats` one after the other on each connection.

    They are started evenly over one interval, so that no two march in step.
    """
    connections = await connect(job.port, job.streams)
    await warm_up(job, connections)
    request = chat(job.port, model=job.model, key=job.key, stream=True)
    streams: list[Stream] = []

    async def repeat(number: int, connection: Connection) -> None:
        await asyncio.sleep(job.interval_ms / 1e3 * number / job.streams)
        for _ in range(job.repeats):
            stream = start_stream(connection, request, job.events)
            streams.append(stream)
            await stream.end

    watch = Watch(job.watch)
    await asyncio.gather(*(repeat(number, connection) for number, connection in enumerate(connections)))
    metrics = watch.stop(units=job.streams * job.repeats * job.events)
    first_bytes = [stream.first_ns - stream.sent_ns for stream in streams]
    delays = [delay for stream in streams for delay in stream.delays]
    return metrics | quantiles("ttfb", first_bytes) | quantiles("delay", delays) | jitter(streams)


async def open_idle(job: Job, connections: Sequence[Connection]) -> list[Stream]:
    """One stream on each connection that falls silent after its first event; all have had that event."""
    streams: list[Stream] = []
    for at in range(0, len(connections), OPENING):
        some = [
            start_stream(connection, chat(job.port, model="bench-idle", key=job.key, stream=True, tag=tag), 1)
            for tag, connection in enumerate(connections[at : at + OPENING], at)
        ]
        await asyncio.gather(*(stream.first for stream in some))
        streams += some
    return streams


async def run_idle(job: Job) -> Metrics:
    """Memory of the gateway per open, silent stream: its connection to the client included."""
    await warm_up(job, await connect(job.port, min(job.streams, 50)))
    await asyncio.sleep(SETTLE_S)
    before = procs.memory(job.watch) if job.watch else None
    begun = time.monotonic()
    streams = await open_idle(job, await connect(job.port, job.streams))
    open_s = time.monotonic() - begun
    await asyncio.sleep(SETTLE_S)
    alive = sum(not stream.end.done() for stream in streams)
    metrics: Metrics = {"open": alive, "open_s": open_s}
    if before:
        after = procs.memory(job.watch)
        metrics["kib_per_stream"] = (after.held - before.held) / job.streams / 1024
        metrics["rss_mib"] = after.rss / 2**20
        metrics["is_pss"] = float(after.kind == "PSS")
    return metrics


async def run_abort(job: Job) -> Metrics:
    """Clients that leave a silent stream, one after the other: when does the upstream notice?"""
    connections = await connect(job.port, job.streams)
    await warm_up(job, connections)
    await ask(job.upstream_port, get(job.upstream_port, "/bench/aborts"))  # forget earlier ones
    await open_idle(job, connections)
    left: dict[int, int] = {}
    for tag, connection in enumerate(connections):
        left[tag] = time.monotonic_ns()
        connection.close()
        await asyncio.sleep(0.01)
    latencies: list[int] = []
    deadline = time.monotonic() + ABORT_WAIT_S
    while left and time.monotonic() < deadline:
        _, body = await ask(job.upstream_port, get(job.upstream_port, "/bench/aborts"))
        seen = msgspec.json.decode(body, type=list[tuple[int, int]])
        latencies += [at_ns - left.pop(tag) for tag, at_ns in seen if tag in left]
        await asyncio.sleep(0.05)
    return {"unnoticed": float(len(left))} | quantiles("abort", latencies)


KINDS: dict[str, Callable[[Job], Awaitable[Metrics]]] = {
    "json": run_json,
    "streams": run_streams,
    "idle": run_idle,
    "abort": run_abort,
}


async def run(job: Job) -> Metrics:
    """Run one job within its time limit. Raises `BenchError` where the figures would mean nothing."""
    try:
        async with asyncio.timeout(job.limit_s):
            return await KINDS[job.kind](job)
    except TimeoutError:
        raise BenchError(f"not done within {job.limit_s:.0f} s") from None
    except OSError as error:
        raise BenchError(str(error)) from error


def main() -> None:
    """Entry of the driver process."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    gc.disable()  # a collection would show up as the gateway's latency
    try:
        result: dict[str, float | str] = {**uvloop.run(run(job))}
    except BenchError as error:
        result = {"error": str(error)}
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()

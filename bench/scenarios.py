"""What is measured: each scenario's load, and the columns of its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from bench.driver import Job


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of the driver in one table. `digits` after the point."""

    metric: str
    heading: str
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """`job`: the full load; `quick`: a small one that shows that all works. The ports are filled in later.

    The first column is the one that counts: it gets its range and its ratio to nginx as well.
    """

    name: str
    title: str
    what: str
    job: Job
    quick: Job
    columns: tuple[Column, ...]


def _job(kind: str, streams: int, *, events: int = 1, interval_ms: int = 0, repeats: int = 1) -> Job:
    return Job(
        kind, 0, 0, streams=streams, events=events, interval_ms=interval_ms, repeats=repeats, run_s=3.0
    )


_RSS: Final = Column("rss_mib", "RSS MiB", 0)
_CPU: Final = Column("cpu_percent", "CPU %", 0)


def _idle(streams: int, quick: int) -> Scenario:
    return Scenario(
        f"idle-{streams}",
        f"{streams:,} idle streams",
        "Streams that had one event and are silent since: memory of the process tree (PSS) with them, less "
        "without them, by their number. Kernel socket buffers are not part of it.",
        msgspec.structs.replace(_job("idle", streams), limit_s=60.0),
        _job("idle", quick),
        (
            Column("kib_per_stream", "KiB per stream"),
            Column("open", "open at the end", 0),
            Column("open_s", "s to open all", 2),
            _RSS,
        ),
    )


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "streams",
        "200 streams, an event every 20 ms",
        "200 streams of 100 events each; no two streams in step. CPU time covers the opening of the streams "
        "too; delay is from the upstream's write to the client's read.",
        _job("streams", 200, events=100, interval_ms=20),
        _job("streams", 200, events=50, interval_ms=20),
        (
            Column("cpu_us", "CPU µs per event"),
            _CPU,
            _RSS,
            Column("delay_p50_ms", "delay p50 ms", 2),
            Column("delay_p99_ms", "delay p99 ms", 2),
        ),
    ),
    Scenario(
        "few-streams",
        "20 streams, an event every 20 ms",
        "The same at a tenth of the load, which every gateway here can carry. One that is saturated reads "
        "several events at once and so looks cheaper for each.",
        _job("streams", 20, events=100, interval_ms=20),
        _job("streams", 20, events=50, interval_ms=20),
        (
            Column("cpu_us", "CPU µs per event"),
            _CPU,
            Column("delay_p50_ms", "delay p50 ms", 2),
            Column("delay_p99_ms", "delay p99 ms", 2),
        ),
    ),
    Scenario(
        "json",
        "Small JSON requests",
        "32 keep-alive connections, each with one request of about 500 bytes at a time, answers of about 530 "
        "bytes. The driver and the upstream share the machine, so requests per second is no gateway's limit.",
        _job("json", 32),
        msgspec.structs.replace(_job("json", 32), run_s=1.0),
        (
            Column("cpu_us", "CPU µs per request"),
            Column("per_s", "requests/s", 0),
            Column("latency_p50_ms", "p50 ms", 2),
            Column("latency_p99_ms", "p99 ms", 2),
            _RSS,
        ),
    ),
    Scenario(
        "burst",
        "Events back to back",
        "16 streams of 2,000 events each at a time, four times over, written as fast as they are taken, 16 "
        "events per write.",
        _job("streams", 16, events=2000, repeats=4),
        _job("streams", 16, events=500),
        (Column("cpu_us", "CPU µs per event", 2), Column("per_s", "events/s", 0), _CPU, _RSS),
    ),
    Scenario(
        "latency",
        "Time added",
        "Eight streams at a time, an event every 20 ms, on a machine that is otherwise idle. Time to first "
        "byte is from request to first event; jitter is the change of the gap between neighbouring events.",
        _job("streams", 8, events=10, interval_ms=20, repeats=20),
        _job("streams", 8, events=10, interval_ms=20, repeats=4),
        (
            Column("ttfb_p50_ms", "first byte p50 ms", 3),
            Column("ttfb_p99_ms", "p99 ms", 3),
            Column("delay_p50_ms", "delay p50 ms", 3),
            Column("delay_p99_ms", "p99 ms", 3),
            Column("jitter_p50_ms", "jitter p50 ms", 3),
            Column("jitter_p99_ms", "p99 ms", 3),
        ),
    ),
    Scenario(
        "abort",
        "The client leaves",
        "50 clients close their connection, one after the other, on streams that are silent at the time; "
        "when does the upstream see its own connection closed? Unnoticed: not within 5 s.",
        _job("abort", 50),
        _job("abort", 20),
        (
            Column("abort_p50_ms", "p50 ms", 2),
            Column("abort_p99_ms", "p99 ms", 2),
            Column("unnoticed", "unnoticed", 0),
        ),
    ),
    _idle(1000, 200),
    _idle(5000, 500),
)

NAMES = tuple(scenario.name for scenario in SCENARIOS)


def models() -> tuple[str, ...]:
    """Every model name that a run may ask for, for gateways that must know them beforehand."""
    ordered = [job.model for scenario in SCENARIOS for job in (scenario.job, scenario.quick)]
    return ("bench-json", "bench-idle", "bench-2x0", *dict.fromkeys(ordered))

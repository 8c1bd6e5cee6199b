"""Whether a soak was passed: each thing that has to hold, what was measured, and the word on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.soak.gauge import Sample, late, slope_bytes_per_min
from bench.soak.run import Result

MIB = 2**20
MAX_SLOPE_BYTES_PER_MIN = MIB
MAX_SPREAD_BYTES = 24 * MIB
JUDGED_AFTER_MINUTES = 3.0
"""In a shorter run, memory is still that of a process that has just begun."""

SPARE_FILES = 4
"""Open files that may be more than before the load: a health check's connection, a file that is being read."""

CHECKED_UPSTREAMS = 3
"""Each may keep the connection of its health check."""


class Verdict(NamedTuple):
    """`good`: None where the run was too short to tell."""

    what: str
    measured: str
    good: bool | None


def verdicts(result: Result) -> list[Verdict]:
    """All of them."""
    hung = sum(count for (_, _, outcome), count in result.outcomes.items() if outcome == "hung")
    return [
        Verdict(
            "every answer was honest",
            f"{len(result.wrongs) - hung} dishonest of {result.requests:,}",
            len(result.wrongs) == hung,
        ),
        Verdict("every answer came to an end", f"{hung} hung", hung == 0),
        *_places(result),
        Verdict("no client's connection is left", f"{result.quiet.clients} open", result.quiet.clients == 0),
        *_idle(result),
        *_memory(result),
        Verdict("the gateway ends when asked to", f"exit code {result.exit_code}", result.exit_code == 0),
        Verdict("its log tells of no defect", f"{len(result.complaints)} lines", not result.complaints),
    ]


def passed(result: Result) -> bool:
    """Nothing was bad."""
    return all(verdict.good is not False for verdict in verdicts(result))


def _places(result: Result) -> Iterator[Verdict]:
    ready, baseline = result.quiet.ready, result.before.ready
    if ready is None or baseline is None:
        yield Verdict("the gateway says how it is", "no answer from /readyz", False)
        return
    held = ", ".join(f"{name} {count}" for name, count in ready.upstreams.items() if count) or "0"
    measured = f"{ready.in_flight} in flight, {ready.queued} queued, at upstreams {held}"
    yield Verdict("no place is left taken", measured, ready.is_quiet)
    tasks = f"{ready.tasks}, before the load {baseline.tasks}"
    yield Verdict("no task is left", tasks, ready.tasks <= baseline.tasks)


def _idle(result: Result) -> Iterator[Verdict]:
    what = "no connection toward an upstream is left, once idle ones are closed"
    files = "no open file is left"
    after, before = result.after, result.before
    if after is None:
        yield Verdict(what, f"not waited for; {result.quiet.upstreams} open", None)
        grown = result.quiet.files - result.quiet.upstreams - (before.files - before.upstreams)
        yield Verdict(files, f"{grown:+} besides connections toward upstreams", grown <= SPARE_FILES)
        return
    yield Verdict(what, f"{after.upstreams} open, of health checks", after.upstreams <= CHECKED_UPSTREAMS)
    told = f"{after.files}, before the load {before.files}"
    yield Verdict(files, told, after.files <= before.files + SPARE_FILES)


def _memory(result: Result) -> Iterator[Verdict]:
    samples: list[Sample] = late(result.samples)
    slope = slope_bytes_per_min(samples)
    sizes = [one.rss_bytes for one in samples] or [0]
    spread = max(sizes) - min(sizes)
    judged = result.options.minutes >= JUDGED_AFTER_MINUTES
    yield Verdict(
        f"memory grows by less than {MAX_SLOPE_BYTES_PER_MIN // MIB} MiB per minute in the last 60 % of the run",
        f"{slope / MIB:+.2f} MiB per minute",
        slope < MAX_SLOPE_BYTES_PER_MIN if judged else None,
    )
    yield Verdict(
        f"its largest and smallest differ by less than {MAX_SPREAD_BYTES // MIB} MiB there",
        f"{spread / MIB:.1f} MiB",
        spread < MAX_SPREAD_BYTES if judged else None,
    )

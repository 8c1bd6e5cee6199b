"""Traces and metrics for OpenTelemetry: an observer of records, and the trace context on its way up.

In the loop a traced request costs a few microseconds: its ids when it begins, an entry in a bounded list when it is
over. All else happens in threads: ours makes spans and measurements of records, the SDK's send them. A collector that
is slow or away delays nothing; what is lost on the way is counted.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sluiceway.config.observe_settings import TracingSettings
from sluiceway.config.problems import ConfigError, Problem
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.observe.record import Record
from sluiceway.observe.trace_ids import Trace, new_trace, trace_below
from sluiceway.observe.trace_metrics import Measures
from sluiceway.observe.trace_spans import spans_of
from sluiceway.observe.trace_upstreams import destinations
from sluiceway.wire.http import Headers
from sluiceway.wire.trace_context import read_context

if TYPE_CHECKING:
    from sluiceway.observe.trace_export import Exports

# How often records are taken from the list; the list's length bounds the rate: 20,000 requests a second.
POLL_S: Final = 0.5
MAX_WAITING: Final = 10_000

# Requests that run and are traced. More than a process can have, and a bound in case one is never reported over.
MAX_RUNNING: Final = 100_000

# How finely `sample` is told apart.
_DICE_BITS: Final = 32

_log = logging.getLogger("sluiceway.tracing")


def demand_packages(settings: TracingSettings) -> None:
    """Raise `ConfigError` where the configuration wants traces and their packages are missing. Starts nothing."""
    if settings.endpoint:
        _exports_class()


def tracer_of(settings: TracingSettings, upstreams: Iterable[UpstreamSettings]) -> Tracer | None:
    """A tracer, if the configuration wants one. Raises `ConfigError` where its packages are missing."""
    return Tracer(settings, upstreams) if settings.endpoint else None


class Tracer:
    """See the module. `begin` and calls belong to the loop."""

    def __init__(self, settings: TracingSettings, upstreams: Iterable[UpstreamSettings]) -> None:
        """Starts its threads. Raises `ConfigError` where the packages of the extra are missing."""
        self._sampled_below = round(settings.sample * (1 << _DICE_BITS))
        self._measures = Measures() if settings.metrics else None
        self._exports = _exports_class()(settings)
        self._running: dict[str, Trace] = {}
        self._waiting: deque[tuple[Record, Trace | None]] = deque()  # appended to here, taken from there
        self._overflow = 0
        self._failed = 0
        self._closing = threading.Event()
        self.know(upstreams)
        self._worker = threading.Thread(target=self._run, name="tracing", daemon=True)
        self._worker.start()

    def know(self, upstreams: Iterable[UpstreamSettings]) -> None:
        """These are the upstreams now: at the start, and after a reload."""
        self._upstreams = destinations(upstreams)

    @property
    def dropped(self) -> int:
        """Spans that no collector got."""
        return self._overflow + self._failed + self._exports.dropped

    # ── in the loop ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, headers: Headers) -> Trace | None:
        """A request came. None: leave its headers as they are, since its sender does not record it either."""
        context = read_context(headers)
        if context is None:
            trace = new_trace(sampled=random.getrandbits(_DICE_BITS) < self._sampled_below)
        elif context.sampled:
            trace = trace_below(context)
        else:
            return None
        if trace.traceparent is not None:
            if len(self._running) >= MAX_RUNNING:
                del self._running[next(iter(self._running))]
            self._running[trace.traceparent] = trace
        return trace

    def __call__(self, record: Record) -> None:
        """A request is over. Sends nothing, and so can't block."""
        trace = None if record.traceparent is None else self._running.pop(record.traceparent, None)
        if trace is None and (self._measures is None or not record.attempts):
            return
        if len(self._waiting) >= MAX_WAITING:
            self._overflow += 1 + len(record.attempts)
        else:
            self._waiting.append((record, trace))

    def close(self, timeout_s: float = 3.0) -> None:
        """Send what waits, for at most that long."""
        deadline = time.monotonic() + timeout_s
        self._closing.set()
        self._worker.join(timeout_s)
        self._exports.close(max(0.0, deadline - time.monotonic()))

    # ── in a thread ─────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(POLL_S)
            while self._waiting:
                record, trace = self._waiting.popleft()
                try:
                    self._export(record, trace)
                except Exception:
                    self._failed += 1 + len(record.attempts)
                    _log.exception("request %s can't be traced", record.request_id)
                time.sleep(0)  # the interpreter is offered to the loop, which else waits 5 ms for it

    def _export(self, record: Record, trace: Trace | None) -> None:
        upstreams = self._upstreams
        if trace is not None:
            for plan in spans_of(record, trace, upstreams):
                self._exports.span(plan, trace)
        if self._measures is not None:
            for measure in self._measures.of(record, upstreams):
                self._exports.measure(measure)


def _exports_class() -> type[Exports]:
    try:
        from sluiceway.observe.trace_export import Exports  # its packages are an extra
    except ImportError as error:
        hint = 'pip install "sluiceway[otel]"'
        problem = Problem("tracing.endpoint", "OpenTelemetry's packages are not installed", hint)
        raise ConfigError([problem]) from error
    return Exports

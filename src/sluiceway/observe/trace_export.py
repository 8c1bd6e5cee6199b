"""Spans and measurements, handed to OpenTelemetry's SDK and by it to a collector. The only module that knows the SDK;
imported on demand, since its packages are an extra (`sluiceway[otel]`).

The SDK batches and sends in threads of its own. All its buffers are bounded, and what they would drop is counted
here: spans that find its queue full, and spans of a batch that a collector did not take.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from sluiceway import __version__
from sluiceway.config.observe_settings import TracingSettings
from sluiceway.observe.trace_ids import Trace
from sluiceway.observe.trace_metrics import INSTRUMENTS, Measure
from sluiceway.observe.trace_spans import SpanPlan

# The conventions that names and attributes follow (`trace_spans`, `trace_metrics`).
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"

# Spans that wait for the collector, a few KiB each: a minute's worth of 100 requests a second.
MAX_QUEUED: Final = 12_288

# Encoding a span takes some 60 us of Python, during which streams may wait for the interpreter: batches are small.
BATCH: Final = 32

# How long spans wait for company.
DELAY_S: Final = 2.0

# After this a batch is given up. Retries within it are the SDK's.
EXPORT_S: Final = 10.0

# A collector that is away would fill the log: the SDK tells of every batch, and of every retry.
LOG_EVERY_S: Final = 60.0

_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}

_log = logging.getLogger("sluiceway.tracing")


class Exports:
    """See the module. All but `close` is for one thread only."""

    def __init__(self, settings: TracingSettings) -> None:
        _quieten()
        endpoint = settings.endpoint.rstrip("/")
        headers = {name: str(value) for name, value in settings.headers.items()}
        resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": __version__,
                # Workers of one gateway must not overwrite one another's metrics.
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        self._ids = _Promised()
        self._exporter = _Counted(
            OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", headers=headers, timeout=EXPORT_S)
        )
        self._traces = TracerProvider(
            sampler=ALWAYS_ON,  # whoever is not traced does not come here
            resource=resource,
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._traces.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=MAX_QUEUED,
                schedule_delay_millis=DELAY_S * 1000,
                max_export_batch_size=BATCH,
            )
        )
        self._tracer = self._traces.get_tracer("sluiceway", __version__, schema_url=SCHEMA_URL)
        self._queued = 0
        self._overflow = 0
        self._closed = False
        self._meters: MeterProvider | None = None
        if settings.metrics:
            exporter = OTLPMetricExporter(
                endpoint=f"{endpoint}/v1/metrics", headers=headers, timeout=EXPORT_S
            )
            self._meters = MeterProvider(
                metric_readers=[PeriodicExportingMetricReader(exporter)],
                resource=resource,
                exemplar_filter=AlwaysOffExemplarFilter(),  # no span is current where measurements are made
                shutdown_on_exit=False,
            )
            meter = self._meters.get_meter("sluiceway", __version__, schema_url=SCHEMA_URL)
            self._histograms = {
                one.name: meter.create_histogram(
                    one.name, one.unit, one.description, explicit_bucket_boundaries_advisory=one.bounds
                )
                for one in INSTRUMENTS
            }

    @property
    def dropped(self) -> int:
        """Spans that no collector got."""
        return self._overflow + self._exporter.failed

    def span(self, plan: SpanPlan, trace: Trace) -> None:
        """Queue a finished span under the ids that it was promised."""
        # Handed over is a batch after it left the queue: so this never takes the queue for emptier than it is.
        if self._closed or self._queued - self._exporter.handed >= MAX_QUEUED:
            self._overflow += 1
            return
        self._queued += 1
        self._ids.trace_id, self._ids.span_id = int(trace.trace_id, 16), plan.span
        span = self._tracer.start_span(
            plan.name,
            _context(plan, trace),
            _KINDS[plan.kind],
            plan.attributes,
            start_time=plan.began_ns,
        )
        for name, at_ns in plan.events:
            span.add_event(name, timestamp=at_ns)
        if plan.failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(plan.ended_ns)

    def measure(self, measure: Measure) -> None:
        """Add one measurement."""
        instrument, value, labels = measure
        self._histograms[instrument.name].record(value, labels)

    def close(self, timeout_s: float) -> None:
        """Send what waits, for at most that long; what is then left is dropped and counted."""
        deadline = time.monotonic() + timeout_s
        self._closed = True
        closing = [_start("traces-close", self._traces.shutdown)]
        if self._meters is not None:
            meters = self._meters
            closing.append(_start("metrics-close", lambda: meters.shutdown(timeout_s * 1000)))
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._exporter.give_up()
        left = self._queued - self._exporter.handed
        self._queued -= left
        self._overflow += left


def _context(plan: SpanPlan, trace: Trace) -> Context:
    """The context that makes the parent, and no span that happens to be current in this thread."""
    if not plan.parent:
        return Context()
    state = TraceState.from_header([trace.state]) if trace.state else None
    parent = SpanContext(int(trace.trace_id, 16), plan.parent, plan.remote, TraceFlags(trace.flags), state)
    return set_span_in_context(NonRecordingSpan(parent), Context())


class _Promised(IdGenerator):
    """The SDK asks for the ids of each span: these were told upstream long before."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 0

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


class _Counted(SpanExporter):
    """Counts what the exporter was given, and what it failed to send."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._given_up = False
        self._lock = threading.Lock()
        self.handed = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._given_up:
            return SpanExportResult.FAILURE
        self.handed += len(spans)
        sent = False
        try:
            result = self._inner.export(spans)
            sent = result is SpanExportResult.SUCCESS
        finally:
            if not sent:  # it says so, or raises, which the SDK logs
                self.failed += len(spans)
        return result

    def give_up(self) -> None:
        """Send nothing more, and let the pauses between retries end."""
        self._given_up = True
        self.shutdown()

    def shutdown(self) -> None:
        with (
            self._lock
        ):  # the SDK may get here too, from the thread that closes it, and complains of a second time
            inner, self._inner = self._inner, _Closed()
        inner.shutdown()


class _Closed(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """It is."""


class _Seldom(logging.Handler):
    """Passes on one of the SDK's complaints a minute, in the gateway's own log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next_at = float("-inf")
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self._left_out += 1
            return
        left_out, self._left_out, self._next_at = self._left_out, 0, now + LOG_EVERY_S
        _log.warning(
            "OpenTelemetry: %s (%d such lines left out since the last)", record.getMessage(), left_out
        )


def _quieten() -> None:
    """Once per process: what the SDK logs goes through `_Seldom`."""
    logger = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, _Seldom) for handler in logger.handlers):
        logger.addHandler(_Seldom())
        logger.propagate = False


def _start(name: str, function: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            function()
        except Exception as error:
            # The SDK raises where it ran out of time, which the caller sees by himself.
            _log.debug("OpenTelemetry did not close properly: %s", error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread

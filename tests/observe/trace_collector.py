"""A collector as OpenTelemetry's protocol has it (OTLP over HTTP, protobuf): it takes what comes, or misbehaves."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from trace_records import UPSTREAMS, record

from sluiceway.config.observe_settings import TracingSettings
from sluiceway.observe.trace_ids import Trace
from sluiceway.observe.tracing import Tracer
from sluiceway.wire.http import Headers


class Collector:
    """`status`: what it answers. `stuck`: while set, it does not answer at all. `headers`: of the last request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.stuck = threading.Event()
        self.go_on = threading.Event()
        self.headers: dict[str, str] = {}
        self.traces: list[ResourceSpans] = []
        self.metrics: dict[str, Metric] = {}
        self.asked = 0

    @property
    def spans(self) -> list[Span]:
        """All it has got, in the order in which they came."""
        return [span for one in self.traces for scope in one.scope_spans for span in scope.spans]

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """One export."""
        self.asked += 1
        self.headers = headers
        if self.stuck.is_set():
            self.go_on.wait(30)
            return 503
        if self.status == 200 and path == "/v1/traces":
            self.traces += ExportTraceServiceRequest.FromString(body).resource_spans
        elif self.status == 200 and path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}
        return self.status


@contextlib.contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector on a free port, while the body runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = collector.take(self.path, headers, body)
            with contextlib.suppress(OSError):  # who waited has left
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def collector_and_tracer(**settings: Any) -> Iterator[tuple[Collector, Tracer]]:
    """What waits is exported when `Tracer.close` is called, at the latest when the body ends."""
    with running_collector() as collector:
        tracer = Tracer(TracingSettings(endpoint=collector.url, **settings), UPSTREAMS)
        try:
            yield collector, tracer
        finally:
            collector.go_on.set()
            tracer.close()


def request(tracer: Tracer, headers: Headers, **changes: Any) -> Trace | None:
    """One request from beginning to end."""
    trace = tracer.begin(headers)
    tracer(record(traceparent=trace.traceparent if trace is not None else None, **changes))
    return trace


def attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """Attributes as plain values."""
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    assert kind is not None
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    plain: object = getattr(value, kind)
    return plain


@contextlib.contextmanager
def nobody_there() -> Iterator[str]:
    """A collector's address where nothing listens, and nothing else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"

"""Traces as a collector gets them: who is traced, under which ids, with what."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from trace_collector import attributes, collector_and_tracer, request, running_collector
from trace_records import FAILED_TRY, GOOD_TRY, STARTED_NS, UPSTREAMS, record

import sluiceway.observe.trace_export as trace_export
import sluiceway.observe.tracing as tracing
from sluiceway.config.kinds import Secret
from sluiceway.config.observe_settings import TracingSettings
from sluiceway.config.problems import ConfigError
from sluiceway.observe.tracing import tracer_of
from sluiceway.wire.http import Headers
from sluiceway.wire.trace_context import SAMPLED, read_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
ASKED: Headers = [(b"accept", b"*/*"), (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]
NOT_SAMPLED: Headers = [(b"traceparent", f"00-{TRACE}-{SPAN}-00".encode())]


# ── what is exported ────────────────────────────────────────────────────────────────────────────────


def test_a_request_is_exported_below_the_clients_span_and_its_attempts_below_it() -> None:
    with collector_and_tracer() as (collector, tracer):
        headers = [*ASKED, (b"tracestate", b"congo=t61rcWkgMzE")]
        trace = request(tracer, headers, attempts=(FAILED_TRY, GOOD_TRY))
        tracer.close()
        server, failed, good = collector.spans
    assert trace is not None
    assert {span.trace_id.hex() for span in (server, failed, good)} == {TRACE}
    assert {span.trace_state for span in (server, failed, good)} == {"congo=t61rcWkgMzE"}
    assert server.parent_span_id.hex() == SPAN
    assert server.span_id.hex() == f"{trace.span:016x}"
    assert failed.parent_span_id == good.parent_span_id == server.span_id
    assert (server.kind, failed.kind, good.kind) == (
        Span.SPAN_KIND_SERVER,
        Span.SPAN_KIND_CLIENT,
        Span.SPAN_KIND_CLIENT,
    )
    assert (server.name, good.name) == ("POST /v1/chat/completions", "chat gpt-4o")
    assert (failed.status.code, good.status.code) == (Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET)
    assert tracer.dropped == 0


def test_what_was_told_an_upstream_is_the_span_of_its_attempt() -> None:
    with collector_and_tracer() as (collector, tracer):
        trace = tracer.begin(ASKED)
        assert trace is not None
        told = [read_context(trace.upward(ASKED, number)) for number in (1, 2)]
        tracer(record(traceparent=trace.traceparent, attempts=(FAILED_TRY, GOOD_TRY)))
        tracer.close()
        _, *attempts = collector.spans
    for context, span in zip(told, attempts, strict=True):
        assert context is not None
        assert (context.trace_id, context.span_id) == (span.trace_id.hex(), span.span_id.hex())
        assert context.sampled


def test_attributes_times_and_events_arrive_as_they_are() -> None:
    with collector_and_tracer() as (collector, tracer):
        request(tracer, [])
        tracer.close()
        server, client = collector.spans
    assert (server.start_time_unix_nano, server.end_time_unix_nano) == (STARTED_NS, STARTED_NS + 250_000_000)
    assert [(event.name, event.time_unix_nano) for event in client.events] == [
        ("sluiceway.connected", STARTED_NS + 25_000_000),
        ("sluiceway.head", STARTED_NS + 60_000_000),
        ("sluiceway.first_event", STARTED_NS + 80_000_000),
    ]
    told = attributes(client.attributes)
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert told["gen_ai.usage.input_tokens"] == 100
    assert told["gen_ai.response.time_to_first_chunk"] == 0.06
    assert not server.parent_span_id


def test_the_resource_names_the_service_and_this_process() -> None:
    with collector_and_tracer(service_name="edge") as (collector, tracer):
        request(tracer, [])
        tracer.close()
        (resource,) = collector.traces
    told = attributes(resource.resource.attributes)
    assert told["service.name"] == "edge"
    assert told["service.instance.id"]
    assert resource.scope_spans[0].scope.name == "sluiceway"
    assert resource.scope_spans[0].schema_url == trace_export.SCHEMA_URL


def test_the_collectors_key_is_sent_with_each_export() -> None:
    with collector_and_tracer(headers={"X-Key": Secret("let me in")}) as (collector, tracer):
        request(tracer, [])
        tracer.close()
        assert collector.headers["x-key"] == "let me in"


def test_metrics_are_histograms_with_the_bounds_of_the_conventions() -> None:
    with collector_and_tracer() as (collector, tracer):
        request(tracer, [])
        request(tracer, [])
        tracer.close()
        metrics = collector.metrics
    assert set(metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    }
    (point,) = metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert (point.count, point.sum) == (2, pytest.approx(0.46))
    assert (point.explicit_bounds[0], point.explicit_bounds[-1]) == (0.01, 81.92)
    assert attributes(point.attributes)["gen_ai.request.model"] == "gpt-4o"
    usage = metrics["gen_ai.client.token.usage"]
    assert usage.unit == "{token}"
    sums = {attributes(one.attributes)["gen_ai.token.type"]: one.sum for one in usage.histogram.data_points}
    assert sums == {"input": 200, "output": 40}


def test_metrics_can_be_left_out() -> None:
    with collector_and_tracer(metrics=False) as (collector, tracer):
        request(tracer, [])
        request(tracer, NOT_SAMPLED)
        tracer.close()
        assert (len(collector.spans), collector.metrics) == (2, {})


def test_an_upstream_that_came_with_a_reload_is_known() -> None:
    with collector_and_tracer() as (collector, tracer):
        tracer.know(UPSTREAMS[:1])
        request(tracer, [], attempts=(FAILED_TRY, GOOD_TRY))
        tracer.close()
        _, lost, known = collector.spans
    assert "server.address" not in attributes(lost.attributes)
    assert attributes(known.attributes)["server.address"] == "api.openai.com"


# ── who is traced ───────────────────────────────────────────────────────────────────────────────────


def test_what_the_client_does_not_record_is_left_as_it_is_but_measured() -> None:
    with collector_and_tracer() as (collector, tracer):
        assert request(tracer, NOT_SAMPLED) is None
        tracer.close()
        assert collector.spans == []
        assert "gen_ai.client.operation.duration" in collector.metrics


def test_what_the_client_records_is_traced_whatever_the_share_is() -> None:
    with collector_and_tracer(sample=0.0) as (collector, tracer):
        request(tracer, ASKED)
        tracer.close()
        assert len(collector.spans) == 2


def test_what_is_not_in_the_share_says_so_upstream_and_is_not_exported() -> None:
    with collector_and_tracer(sample=0.0) as (collector, tracer):
        trace = request(tracer, [])
        assert trace is not None
        assert trace.traceparent is None
        context = read_context(trace.upward([], 1))
        assert context is not None
        assert not context.flags & SAMPLED
        tracer.close()
        assert collector.spans == []


def test_the_share_is_about_that_of_the_setting() -> None:
    with collector_and_tracer(sample=0.25, metrics=False) as (_, tracer):
        begun = [tracer.begin([]) for _ in range(4000)]
    sampled = sum(trace is not None and trace.traceparent is not None for trace in begun)
    assert 800 < sampled < 1200


def test_requests_that_are_never_over_are_forgotten_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_RUNNING", 3)
    with collector_and_tracer(metrics=False) as (collector, tracer):
        first, *_, last = [tracer.begin([]) for _ in range(5)]
        assert first is not None
        assert last is not None
        tracer(record(traceparent=first.traceparent))
        tracer(record(traceparent=last.traceparent))
        tracer.close()
        assert {span.trace_id.hex() for span in collector.spans} == {last.trace_id}


# ── with and without ────────────────────────────────────────────────────────────────────────────────


def test_without_an_endpoint_there_is_no_tracer() -> None:
    assert tracer_of(TracingSettings(), UPSTREAMS) is None


def test_with_one_there_is() -> None:
    with running_collector() as collector:
        tracer = tracer_of(TracingSettings(endpoint=f"{collector.url}/"), UPSTREAMS)
        assert tracer is not None
        request(tracer, [])
        tracer.close()
        assert len(collector.spans) == 2


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def blocked(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "sluiceway.observe.trace_export")
    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(ConfigError, match=r'pip install "sluiceway\[otel\]"'):
        tracer_of(TracingSettings(endpoint="http://127.0.0.1:4318"), UPSTREAMS)


def test_nothing_of_opentelemetry_is_imported_before_it_is_wanted() -> None:
    code = (
        "import sys, sluiceway.observe.tracing as t\n"
        "from sluiceway.config.observe_settings import TracingSettings\n"
        "assert t.tracer_of(TracingSettings(), []) is None\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)

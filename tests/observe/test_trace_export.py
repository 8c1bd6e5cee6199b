"""A collector that is slow, broken or away: nobody notices, and what it costs is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from trace_collector import collector_and_tracer, nobody_there, request
from trace_records import UPSTREAMS

import sluiceway.observe.trace_export as trace_export
import sluiceway.observe.tracing as tracing
from sluiceway.config.observe_settings import TracingSettings
from sluiceway.observe.record import Record
from sluiceway.observe.trace_spans import spans_of
from sluiceway.observe.tracing import Tracer


@pytest.fixture
def seldom(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log, as if nothing had been complained of for long."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers[:] = []
    with caplog.at_level(logging.WARNING, "sluiceway.tracing"):
        yield caplog


def own_lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in log.records if line.name == "sluiceway.tracing"]


def test_a_collector_that_is_away_costs_what_was_to_be_sent_and_one_line(
    seldom: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "EXPORT_S", 0.2)
    with nobody_there() as url:
        tracer = Tracer(TracingSettings(endpoint=url), UPSTREAMS)
        for _ in range(5):
            request(tracer, [])
        tracer.close(3)
    assert tracer.dropped == 10
    (line,) = own_lines(seldom)
    assert "OpenTelemetry" in line


@pytest.mark.parametrize("status", [400, 401, 503])
def test_a_collector_that_refuses_costs_what_was_to_be_sent(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "EXPORT_S", 0.2)
    with collector_and_tracer(metrics=False) as (collector, tracer):
        collector.status = status
        request(tracer, [])
        tracer.close()
        assert collector.asked
        assert tracer.dropped == 2


def test_an_exporter_that_raises_costs_what_was_to_be_sent(
    monkeypatch: pytest.MonkeyPatch, seldom: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with collector_and_tracer(metrics=False) as (_, tracer):
        monkeypatch.setattr(OTLPSpanExporter, "export", broken)
        request(tracer, [])
        tracer.close()
        assert tracer.dropped == 2
    assert len(own_lines(seldom)) == 1


def test_a_collector_that_comes_back_gets_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_export, "DELAY_S", 0.01)
    monkeypatch.setattr(tracing, "POLL_S", 0.01)
    with collector_and_tracer(metrics=False) as (collector, tracer):
        collector.status = 400
        request(tracer, [])
        wait_until_dropped(tracer, 2)
        collector.status = 200
        trace = request(tracer, [])
        tracer.close()
        assert trace is not None
        assert {span.trace_id.hex() for span in collector.spans} == {trace.trace_id}
        assert tracer.dropped == 2


def wait_until_dropped(tracer: Tracer, count: int, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while tracer.dropped < count:
        assert time.monotonic() < deadline, f"{tracer.dropped} dropped"
        time.sleep(0.005)


def test_a_stuck_collector_holds_up_neither_requests_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever waited for the exports, 32 spans each, would wait for longer than a test may take.
    monkeypatch.setattr(trace_export, "EXPORT_S", 6.0)
    with collector_and_tracer() as (collector, tracer):
        collector.stuck.set()
        for _ in range(200):
            request(tracer, [])
        tracer.close(0.3)
        collector.go_on.set()
        wait_until_dropped(tracer, 400)
        assert collector.spans == []


def test_what_a_stuck_collector_makes_wait_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_export, "MAX_QUEUED", 64)
    monkeypatch.setattr(trace_export, "EXPORT_S", 0.5)
    monkeypatch.setattr(tracing, "POLL_S", 0.01)
    with collector_and_tracer(metrics=False) as (collector, tracer):
        collector.stuck.set()
        for _ in range(200):
            request(tracer, [])
        wait_until_dropped(tracer, 400 - 2 * 64)  # all but a full queue, and a batch that is being sent
        assert tracer.dropped <= 400 - 64


def test_more_records_than_the_thread_can_take_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_WAITING", 3)
    monkeypatch.setattr(tracing, "POLL_S", 30.0)
    with collector_and_tracer(metrics=False) as (collector, tracer):
        for _ in range(5):
            request(tracer, [])
        assert tracer.dropped == 4
        tracer.close()
        assert len(collector.spans) == 6


def test_a_record_that_can_not_be_traced_is_counted_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, seldom: pytest.LogCaptureFixture
) -> None:
    real = spans_of

    def broken(told: Record, *rest: Any) -> Any:
        if told.request_id == "req_bad":
            raise RuntimeError("broken")
        return real(told, *rest)

    monkeypatch.setattr(tracing, "spans_of", broken)
    with collector_and_tracer() as (collector, tracer):
        request(tracer, [], request_id="req_bad")
        request(tracer, [])
        tracer.close()
        assert len(collector.spans) == 2
        assert tracer.dropped == 2
    assert "req_bad" in seldom.text


def test_closing_twice_is_as_closing_once() -> None:
    with collector_and_tracer() as (collector, tracer):
        request(tracer, [])
        tracer.close()
        tracer.close()
        request(tracer, [])
        assert len(collector.spans) == 2


def test_the_sdk_complains_in_the_gateways_log_once_a_minute(
    seldom: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_export._quieten()
    trace_export._quieten()
    logger = logging.getLogger("opentelemetry.sdk.somewhere")
    for number in range(3):
        logger.error("it is away, %d", number)
    monkeypatch.setattr(trace_export, "LOG_EVERY_S", -1.0)
    handlers = logging.getLogger("opentelemetry").handlers
    (handler,) = [one for one in handlers if isinstance(one, trace_export._Seldom)]
    handler._next_at = 0.0
    logger.error("still away")
    assert own_lines(seldom) == [
        "OpenTelemetry: it is away, 0 (0 such lines left out since the last)",
        "OpenTelemetry: still away (2 such lines left out since the last)",
    ]

"""A real gateway between a client and an upstream that both trace: one trace goes through all of them."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvloop
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from trace_collector import Collector, attributes, nobody_there, running_collector

from sluiceway.config.load import settings_from
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.server import bound_port, build_server
from sluiceway.watching import watching

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
ASKED = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "congo=t61rcWkgMzE"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "congo=t61rcWkgMzE"}

PROMPT = "do not tell anybody"


@contextmanager
def gateway(mock: RunningMock, **tracing: Any) -> Iterator[str]:
    """A gateway's URL, in front of an upstream that is not there and one that is; all is exported at its end."""
    with nobody_there() as gone:
        upstreams = [
            {"name": "gone", "base_url": f"{gone}/v1", "api_keys": ["sk-1"]},
            {"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-2"]},
        ]
        config = {"server": {"port": 0}, "store": {"url": ""}, "upstreams": upstreams, "tracing": tracing}
        settings = settings_from(config, {})
        with watching(settings) as onlooking:
            server = build_server(settings, onlooking=onlooking)
            thread = threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True)
            thread.start()
            deadline = time.monotonic() + 30
            while not server.started:
                assert time.monotonic() < deadline, "the gateway did not start"
                time.sleep(0.002)
            try:
                yield f"http://127.0.0.1:{bound_port(server)}/v1/chat/completions"
            finally:
                server.should_exit = True
                thread.join(30)
                assert not thread.is_alive(), "the gateway did not stop"


def ask(url: str, headers: dict[str, str], *, model: str = "mock-gpt", method: str = "POST") -> int:
    """One stream, read to its end; its status."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    request = urllib.request.Request(
        url,
        data=msgspec.json.encode(body),
        headers={"content-type": "application/json", **headers},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def of_kind(collector: Collector, kind: Span.SpanKind.ValueType) -> list[Span]:
    return [span for span in collector.spans if span.kind == kind]


def test_one_trace_goes_through_client_gateway_and_upstream() -> None:
    with running_collector() as collector, running_mock() as mock:
        with gateway(mock, endpoint=collector.url) as url:
            assert ask(url, ASKED) == 200
        (server,) = of_kind(collector, Span.SPAN_KIND_SERVER)
        failed, good = of_kind(collector, Span.SPAN_KIND_CLIENT)
        received = mock.last
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, SPAN)
    assert received.header("traceparent") == f"00-{TRACE}-{good.span_id.hex()}-01"
    assert received.header("tracestate") == ASKED["tracestate"]
    assert failed.parent_span_id == good.parent_span_id == server.span_id
    assert attributes(failed.attributes)["error.type"] == "upstream_unreachable"
    assert attributes(good.attributes)["gen_ai.usage.output_tokens"]
    for span in (failed, good):
        assert server.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= server.end_time_unix_nano
    assert "gen_ai.client.operation.duration" in collector.metrics
    assert PROMPT not in str(collector.traces)


def test_a_refused_request_is_a_trace_too() -> None:
    with running_collector() as collector, running_mock() as mock:
        with gateway(mock, endpoint=collector.url) as url:
            assert ask(url, {}, method="PUT") == 405
        (server,) = collector.spans
    assert attributes(server.attributes)["http.response.status_code"] == 405
    assert not server.parent_span_id


def test_what_the_client_does_not_record_goes_up_as_it_came() -> None:
    with running_collector() as collector, running_mock() as mock:
        with gateway(mock, endpoint=collector.url) as url:
            ask(url, NOT_SAMPLED)
        assert {name: mock.last.header(name) for name in NOT_SAMPLED} == NOT_SAMPLED
        assert collector.spans == []


def test_without_tracing_the_clients_context_goes_up_as_it_came_valid_or_not() -> None:
    with running_mock() as mock, gateway(mock) as url:
        for headers in (ASKED, {"traceparent": "what ever", "tracestate": "==="}):
            ask(url, headers)
            assert {name: mock.last.header(name) for name in headers} == headers


def test_a_collector_that_is_stuck_holds_up_no_answer() -> None:
    with running_collector() as collector, running_mock() as mock:
        collector.stuck.set()
        with gateway(mock, endpoint=collector.url) as url:
            for _ in range(20):
                assert ask(url, ASKED) == 200
        assert collector.spans == []

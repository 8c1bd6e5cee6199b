"""Spans of a record: by the conventions, within one another, and without a word of what was said."""

from __future__ import annotations

from typing import Any

import opentelemetry.semconv._incubating.attributes.gen_ai_attributes as gen_ai
import pytest
from opentelemetry.semconv._incubating.attributes import http_attributes as http_incubating
from opentelemetry.semconv.attributes import (
    client_attributes,
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)
from trace_records import DESTINATIONS, FAILED_TRY, GOOD_TRY, STARTED_NS, record

from sluiceway.dialects.base import Usage
from sluiceway.observe.record import Record, Try
from sluiceway.observe.trace_ids import Trace, new_trace
from sluiceway.observe.trace_spans import SpanPlan, spans_of

TRACE = new_trace(sampled=True)


def spans(of: Record, trace: Trace = TRACE) -> list[SpanPlan]:
    return spans_of(of, trace, DESTINATIONS)


def request_span(**changes: Any) -> SpanPlan:
    return spans(record(**changes))[0]


def attempt_span(**changes: Any) -> SpanPlan:
    return spans(record(**changes))[-1]


# ── names, kinds, attributes ────────────────────────────────────────────────────────────────────────


def test_a_request_is_a_server_span_by_the_conventions_for_http() -> None:
    span = request_span()
    assert (span.name, span.kind, span.failed) == ("POST /v1/chat/completions", "server", False)
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "client.address": "192.0.2.1",
        "sluiceway.request_id": "req_1",
        "sluiceway.outcome": "ok",
        "sluiceway.key": "team-a",
        "sluiceway.model": "fast",
        "sluiceway.upstream": "openai",
        "sluiceway.committed_by": "event",
        "sluiceway.events": 12,
        "sluiceway.heartbeats": 3,
        "sluiceway.queued_ms": 15.0,
        "sluiceway.cost": 0.0125,
    }


def test_an_attempt_is_a_client_span_by_the_conventions_for_generative_ai() -> None:
    span = attempt_span()
    assert (span.name, span.kind, span.failed) == ("chat gpt-4o", "client", False)
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.06,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "server.address": "api.openai.com",
        "server.port": 443,
        "http.response.status_code": 200,
        "sluiceway.upstream": "openai",
    }


def test_the_conventions_package_knows_every_name_that_is_not_ours() -> None:
    modules = (
        gen_ai,
        http_incubating,
        client_attributes,
        error_attributes,
        http_attributes,
        server_attributes,
        url_attributes,
    )
    known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    told = [
        record(),
        record(method="BREW", outcome="truncated", error_code="upstream_truncated"),
        record(dialect="images", path="/v1/images/generations"),
        record(dialect=None, path="/v1/models"),
    ]
    for one in told:
        for span in spans(one):
            assert {name for name in span.attributes if not name.startswith("sluiceway.")} <= known


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"path": "/v1/messages"}, "POST /v1/messages"),
        ({"method": "GET", "path": "/v1/models"}, "GET /v1/models"),
        ({"method": "GET", "path": "/v1/files/file-123"}, "GET /v1/files/{id}"),
        ({"method": "GET", "path": "/v1/whatever/a/client/likes"}, "GET"),
        ({"method": "BREW", "path": "/v1/whatever"}, "HTTP"),
    ],
)
def test_clients_can_not_make_up_names_of_spans(changes: dict[str, str], name: str) -> None:
    span = request_span(**changes)
    assert span.name == name
    assert span.attributes["url.path"] == changes["path"]


def test_a_method_that_is_not_known_is_called_other() -> None:
    attributes = request_span(method="BREW").attributes
    assert attributes["http.request.method"] == "_OTHER"
    assert attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("changes", "name", "operation"),
    [
        ({"dialect": "responses", "path": "/v1/responses"}, "chat gpt-4o", "chat"),
        ({"dialect": "messages", "path": "/v1/messages"}, "chat gpt-4o", "chat"),
        (
            {"dialect": "images", "path": "/v1/images/generations"},
            "generate_content gpt-4o",
            "generate_content",
        ),
        ({"dialect": None, "path": "/v1/embeddings"}, "embeddings gpt-4o", "embeddings"),
        ({"dialect": None, "path": "/v1/completions"}, "text_completion gpt-4o", "text_completion"),
        ({"upstream_model": None, "model": None}, "chat", "chat"),
    ],
)
def test_an_operation_follows_from_the_path(changes: dict[str, Any], name: str, operation: str) -> None:
    span = attempt_span(**changes)
    assert span.name == name
    assert span.attributes["gen_ai.operation.name"] == operation


def test_where_no_model_is_asked_an_attempt_is_plain_http() -> None:
    span = attempt_span(
        method="GET", path="/v1/models", dialect=None, attempts=(Try("local", None, 1.0, status=200),)
    )
    assert span.name == "GET"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "10.0.0.7",
        "server.port": 8000,
        "sluiceway.upstream": "local",
        "url.full": "http://10.0.0.7:8000/llm/v1/models",
    }


@pytest.mark.parametrize(
    ("attempt", "changes", "provider"),
    [
        ("claude", {}, "anthropic"),
        ("local", {}, "openai"),
        ("local", {"dialect": "messages"}, "anthropic"),
        ("local", {"translated_to": "messages"}, "anthropic"),
        ("local", {"dialect": "messages", "translated_to": "chat"}, "openai"),
        ("gone since", {}, "openai"),
    ],
)
def test_a_provider_is_told_by_its_host_or_else_by_its_api(
    attempt: str, changes: dict[str, Any], provider: str
) -> None:
    span = attempt_span(attempts=(Try(attempt, 0, 1.0),), **changes)
    assert span.attributes["gen_ai.provider.name"] == provider


def test_an_answer_that_was_no_stream_has_no_first_chunk() -> None:
    attributes = attempt_span(stream=False).attributes
    assert "gen_ai.request.stream" not in attributes
    assert "gen_ai.response.time_to_first_chunk" not in attributes


def test_estimated_tokens_are_not_reported_as_counted() -> None:
    assert not [name for name in attempt_span(usage_estimated=True).attributes if "usage" in name]


def test_what_was_not_counted_is_left_out_and_zero_is_not() -> None:
    attributes = attempt_span(usage=Usage(output_tokens=0)).attributes
    assert attributes["gen_ai.usage.output_tokens"] == 0
    assert "gen_ai.usage.input_tokens" not in attributes


# ── failures ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"outcome": "truncated", "error_code": "upstream_truncated"}, True),  # after a 200
        ({"outcome": "timeout", "error_code": "upstream_timeout", "status": 504}, True),
        ({"outcome": "overloaded", "error_code": "gateway_overloaded", "status": 503}, True),
        ({"outcome": "refused", "error_code": "invalid_api_key", "status": 401}, False),
        ({"outcome": "upstream_error", "error_code": "upstream_429", "status": 429}, False),
        ({"outcome": "client_gone", "error_code": "client_gone", "client_left": True}, False),
        ({"outcome": "client_gone", "client_left": True, "status": 499}, False),
    ],
)
def test_the_gateway_failed_only_where_the_client_is_not_to_blame(
    changes: dict[str, Any], failed: bool
) -> None:
    span = request_span(**changes)
    assert span.failed == failed
    assert span.attributes.get("error.type") == (changes["error_code"] if failed else None)
    assert span.attributes["sluiceway.outcome"] == changes["outcome"]
    assert span.attributes.get("sluiceway.error_code") == changes.get("error_code")


def test_a_client_that_left_before_the_status_was_sent_none() -> None:
    span = request_span(outcome="client_gone", client_left=True, status=499)
    assert "http.response.status_code" not in span.attributes


def test_a_refused_request_is_one_span() -> None:
    (span,) = spans(record(outcome="refused", error_code="invalid_api_key", status=401, attempts=()))
    assert span.kind == "server"


def test_each_attempt_tells_why_it_failed() -> None:
    _, failed, good = spans(record(attempts=(FAILED_TRY, GOOD_TRY)))
    assert (failed.failed, failed.attributes["error.type"]) == (True, "upstream_unreachable")
    assert (good.failed, good.attributes.get("error.type")) == (False, None)
    assert "gen_ai.usage.input_tokens" not in failed.attributes


def test_an_error_of_the_upstream_that_it_is_not_blamed_for_is_one_of_the_attempt() -> None:
    span = attempt_span(attempts=(Try("openai", 0, 1.0, status=400),), status=400)
    assert (span.failed, span.attributes["error.type"]) == (True, "400")


def test_an_answer_that_broke_off_is_an_error_of_the_attempt_that_gave_it() -> None:
    span = attempt_span(outcome="cancelled", error_code="cancelled")
    assert (span.failed, span.attributes["error.type"]) == (True, "cancelled")


def test_that_the_client_left_is_no_error_of_an_attempt() -> None:
    span = attempt_span(outcome="client_gone", error_code="client_gone", client_left=True)
    assert (span.failed, "error.type" in span.attributes) == (False, False)


def test_an_error_message_is_never_told() -> None:
    quoted = "invalid value: 'the prompt'"
    told = record(outcome="upstream_error", error_code="upstream_400", error_message=quoted, status=400)
    assert all("prompt" not in repr(span) for span in spans(told))


# ── ids and times ───────────────────────────────────────────────────────────────────────────────────


def test_spans_hang_together_as_they_were_promised() -> None:
    trace = Trace("a" * 32, 0xFFFF_FFFF_FFFF_FFFF, 1, "00000000000000ff")
    server, first, second = spans(record(attempts=(FAILED_TRY, GOOD_TRY)), trace)
    assert (server.span, server.parent, server.remote) == (trace.span, 0xFF, True)
    assert (first.span, second.span) == (trace.attempt_span(1), trace.attempt_span(2))
    assert (first.parent, first.remote) == (second.parent, second.remote) == (trace.span, False)


def test_times_are_exact_and_events_are_where_they_happened() -> None:
    server, client = spans(record())
    assert (server.began_ns, server.ended_ns) == (STARTED_NS, STARTED_NS + 250_000_000)
    assert server.events == [
        ("sluiceway.admitted", STARTED_NS + 15_000_000),
        ("sluiceway.first_event", STARTED_NS + 80_000_000),
        ("sluiceway.first_content", STARTED_NS + 90_000_000),
        ("sluiceway.last_event", STARTED_NS + 240_000_000),
    ]
    assert (client.began_ns, client.ended_ns) == (STARTED_NS + 20_000_000, STARTED_NS + 250_000_000)
    assert client.events == [
        ("sluiceway.connected", STARTED_NS + 25_000_000),
        ("sluiceway.head", STARTED_NS + 60_000_000),
        ("sluiceway.first_event", STARTED_NS + 80_000_000),
    ]


def test_attempts_lie_within_their_request() -> None:
    told = record(
        attempts=(FAILED_TRY, Try("claude", 0, 20.0, status=200), GOOD_TRY), hedged=True, duration_ms=250.0
    )
    server, *attempts = spans(told)
    for span in attempts:
        assert server.began_ns <= span.began_ns <= span.ended_ns <= server.ended_ns

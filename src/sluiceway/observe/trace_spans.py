"""What a record says, as spans: one for the request, one for each attempt. Pure.

Names and attributes are those of OpenTelemetry's semantic conventions: HTTP (stable), and generative AI as of 1.41,
the last numbered release that held them before they moved to a repository of their own, which has had none yet.
`sluiceway.*` is what neither has a name for. Nothing here is a prompt or an answer, nor an error's message, since
an upstream may quote either in it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from sluiceway.observe.record import Record, Try
from sluiceway.observe.trace_attempts import answering, attempt_ends_ms, error_of
from sluiceway.observe.trace_ids import Trace
from sluiceway.observe.trace_routes import operation_of, route_of
from sluiceway.observe.trace_upstreams import Destination, provider_of

Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]

# Others are named `_OTHER`, since a client can invent them (HTTP conventions, `http.request.method`).
_METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)

# The client left before it had a status: none was sent.
_NEVER_ANSWERED: Final = 499

# Of a record, where it is not None, 0, False or empty.
_OF_RECORD: Final = (
    ("sluiceway.request_id", "request_id"),
    ("sluiceway.outcome", "outcome"),
    ("sluiceway.error_code", "error_code"),
    ("sluiceway.key", "key"),
    ("sluiceway.model", "model"),
    ("sluiceway.upstream", "upstream"),
    ("sluiceway.committed_by", "committed_by"),
    ("sluiceway.events", "events"),
    ("sluiceway.heartbeats", "heartbeats"),
    ("sluiceway.largest_gap_ms", "largest_gap_ms"),
    ("sluiceway.queued_ms", "queued_ms"),
    ("sluiceway.hedged", "hedged"),
    ("sluiceway.continued", "continued"),
    ("sluiceway.cost", "cost"),
    ("client.address", "client"),
)

_USAGE: Final = (
    ("gen_ai.usage.input_tokens", "input_tokens"),
    ("gen_ai.usage.output_tokens", "output_tokens"),
    ("gen_ai.usage.cache_read.input_tokens", "cached_tokens"),
    ("gen_ai.usage.reasoning.output_tokens", "reasoning_tokens"),
)


class SpanPlan(msgspec.Struct, frozen=True):
    """A finished span. `parent`: a span id, 0 for none; `remote`: it is the client's. Times: Unix nanoseconds."""

    name: str
    kind: Literal["server", "client"]
    span: int
    parent: int
    remote: bool
    began_ns: int
    ended_ns: int
    attributes: Attributes
    events: list[tuple[str, int]]
    failed: bool


def spans_of(record: Record, trace: Trace, upstreams: dict[str, Destination]) -> list[SpanPlan]:
    """The request's span, then its attempts' in order; these lie within it."""
    began_ns = round(record.started * 1e6) * 1000  # a float holds no finer moment of this century
    attempts = [
        _attempt(record, trace, index, began_ns, upstreams.get(attempt.upstream))
        for index, attempt in enumerate(record.attempts)
    ]
    return [_request(record, trace, began_ns), *attempts]


# ── the request ─────────────────────────────────────────────────────────────────────────────────────


def _request(record: Record, trace: Trace, began_ns: int) -> SpanPlan:
    method, route = _method(record), route_of(record.path)
    attributes: Attributes = {
        "http.request.method": method,
        "url.path": record.path,
        "url.scheme": "http",  # TLS, where there is any, ends in front of the gateway
    }
    if method != record.method:
        attributes["http.request.method_original"] = record.method
    if route is not None:
        attributes["http.route"] = route
    if record.status and record.status != _NEVER_ANSWERED:
        attributes["http.response.status_code"] = record.status
    for name, field in _OF_RECORD:
        if value := getattr(record, field):
            attributes[name] = value
    # HTTP conventions: what the client did wrong is no error of the server. An answer that ended in an in-band error
    # failed, whatever its status said.
    failed = record.error_code is not None and not record.client_left and not 400 <= record.status < 500
    if failed and record.error_code is not None:
        attributes["error.type"] = record.error_code
    moments = (
        ("sluiceway.admitted", record.queued_ms or None),
        ("sluiceway.first_event", record.first_event_ms),
        ("sluiceway.first_content", record.first_content_ms),
        ("sluiceway.last_event", record.last_event_ms),
    )
    name = "HTTP" if method == "_OTHER" else method
    return SpanPlan(
        name=name if route is None else f"{name} {route}",
        kind="server",
        span=trace.span,
        parent=int(trace.parent or "0", 16),
        remote=True,
        began_ns=began_ns,
        ended_ns=_later(began_ns, record.duration_ms),
        attributes=attributes,
        events=[(name, _later(began_ns, at)) for name, at in moments if at is not None],
        failed=failed,
    )


def _method(record: Record) -> str:
    return record.method if record.method in _METHODS else "_OTHER"


# ── an attempt ──────────────────────────────────────────────────────────────────────────────────────


def _attempt(
    record: Record, trace: Trace, index: int, began_ns: int, destination: Destination | None
) -> SpanPlan:
    attempt = record.attempts[index]
    operation = operation_of(record)
    attributes: Attributes = {"sluiceway.upstream": attempt.upstream}
    if destination is not None:  # else a reload took it away meanwhile
        attributes["server.address"] = destination.address
        attributes["server.port"] = destination.port
    if attempt.status is not None:
        attributes["http.response.status_code"] = attempt.status
    error = error_of(record, index)
    if error is not None:
        attributes["error.type"] = error
    if operation is None:
        name = _method(record)
        attributes["http.request.method"] = name
        if destination is not None:
            path = destination.base_path + record.path.removeprefix("/v1")
            attributes["url.full"] = destination.url + path
    else:
        name = _generation(record, attempt, operation, destination, attributes)
        if index == answering(record):
            _answer(record, attempt, attributes)
    moments = (
        ("sluiceway.connected", attempt.connect_ms),
        ("sluiceway.head", attempt.head_ms),
        ("sluiceway.first_event", attempt.first_event_ms),
    )
    start_ns = _later(began_ns, attempt.after_ms)
    return SpanPlan(
        name=name,
        kind="client",
        span=trace.attempt_span(index + 1),
        parent=trace.span,
        remote=False,
        began_ns=start_ns,
        ended_ns=max(_later(began_ns, attempt_ends_ms(record, index)), start_ns),
        attributes=attributes,
        events=[(name, _later(start_ns, at)) for name, at in moments if at is not None],
        failed=error is not None,
    )


def _generation(
    record: Record, attempt: Try, operation: str, destination: Destination | None, attributes: Attributes
) -> str:
    """What was asked, by the conventions for generative AI; the span's name."""
    attributes["gen_ai.operation.name"] = operation
    attributes["gen_ai.provider.name"] = provider_of(record, destination)
    if record.stream:
        attributes["gen_ai.request.stream"] = True
        if attempt.first_event_ms is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = attempt.first_event_ms / 1000
    if record.dialect == "images":
        attributes["gen_ai.output.type"] = "image"
    model = record.upstream_model or record.model
    if model is None:
        return operation
    attributes["gen_ai.request.model"] = model
    return f"{operation} {model}"


def _answer(record: Record, attempt: Try, attributes: Attributes) -> None:
    """What came of it, for the attempt that was heard."""
    if record.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = [record.finish_reason]
    usage = record.usage
    if usage is not None and not record.usage_estimated:  # an estimate must not pass for a count
        for name, field in _USAGE:
            count = getattr(usage, field)
            if count is not None:
                attributes[name] = count


def _later(at_ns: int, ms: float) -> int:
    return at_ns + round(ms * 1e6)

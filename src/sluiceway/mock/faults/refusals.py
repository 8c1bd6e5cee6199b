"""Faults of the provider: it says no, before or in the middle of an answer."""

from __future__ import annotations

from sluiceway.mock.faults.base import fault, whole_events
from sluiceway.mock.scene import Framing, Header, Part, Response, Scene, Script

_HTML = b"<!doctype html><title>500</title><h1>Internal Server Error</h1><p>mock load balancer</p>\n"
_KEEP = "Passes status, message and headers on; "


@fault(
    "http-429",
    arg="seconds",
    default=1.0,
    expect=_KEEP + "waits as told, or tries another upstream.",
)
def http_429(scene: Scene) -> Script:
    """Status 429 with `retry-after` (the argument, default 1) and `x-ratelimit-*` headers."""
    limits: tuple[Header, ...] = (
        ("retry-after", f"{scene.arg:g}"),
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", f"{scene.arg:g}s"),
        ("x-ratelimit-limit-tokens", "100000"),
        ("x-ratelimit-remaining-tokens", "99000"),
        ("x-ratelimit-reset-tokens", "6ms"),
    )
    yield from scene.error(
        429, "Rate limit reached for requests (mock).", "requests", "rate_limit_exceeded", *limits
    ).script()


@fault("http-500", expect=_KEEP + "may try another upstream.")
def http_500(scene: Scene) -> Script:
    """Status 500 with a JSON error."""
    yield from scene.error(500, "The mock had an error.", "server_error", "internal_error").script()


@fault("http-500-html", expect="Answers with a JSON error of its own shape, not with HTML.")
def http_500_html(scene: Scene) -> Script:
    """Status 500 with an HTML page, as load balancers answer."""
    page = (Part(_HTML),)
    headers = (("content-type", "text/html; charset=utf-8"),)
    response = Response(
        status=500, headers=headers, framing=Framing.LENGTH, parts=page, closing=scene.closing
    )
    yield from response.script()


@fault("http-400", expect=_KEEP + "does not try again.")
def http_400(scene: Scene) -> Script:
    """Status 400 with a JSON error."""
    yield from scene.error(
        400, "This request is refused (mock).", "invalid_request_error", "mock_refusal"
    ).script()


@fault("error-first", expect="Reports the error; may try another upstream, since nothing was answered.")
def error_first(scene: Scene) -> Script:
    """Status 200 and an event stream whose first and only event is an error. As JSON: an error object under
    status 200.
    """
    message, kind, code = "The mock is overloaded.", "server_error", "overloaded"
    if scene.stream:
        yield from scene.failing(0, message, kind, code).as_stream().script()
    else:
        yield from scene.json(200, scene.error_body(message, kind, code)).script()


@fault("error-mid", arg="events", expect="Reports the error after what was said; never a normal end.")
def error_mid(scene: Scene) -> Script:
    """An error event after so many proper ones (default: half of them), then the end of the body. As JSON:
    status 500.
    """
    message, kind, code = "The mock lost its thread.", "server_error", "internal_error"
    if scene.stream:
        whole = whole_events(scene, len(scene.events))
        yield from scene.failing(whole, message, kind, code).as_stream().script()
    else:
        yield from scene.error(500, message, kind, code).script()


@fault("stream-only", expect="Asks for a stream, and makes JSON of it for a client that wants JSON.")
def stream_only(scene: Scene) -> Script:
    """Status 400 unless the request has `stream: true`, as some upstreams do."""
    if scene.stream:
        yield from scene.response().script()
    else:
        yield from scene.error(
            400, "Stream must be set to true.", "invalid_request_error", "stream_required"
        ).script()


FAULTS = (http_429, http_500, http_500_html, http_400, error_first, error_mid, stream_only)

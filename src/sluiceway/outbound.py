"""What goes to an upstream on a client's behalf, and how the answer is to come back.

The client's own bytes wherever they can stay; changed in a field or two where the operator asks for it;
translated where the upstream speaks another API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest
from sluiceway.dialects.crossing import Crossing, Direct, Repaired
from sluiceway.dialects.repair import Repairer, restore_model
from sluiceway.observe.trace_ids import Trace
from sluiceway.policy.routing import Route, spoken
from sluiceway.runtime import Runtime, UpstreamRuntime
from sluiceway.translate.crossing import translate
from sluiceway.translate.headers import translated_headers
from sluiceway.translate.table import SIDES
from sluiceway.wire.http import CREDENTIALS, Headers, get_header, request_head, upstream_request_headers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Methods whose requests say how long their body is even where it is empty (RFC 9110 section 8.6).
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Request(msgspec.Struct):
    """A request as far as it has been received. `rest`: more of the body follows, to be streamed."""

    scope: Scope
    receive: Receive
    headers: Headers
    method: str
    path: str
    dialect: Dialect | None
    body: bytes = b""
    rest: bool = False
    parsed: DialectRequest | None = None
    model: str | None = None
    trace: Trace | None = None  # its place in one


class Outbound(msgspec.Struct, frozen=True):
    """A request as its upstream gets it.

    `crossing`: None for paths that are relayed as they are. `translated_to`: the dialect that the upstream
    is asked in where it is not the client's. `dropped`: paths of fields that were left out for it.
    """

    body: bytes
    crossing: Crossing | None = None
    translated_to: str | None = None
    dropped: tuple[str, ...] = ()


def prepare(
    request: Request,
    route: Route,
    upstream: UpstreamRuntime,
    *,
    max_answer_bytes: int,
    parsed: DialectRequest | None = None,
) -> Outbound:
    """Write the request for that upstream. Raises `InvalidRequest` where it can't be said there.

    `parsed`: instead of what the client asked.
    """
    dialect, parsed, settings = request.dialect, parsed or request.parsed, upstream.settings
    if dialect is None or parsed is None:
        if route.rewrite_to is not None and request.model is not None:
            return Outbound(_with_model(request.body, route.rewrite_to))
        return Outbound(request.body)
    asked_in = spoken(dialect.name, settings.dialects)
    if asked_in is not None and asked_in != dialect.name:
        translated = translate(
            parsed,
            client=SIDES[dialect.name],
            upstream=SIDES[asked_in],
            model=route.rewrite_to,
            force_stream=settings.force_stream,
            ask_usage=settings.include_usage,
            drop_lost=settings.on_untranslatable == "drop",
            max_bytes=max_answer_bytes,
        )
        crossing = _repaired(translated.crossing, parsed, upstream)
        return Outbound(translated.body, crossing, asked_in, translated.dropped)
    ask_usage = settings.include_usage and (parsed.stream or settings.force_stream) and not parsed.wants_usage
    body = dialect.write_request(
        parsed, model=route.rewrite_to, force_stream=settings.force_stream, ask_usage=ask_usage
    )
    direct = Direct(dialect, parsed, hide_usage=ask_usage, max_bytes=max_answer_bytes)
    return Outbound(body, _repaired(direct, parsed, upstream))


def outbound_head(
    request: Request,
    outbound: Outbound,
    upstream: UpstreamRuntime,
    key: int | None,
    runtime: Runtime,
    *,
    attempt: int,
) -> bytes:
    """The head for the upstream, with its key of that index. The client's credentials go on only where nobody
    else's are in play. `attempt`: which one it is, from 1."""
    keep: frozenset[bytes] = frozenset()
    if not upstream.has_keys and not runtime.authenticator.required:
        keep = CREDENTIALS - {b"cookie"}
    asked = request.headers if request.trace is None else request.trace.upward(request.headers, attempt)
    passed = upstream_request_headers(asked, keep=keep)
    if outbound.translated_to is not None:
        target = upstream.base_path + SIDES[outbound.translated_to].translator.path.encode()
        passed = translated_headers(passed, upstream=outbound.translated_to)
    else:
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        target = upstream.base_path + path.removeprefix(b"/v1") + (b"?" + query if query else b"")
    headers = upstream.request_headers(passed, key)
    declared = get_header(request.headers, b"content-length")
    if request.rest:
        headers.append((b"content-length", declared) if declared else (b"transfer-encoding", b"chunked"))
    elif outbound.body or request.method in _WITH_BODY:
        headers.append((b"content-length", b"%d" % len(outbound.body)))
    return request_head(request.method.encode(), target, headers)


def _repaired(crossing: Crossing, parsed: DialectRequest, upstream: UpstreamRuntime) -> Crossing:
    """With the upstream's repairs in front, if it has any."""
    rules = upstream.repairs
    if "model" in upstream.settings.repairs:
        rules = [restore_model(parsed.model), *rules]
    return Repaired(crossing, Repairer(rules)) if rules else crossing


def _with_model(body: bytes, model: str) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)

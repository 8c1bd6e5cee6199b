"""The API as an ASGI application: who may, which operation, what it is asked with, what it answers.

    access ──► route ──► method ──► query and body by their types ──► handler ──► JSON, or a response of its own

Starlette's router and responses; no middleware, since what is around every request is this one class.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import Route, Router

from sluiceway.console import (
    configuration,
    key_states,
    keys,
    openapi,
    overview,
    records,
    stream_parts,
    streams,
    upstreams,
    usage,
)
from sluiceway.console.auth import Admins
from sluiceway.console.deps import Deps
from sluiceway.console.operation import (
    MAX_BODY_BYTES,
    Call,
    Operation,
    body_too_large,
    error_response,
    json_response,
    read_body,
    read_query,
)
from sluiceway.console.parts import AnyPart
from sluiceway.console.streaming import Streamed
from sluiceway.errors import ClientGone, GatewayError, InvalidRequest, UnknownPath, WrongMethod
from sluiceway.observe.draft import new_request_id
from sluiceway.outbound import Receive, Scope, Send
from sluiceway.wire.http import Headers

log = logging.getLogger("sluiceway.console")

PREFIX: Final = "/api"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *overview.OPERATIONS,
    *records.OPERATIONS,
    *usage.OPERATIONS,
    *streams.OPERATIONS,
    *upstreams.OPERATIONS,
    *keys.OPERATIONS,
    *configuration.OPERATIONS,
    openapi.OPERATION,
)

PARTS: Final[tuple[AnyPart, ...]] = (
    *overview.PARTS,
    *stream_parts.PARTS,
    *upstreams.PARTS,
    *key_states.PARTS,
)
"""What each process answers for itself, if another one is asked."""

# What is answered is nobody else's to keep, to guess the type of, or to show in a frame.
_HEADERS: Final[Headers] = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


def build(deps: Deps) -> Api:
    """The application, for requests whose path begins with `/api`."""
    return Api(deps, OPERATIONS)


class Api:
    """See the module."""

    def __init__(self, deps: Deps, operations: Iterable[Operation]) -> None:
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        # A fixed segment before a name that could be called the same: `records/export` before `records/{id}`.
        paths = sorted(by_path, key=lambda path: [part.startswith("{") for part in path.split("/")])
        self._deps = deps
        self._admins = Admins()
        self._router = Router(
            [Route(path, _Resource(deps, by_path[path])) for path in paths],
            redirect_slashes=False,
            default=_no_such_path,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request. Raises only to have a server cut a response that can't be completed."""
        guarded = _Guarded(send, bodiless=scope["method"] == "HEAD")
        try:
            settings = self._deps.gateway.runtime.settings
            if not settings.admin.enabled:
                raise UnknownPath("there is no console here: admin.enabled is false")
            self._admins.check(scope, settings)
            # By the path as it was sent: a name may have a slash in it, as `%2F`.
            raw = scope.get("raw_path") or scope["path"].encode()
            await self._router({**scope, "path": raw.decode("latin-1"), "root_path": ""}, receive, guarded)  # type: ignore[arg-type]
        except ClientGone:
            return
        except GatewayError as error:
            if guarded.started:
                raise
            await error_response(error)(scope, receive, guarded)  # type: ignore[arg-type]
        except Exception:
            log.exception("a request to the console's API failed", extra={"path": scope["path"][:200]})
            if guarded.started:
                raise
            broken = GatewayError("the gateway failed; its log has the details")
            await error_response(broken)(scope, receive, guarded)  # type: ignore[arg-type]


class _Guarded:
    """`send`, with the headers that every response has. `bodiless`: the client wants the head alone."""

    __slots__ = ("_bodiless", "_send", "started")

    def __init__(self, send: Send, *, bodiless: bool) -> None:
        self._send = send
        self._bodiless = bodiless
        self.started = False

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            own = [*_HEADERS, (b"x-request-id", new_request_id().encode())]
            message = {**message, "headers": [*message["headers"], *own]}
        elif self._bodiless:
            message = {**message, "body": b""}
        await self._send(message)


class _Resource:
    """One path, and its operations by method."""

    def __init__(self, deps: Deps, operations: Mapping[str, Operation]) -> None:
        self._deps = deps
        self._operations = operations
        methods = [*operations, *(["HEAD"] if "GET" in operations else []), "OPTIONS"]
        self._allowed = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            response = Response(status_code=204, headers={"allow": self._allowed})
            await response(scope, receive, send)  # type: ignore[arg-type]
            return
        operation = self._operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise WrongMethod(f"this takes {self._allowed}, not {method}", allowed=self._allowed)
        answer = await operation.handler(await self._call(operation, scope, receive))
        if isinstance(answer, Streamed) and method == "HEAD":
            answer = Response(headers={"content-type": answer.media_type})
        elif not isinstance(answer, Response | Streamed):
            answer = json_response(answer, operation.status)
        await answer(scope, receive, send)

    async def _call(self, operation: Operation, scope: Scope, receive: Receive) -> Call[Any, Any]:
        path = {name: _decoded(value) for name, value in scope["path_params"].items()}
        query = read_query(scope.get("query_string", b""), operation.query)
        body = await _body(scope, receive) if operation.method != "GET" else b""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return Call(self._deps, path, query, read_body(body, operation.body), headers)


async def _body(scope: Scope, receive: Receive) -> bytes:
    """All of it, up to `MAX_BODY_BYTES`."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(declared) > MAX_BODY_BYTES:
        raise body_too_large()
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left while sending its request")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise body_too_large()
    return bytes(body)


def _decoded(segment: str) -> str:
    """A segment of the path, percent-encoded UTF-8. No name holds a zero byte, and PostgreSQL takes none."""
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("the path is not percent-encoded UTF-8") from None
    if "\x00" in text:
        raise InvalidRequest("the path holds a zero byte")
    return text


async def _no_such_path(scope: Any, receive: Any, send: Any) -> None:
    raise UnknownPath(f"no such path: {scope['path'][:200]} (see /api/openapi.json)")

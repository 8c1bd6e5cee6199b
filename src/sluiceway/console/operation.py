"""One operation of the API: what it is asked with and answers, said once, for the server and for its description.

`Operation` holds the types; `api` reads requests by them, `openapi` describes them. A handler gets a `Call`, with
query and body as values of those types, and returns a value, or a response where the answer is no JSON.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from sluiceway.console.deps import Deps
from sluiceway.errors import BodyTooLarge, GatewayError, InvalidRequest, Overloaded

Q = TypeVar("Q")
B = TypeVar("B")

Method = Literal["GET", "POST", "PATCH"]

MAX_BODY_BYTES: Final = 1024 * 1024
"""A configuration, the largest thing that is sent here, has some tens of KiB."""

MAX_QUERY_FIELDS: Final = 100

_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING: Final = re.compile(r"missing required field `(?P<name>[^`]*)`")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No fields: `{}`, or no body at all."""


class Call(Generic[Q, B]):
    """A request to one operation. `path`: what stands in the path's braces. `headers`: names in lower case."""

    __slots__ = ("body", "deps", "headers", "path", "query")

    def __init__(
        self, deps: Deps, path: Mapping[str, str], query: Q, body: B, headers: Mapping[str, str]
    ) -> None:
        self.deps = deps
        self.path = path
        self.query = query
        self.body = body
        self.headers = headers


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """See the module.

    path: with `{name}` for what is filled in. query, body: the types of what is sent, `Nothing` for none.
    answer: the type of the JSON answer; None if it is none. content: what it is then, by content type, in words.
    events: of an event stream, the name of each event and the type of its data.
    fails: statuses besides those of every operation, each with when.
    """

    method: Method
    path: str
    name: str
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[Any]]
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] = Nothing
    answer: type[msgspec.Struct] | None = None
    content: Mapping[str, str] = {}
    events: tuple[str, type[msgspec.Struct]] | None = None
    status: int = 200
    fails: Mapping[int, str] = {}

    @property
    def group(self) -> str:
        """What it belongs to: the first segment behind `/api`."""
        return self.path.split("/")[2]


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. `message` is for people, `code` for programs; `param` names the field at fault, if one is."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every error has this shape, which is that of the OpenAI API."""

    error: ErrorBody


def failing(status: int, message: str, *, param: str | None = None) -> InvalidRequest:
    """An error of the request with a status of its own: 404, 409."""
    error = InvalidRequest(message, param=param)
    error.status = status
    return error


def unavailable(message: str) -> Overloaded:
    """Something is switched off, or too much is asked for at once (503)."""
    return Overloaded(message)


def error_response(error: GatewayError) -> Response:
    """The JSON response to it."""
    body = ErrorAnswer(ErrorBody(error.message, error.type, error.param, error.code))
    response = json_response(body, error.status)
    response.raw_headers.extend(error.headers)
    return response


def json_response(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def read_query(text: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The query as a value of that type; lists are written with commas. Raises `InvalidRequest`."""
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("the query is not percent-encoded UTF-8, or has too many fields") from None
    lists = lists_of(kind)
    given: dict[str, Any] = {}
    for name, value in pairs:
        if "\x00" in value:  # which no name holds, and PostgreSQL does not take
            raise InvalidRequest("the query holds a zero byte", param=name[:100])
        if name in given:
            raise InvalidRequest(f'"{name[:100]}" is given twice in the query', param=name[:100])
        given[name] = (value.split(",") if value else []) if name in lists else value
    try:
        query = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, "query") from None
    for name in given:
        if (
            getattr(query, name) is None
        ):  # `null`, as msgspec reads texts; taken so, a filter would be ignored
            raise InvalidRequest(f"query.{name}: there is no null in a query; leave it out", param=name)
    return query


@functools.cache
def lists_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Which of its fields are lists."""
    return frozenset(name for name, hint in get_type_hints(kind).items() if "tuple" in str(hint))


def read_body(data: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The body as a value of that type. Raises `InvalidRequest`."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None


def body_too_large() -> BodyTooLarge:
    """More than `MAX_BODY_BYTES`."""
    return BodyTooLarge(f"the request body is over {MAX_BODY_BYTES} bytes")


def _invalid(error: msgspec.ValidationError, where: str) -> InvalidRequest:
    """What is wrong in the words of msgspec, which repeat no values but those of choices."""
    text = str(error)
    at = _AT.search(text)
    message = text[: at.start()] if at else text
    path = at["path"] if at else ""
    named = _UNKNOWN.search(message) or _MISSING.search(message)
    param = ".".join(filter(None, (path, named["name"] if named else ""))) or None
    return InvalidRequest(
        f"{where}{f'.{param}' if param else ''}: {message}"[:1000], param=param and param[:200]
    )

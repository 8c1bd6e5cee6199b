"""The description of the API: an OpenAPI 3.1 document, made from the operations.

OpenAPI 3.1 takes JSON Schema 2020-12 as it is, which is what msgspec makes of types. So what is described is
what requests are read by and answers are written from.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.responses import Response

from sluiceway import __version__
from sluiceway.console.operation import Call, ErrorAnswer, Nothing, Operation, json_response, lists_of

_REF: Final = "#/components/schemas/{name}"

_PATH_PARTS: Final = {
    "request_id": "The id of a request, as in its `x-request-id`.",
    "name": "The name, percent-encoded.",
}

# What may happen to any request. What can't happen is not here.
ALWAYS: Final = {
    400: "the query, the path or the Host header can't be understood; `param` names the field at fault",
    401: "no admin key, or a wrong one",
    403: "a page of another site asks (`Origin`, `Sec-Fetch-Site`)",
    429: "too many wrong admin keys came from this address; with `retry-after`",
}
_WITH_BODY: Final = {413: "the body is over 1 MiB", 415: "the `content-type` is not `application/json`"}

_ABOUT: Final = (
    "What the console sees and does. All of it needs an admin key (`[admin] keys`), as `Authorization: Bearer KEY`; "
    "from the machine itself none is needed, unless `admin.loopback` is false."
)


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI document, as JSON would have it."""
    listed = tuple(operations)
    types = schemas_of(listed)
    paths: dict[str, dict[str, Any]] = {}
    for operation in listed:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, types)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sluiceway console API", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": types,
            "securitySchemes": {"adminKey": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"adminKey": []}, {}],
    }


def parameters(operation: Operation) -> list[dict[str, Any]]:
    """Those of its path and query."""
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARTS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    _, components = msgspec.json.schema_components([operation.query], ref_template=_REF)
    schema = components[operation.query.__name__]
    lists = lists_of(operation.query)
    for name, one in schema["properties"].items():
        one = _without_null(one)
        parameter = {
            "name": name,
            "in": "query",
            "description": one.pop("description", ""),
            "required": name in schema["required"],
            "schema": one,
        }
        if name in lists:
            parameter |= {"style": "form", "explode": False}
        found.append(parameter)
    return found


def failures(operation: Operation) -> dict[int, str]:
    """Each status that is an error of it, with when."""
    return dict(
        sorted({**ALWAYS, **(_WITH_BODY if operation.method != "GET" else {}), **operation.fails}.items())
    )


def _described(operation: Operation, types: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": _REF.format(name=ErrorAnswer.__name__)}}}
    if operation.answer is not None:
        answer = {"application/json": {"schema": {"$ref": _REF.format(name=operation.answer.__name__)}}}
        words = words_of(types[operation.answer.__name__])
    else:
        answer = {kind: {"schema": _content(kind, operation)} for kind in operation.content}
        words = "; ".join(operation.content.values())
    responses: dict[str, Any] = {str(operation.status): {"description": words, "content": answer}}
    for status, when in failures(operation).items():
        responses[str(status)] = {"description": when[0].upper() + when[1:] + ".", "content": error}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.group.partition(".")[0]],
        "parameters": parameters(operation),
        "responses": responses,
    }
    if operation.method != "GET":
        body = {"schema": {"$ref": _REF.format(name=operation.body.__name__)}}
        described["requestBody"] = {"required": True, "content": {"application/json": body}}
    return described


def _content(kind: str, operation: Operation) -> dict[str, Any]:
    """The schema of what is no answer in JSON. Of an event stream, that of each event."""
    if operation.events is None:
        return {"type": "object"} if kind == "application/json" else {"type": "string"}
    name, data = operation.events
    value = {"$ref": _REF.format(name=data.__name__)}
    return {
        "type": "object",
        "properties": {
            "event": {"const": name},
            "id": {"type": "string", "description": "The cursor to come back with."},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": value},
        },
    }


def schemas_of(operations: Iterable[Operation]) -> dict[str, Any]:
    """The schemas of all types in their requests and answers, by name."""
    kinds: list[type[msgspec.Struct]] = [ErrorAnswer]
    for operation in operations:
        events = operation.events[1] if operation.events is not None else None
        kinds += [kind for kind in (operation.answer, operation.body, events) if kind is not None]
    _, components = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    return components


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out: in a query there is no null."""
    rest = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if not rest:
        return dict(schema)
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**kept, **rest[0]} if len(rest) == 1 else {**kept, "anyOf": rest}


def words_of(schema: dict[str, Any]) -> str:
    """What a type is, in one line: its docstring."""
    return " ".join(str(schema.get("description", "")).split())


# ── the document itself ─────────────────────────────────────────────────────────────────────────────


@functools.cache
def _current() -> dict[str, Any]:
    from sluiceway.console.api import OPERATIONS  # which hold this one, too

    return document(OPERATIONS)


async def show_document(call: Call[Nothing, Nothing]) -> Response:
    """As JSON."""
    return json_response(_current())


OPERATION: Final = Operation(
    method="GET",
    path="/api/openapi.json",
    name="showOpenapi",
    summary="This description of the API, for programs.",
    handler=show_document,
    content={"application/json": "An OpenAPI 3.1 document."},
)

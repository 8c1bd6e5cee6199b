"""The reference page of the API, made from its operations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sluiceway.console.api import OPERATIONS
from sluiceway.console.openapi import ALWAYS, parameters, schemas_of, words_of
from sluiceway.console.operation import Operation

WIDTH: Final = 110

_INTRODUCTION: Final = """\
<!-- Made from src/sluiceway/console/ by `make docs`; changes belong there. -->

# The console's API

What the [console](../how-to/console-api.md) sees and does, for programs, too. The same as an OpenAPI 3.1 document is
at `/api/openapi.json`.

Everything is JSON. Moments are Unix seconds, durations seconds (`*_s`) or milliseconds (`*_ms`). Lists in a query are
written with commas. Fields and parameters that are not listed here are refused. Errors have the shape
`{"error": {"message", "type", "param", "code"}}`.

These may come of any request:

EVERY
"""


def render() -> str:
    """The whole reference page, in Markdown."""
    types = schemas_of(OPERATIONS)
    always = "\n".join(
        ["| status | when |", "|---|---|", *(f"| {status} | {when} |" for status, when in ALWAYS.items())]
    )
    parts = [_INTRODUCTION.replace("EVERY", always)]
    group = ""
    for operation in OPERATIONS:
        if operation.group != group:
            group = operation.group
            parts.append(f"## {group}\n")
        parts += _operation(operation)
    parts.append("## Types\n")
    for name, schema in sorted(types.items()):
        parts += _type(name, schema)
    return "\n".join(parts)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### `{operation.method} {operation.path}`\n"
    yield _wrapped(operation.summary) + "\n"
    if given := parameters(operation):
        rows = [(one["name"], _kind(one["schema"]), one["description"]) for one in given]
        yield _table(("parameter", "is", "meaning"), rows)
    if operation.method != "GET":
        yield f"Takes {_link(operation.body.__name__)}.\n"
    if operation.answer is not None:
        yield f"Answers {operation.status} with {_link(operation.answer.__name__)}.\n"
    for kind, words in operation.content.items():
        yield _wrapped(f"Answers with `{kind}`: {words[0].lower()}{words[1:]}") + "\n"
    if operation.events is not None:
        name, data = operation.events
        yield f"Each event is called `{name}`, and its data is {_link(data.__name__)}.\n"
    for status, when in operation.fails.items():
        yield f"{status}: {when}.\n"


def _type(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if words := words_of(schema):
        yield _wrapped(words) + "\n"
    properties = schema.get("properties", {})
    if properties:
        rows = [(field, _kind(one), one.get("description", "")) for field, one in properties.items()]
        yield _table(("field", "is", "meaning"), rows)


def _table(head: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {kind} | {' '.join(meaning.split()).replace('|', chr(92) + '|')} |"
        for name, kind, meaning in rows
    ]
    return "\n".join(lines) + "\n"


def _kind(schema: dict[str, Any]) -> str:
    """The type of a field, in words."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = schema.get("type", "anything")
    if "prefixItems" in schema:
        return f"list of {' and '.join(_kind(one) for one in schema['prefixItems'])}"
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    bounds = [f"from {schema['minimum']:g}"] if "minimum" in schema else []
    bounds += [f"to {schema['maximum']:g}"] if "maximum" in schema else []
    return " ".join([schema.get("format", kind), *bounds])


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)

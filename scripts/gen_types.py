"""Make the console's types of the API, in TypeScript; with `--check` only see whether they are current.

python scripts/gen_types.py [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.console.api import OPERATIONS
from sluiceway.console.openapi import document
from sluiceway.console.operation import Operation

TARGET = Path(__file__).parents[1] / "web" / "src" / "lib" / "schema.ts"

HEAD = """\
// Made from src/sluiceway/console/ by `make docs`; changes belong there.

/** What the API under /api takes and answers. Moments are Unix seconds; `_s` are seconds, `_ms` milliseconds. */
"""

# What they are called here, since TypeScript or the browser has something else of that name.
_RENAMED = {"Record": "RequestRecord", "Event": "TimelineEvent"}

_NOTHING = "Record<string, never>"
_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def main(arguments: list[str], target: Path = TARGET) -> int:
    """0 if it is done or current, 1 if it is stale, 2 if the arguments make no sense."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = render(document(OPERATIONS), sparse(OPERATIONS))
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return 0
    if arguments:
        print(f"{target.name} is stale: run `make docs`", file=sys.stderr)
        return 1
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target.name}")
    return 0


def render(api: dict[str, Any], sparse: Iterable[str] = ()) -> str:
    """The types of an OpenAPI document. `sparse`: see below."""
    schemas = api["components"]["schemas"]
    partial = _reached(_bodies(api), schemas) | set(sparse)
    parts = [HEAD.rstrip()]
    parts += [_interface(name, schema, partial=name in partial) for name, schema in sorted(schemas.items())]
    parts.append(_operations(api))
    return "\n\n".join(parts) + "\n"


def sparse(operations: Iterable[Operation]) -> set[str]:
    """The types whose fields are left out of answers where they have their defaults, which no schema tells."""
    answers = [kind for one in operations for kind in (one.answer, one.events and one.events[1]) if kind]
    found = {one.cls for one in _structs(msgspec.inspect.multi_type_info(answers))}
    return {one.__name__ for one in found if one.__struct_config__.omit_defaults}


def _structs(kinds: Iterable[msgspec.inspect.Type]) -> Iterator[msgspec.inspect.StructType]:
    """All structs in these types."""
    for kind in kinds:
        if isinstance(kind, msgspec.inspect.StructType):
            yield kind
            yield from _structs(field.type for field in kind.fields)
        elif isinstance(kind, msgspec.inspect.UnionType):
            yield from _structs(kind.types)
        elif isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            yield from _structs([kind.item_type])
        elif isinstance(kind, msgspec.inspect.DictType):
            yield from _structs([kind.value_type])


def _bodies(api: dict[str, Any]) -> set[str]:
    """The types of bodies of requests."""
    return {
        _name(operation["requestBody"]["content"]["application/json"]["schema"])
        for methods in api["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    }


def _reached(names: set[str], schemas: dict[str, Any]) -> set[str]:
    """These types, and those of their fields."""
    found: set[str] = set()
    while names:
        found |= names
        names = {
            other
            for name in names
            for other in re.findall(r"#/components/schemas/(\w+)", str(schemas[name]))
            if other not in found
        }
    return found


def _interface(name: str, schema: dict[str, Any], *, partial: bool) -> str:
    """What is asked may leave out what has a default, and so may some answers."""
    name = _RENAMED.get(name, name)
    if "properties" not in schema:
        return f"{_comment(schema, '')}export type {name} = {_type(schema)};"
    required = set(schema.get("required", ())) if partial else set(schema["properties"])
    lines = []
    for field, one in schema["properties"].items():
        lines.append(f"{_comment(one, '  ')}  {field}{'' if field in required else '?'}: {_type(one)};")
    body = "\n".join(lines)
    if not lines:
        return f"{_comment(schema, '')}export type {name} = {_NOTHING};"
    return f"{_comment(schema, '')}export interface {name} {{\n{body}\n}}"


def _operations(api: dict[str, Any]) -> str:
    """One interface with all operations: `GET /api/…` to what it takes and answers."""
    lines = ["/** Each operation: what its path, query and body hold, and what it answers. */"]
    lines.append("export interface Operations {")
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            lines.append(f'  "{method.upper()} {path}": {{')
            for place in ("path", "query"):
                fields = [one for one in operation["parameters"] if one["in"] == place]
                lines.append(f"    {place}: {_fields(fields)};")
            body = operation.get("requestBody")
            lines.append(f"    body: {_type(_json(body['content'])) if body else 'undefined'};")
            lines.append(f"    answer: {_answer(operation)};")
            lines.append("  };")
    return "\n".join([*lines, "}"])


def _fields(fields: list[dict[str, Any]]) -> str:
    if not fields:
        return _NOTHING
    return "{ " + "; ".join(f"{one['name']}{_maybe(one)}: {_type(one['schema'])}" for one in fields) + " }"


def _maybe(parameter: dict[str, Any]) -> str:
    return "" if parameter["required"] else "?"


def _answer(operation: dict[str, Any]) -> str:
    """The JSON of its success; of a stream, the data of its events; else text."""
    success = next(one for status, one in operation["responses"].items() if status.startswith("2"))
    content = success["content"]
    if "text/event-stream" in content:
        data = content["text/event-stream"]["schema"]["properties"]["data"]
        return _type(data["contentSchema"])
    return _type(_json(content)) if "application/json" in content else "string"


def _json(content: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _type(schema: dict[str, Any]) -> str:
    """A schema of what msgspec writes, as a type of TypeScript."""
    if "$ref" in schema:
        return _RENAMED.get(_name(schema), _name(schema))
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
    return _SIMPLE.get(str(kind), "unknown")


def _array(schema: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(_type(one) for one in schema["prefixItems"]) + "]"
    one = _type(schema["items"])
    return f"({one})[]" if " | " in one else f"{one}[]"


def _comment(schema: dict[str, Any], indent: str) -> str:
    words = " ".join(str(schema.get("description", "")).split()).replace("*/", "* /")
    return f"{indent}/** {words} */\n" if words else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

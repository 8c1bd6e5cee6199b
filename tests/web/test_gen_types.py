"""The console's types of the API, made from its description."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from loaded_scripts import loaded


@pytest.fixture
def script() -> ModuleType:
    return loaded("gen_types")


def api(schemas: dict[str, Any], body: str = "") -> dict[str, Any]:
    """A description with one operation."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
    operation: dict[str, Any] = {"parameters": [], "responses": {"200": {"content": {"text/csv": {}}}}}
    if body:
        operation["requestBody"] = {"content": content}
    return {"components": {"schemas": schemas}, "paths": {"/api/x": {"post": operation}}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer", "minimum": 0}, "number"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"enum": ["a", 2]}, '"a" | 2'),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Key"}}, "Key[]"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, '("a" | "b")[]'),
        ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "integer"}]}, "[number, number]"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "Record<string, boolean>"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({}, "unknown"),
        ({"$ref": "#/components/schemas/Record"}, "RequestRecord"),
    ],
)
def test_a_schema_becomes_a_type(script: ModuleType, schema: dict[str, Any], expected: str) -> None:
    field = {"T": {"type": "object", "properties": {"field": schema}}}
    assert f"  field: {expected};" in script.render(api(field))


def test_what_has_a_default_may_be_left_out_of_what_is_asked_only(script: ModuleType) -> None:
    inner = {"properties": {"a": {"type": "string"}}, "required": []}
    outer = {"properties": {"inner": {"$ref": "#/components/schemas/Inner"}}, "required": ["inner"]}
    schemas = {"Inner": inner, "Outer": outer}
    assert "  a?: string;" in script.render(api(schemas, "Outer"))
    assert "  a: string;" in script.render(api(schemas))


def test_a_description_does_not_end_the_comment(script: ModuleType) -> None:
    text = script.render(api({"T": {"description": "odd */ text", "properties": {}}}))
    assert "/** odd * / text */" in text


def test_the_types_in_the_console_are_current(script: ModuleType, tmp_path: Path) -> None:
    assert script.main(["--check"]) == 0
    stale = tmp_path / "schema.ts"
    assert script.main(["--check"], stale) == 1
    assert script.main([], stale) == 0
    assert script.main(["--check"], stale) == 0
    assert script.main(["--nonsense"]) == 2


def test_what_answers_leave_out_may_be_missing_in_the_types(script: ModuleType) -> None:
    assert "Event" in script.sparse(script.OPERATIONS)
    assert "Summary" not in script.sparse(script.OPERATIONS)
    event = {"Event": {"properties": {"gap_ms": {"type": "number"}}, "required": []}}
    assert "  gap_ms?: number;" in script.render(api(event), {"Event"})

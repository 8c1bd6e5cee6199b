"""An object that comes in pieces: what is joined, what stays, and what the last one decides."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.dialects.pieces import Pieces


def joined(*values: Any, name: str = "x") -> Any:
    pieces = Pieces()
    for value in values:
        pieces.add(name, value)
    return pieces.whole()[name]


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        (("a", "", "b"), "ab"),
        (([1], [], [2, 3]), [1, 2, 3]),
        ((None,), None),
        ((None, "a", None, "b"), "ab"),
        ((1, 2, None), 2),
        (({"a": 1}, {"b": 2}), {"b": 2}),
        ((5, "a"), "a"),
        (("a", 5), 5),
        (("", ["part"], "a", "b", ["c"]), ["part", {"type": "text", "text": "ab"}, "c"]),
    ],
)
def test_pieces_are_joined_by_kind(values: tuple[Any, ...], whole: Any) -> None:
    assert joined(*values) == whole


@pytest.mark.parametrize("name", ["id", "type", "name", "role"])
def test_of_a_name_the_first_that_is_not_empty_stays(name: str) -> None:
    assert joined(None, "", "first", "second", "first", name=name) == "first"


def test_an_object_in_an_object_is_joined_too() -> None:
    pieces = Pieces()
    pieces.add("function", None)
    pieces.add_object("function", {"name": "f", "arguments": "{"})
    pieces.add_object("function", {"name": "f", "arguments": "}"})
    assert pieces.whole() == {"function": {"name": "f", "arguments": "{}"}}


def test_a_kept_field_is_never_joined() -> None:
    pieces = Pieces()
    for value in ("a", "b", None):
        pieces.keep("x", value)
    assert pieces.whole() == {"x": "b"}

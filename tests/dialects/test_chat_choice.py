"""Deltas of one choice become its message, whichever way a provider numbers and repeats things."""

from __future__ import annotations

from typing import Any

import pytest
from chat_streams import DONE, chunk, collect, message_of


def calls_of(*entries: list[dict[str, Any]]) -> list[tuple[Any, Any, Any]]:
    """Id, name and arguments of the calls that these deltas' `tool_calls` become."""
    message = message_of(*({"tool_calls": list(entry)} for entry in entries))
    return [
        (call.get("id"), call["function"].get("name"), call["function"].get("arguments"))
        for call in message["tool_calls"]
    ]


def call(arguments: str | None = None, *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return fields | {"function": {key: value for key, value in function.items() if value is not None}}


def test_calls_are_put_in_the_order_of_their_indexes() -> None:
    assert calls_of([call("2", index=7, id="b", name="g")], [call("1", index=3, id="a", name="f")]) == [
        ("a", "f", "1"),
        ("b", "g", "2"),
    ]


def test_an_id_that_changes_under_one_index_is_still_one_call() -> None:
    assert calls_of([call("{", index=0, id="r1", name="f")], [call("}", index=0, id="r2", name="f")]) == [
        ("r1", "f", "{}")
    ]


def test_without_an_index_a_known_id_goes_on_with_its_call() -> None:
    assert calls_of(
        [call("{", id="a", name="f")], [call("[", id="b", name="f")], [call("}", id="a")], [call("!")]
    ) == [("a", "f", "{}!"), ("b", "f", "[")]


def test_an_id_that_first_came_with_an_index_is_known_without() -> None:
    assert calls_of([call("{", index=4, id="a", name="f")], [call("}", id="a")]) == [("a", "f", "{}")]


def test_without_index_and_id_calls_in_one_delta_are_told_apart_by_position() -> None:
    assert calls_of([call("1", name="f"), call("2", name="f")], [call("3"), call("4")]) == [
        (None, "f", "13"),
        (None, "f", "24"),
    ]


def test_without_index_and_id_another_functions_name_begins_a_call() -> None:
    assert calls_of([call("1", name="f")], [call("2", name="f")], [call("3", name="g")], [call("4")]) == [
        (None, "f", "12"),
        (None, "g", "34"),
    ]


def test_a_call_without_arguments_has_empty_ones_and_a_type() -> None:
    message = message_of(
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}]}
    )
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    ]


def test_other_fields_of_a_call_are_kept() -> None:
    signed = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    extra = {"extra_content": {"google": {"thought_signature": "sig"}}}
    message = message_of({"tool_calls": [signed | extra]}, {"tool_calls": [call("}", index=0)]})
    assert message["tool_calls"][0]["extra_content"] == extra["extra_content"]
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("role", [None, "", "absent"])
def test_a_message_always_has_a_role_and_content(role: str | None) -> None:
    delta = {} if role == "absent" else {"role": role}
    assert message_of(delta, {}) == {"role": "assistant", "content": None}


def test_the_first_role_stays() -> None:
    assert message_of({"role": ""}, {"role": "tool"}, {"role": "assistant"})["role"] == "tool"


def test_padding_is_dropped_in_delta_and_chunk() -> None:
    stream = chunk({"index": 0, "delta": {"content": "a", "obfuscation": "xy"}}, obfuscation="zz") + DONE
    assert b"obfuscation" not in repr(collect(stream)).encode()


def test_other_fields_of_a_choice_keep_the_last_that_is_not_null() -> None:
    stream = [
        chunk({"index": 0, "delta": {}, "native_finish_reason": None, "seed": 1, "notes": [1]}),
        chunk({"index": 0, "delta": {}, "native_finish_reason": "end", "seed": 2, "notes": [2]}),
        chunk({"index": 0, "delta": {}, "native_finish_reason": None, "finish_reason": "stop"}),
    ]
    choice = collect(*stream)["choices"][0]
    assert (choice["native_finish_reason"], choice["seed"], choice["notes"]) == ("end", 2, [1, 2])

"""Requests of the Responses API: what is taken, obeyed and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluiceway.errors import InvalidRequest
from sluiceway.mock.responses_request import ResponsesRequest, asked_by, picture_asked_by, read_request

Json = dict[str, Any]
WEATHER: Json = {"type": "function", "name": "weather"}
PAINTER: Json = {"type": "image_generation", "size": "64x96", "partial_images": 2, "model": "any"}
RESULT: Json = {"type": "function_call_output", "call_id": "x", "output": "7"}
ASKED: Json = {"role": "user", "content": [{"type": "input_text", "text": "a river"}]}


def read(**fields: Any) -> ResponsesRequest:
    return read_request(json.dumps({"model": "m", "input": "Hello", **fields}).encode())


def test_a_string_and_its_item_ask_the_same() -> None:
    as_item = read(input=[{"role": "user", "content": "Hello"}])
    assert asked_by(read()) == asked_by(as_item)


def test_every_item_and_the_instructions_cost_tokens() -> None:
    call = {"type": "function_call", "call_id": "x", "name": "weather", "arguments": "{}"}
    asked = asked_by(read(input=[ASKED, call, RESULT], instructions="Be brief."))
    assert asked.texts == ("Be brief.", "a river", "{}", "7")
    assert asked.last_user_text == "a river"
    assert asked_by(read(instructions=[ASKED | {"text": "Be brief."}])).texts == ("Be brief.", "Hello")


@pytest.mark.parametrize(
    ("fields", "may_call"),
    [
        ({}, True),
        ({"tool_choice": "required"}, True),
        ({"tool_choice": "none"}, False),
        ({"tool_choice": {"type": "image_generation"}}, False),
        ({"input": [ASKED, RESULT]}, False),
    ],
)
def test_functions_are_called_only_where_they_may_be(fields: Json, may_call: bool) -> None:
    assert asked_by(read(tools=[WEATHER], **fields)).may_call is may_call


def test_a_function_can_be_chosen_and_other_tools_are_not_functions() -> None:
    asked = asked_by(read(tools=[WEATHER, PAINTER], tool_choice={"type": "function", "name": "weather"}))
    assert asked.chosen == "weather"
    assert [function.name for function in asked.functions] == ["weather"]


def test_thoughts_are_sealed_only_if_asked_for() -> None:
    assert read(include=["reasoning.encrypted_content"]).seals_thoughts
    assert not read(include=["message.output_text.logprobs"]).seals_thoughts
    assert not read().seals_thoughts


def test_the_image_tool_asks_for_a_picture_of_what_the_user_said() -> None:
    wanted = picture_asked_by(read(tools=[PAINTER], input=[ASKED]))
    assert wanted is not None
    assert (wanted.prompt, wanted.size, wanted.partial_images) == ("a river", "64x96", 2)
    for choice in ({"type": "image_generation"}, {"type": "allowed_tools", "tools": [WEATHER, PAINTER]}):
        assert picture_asked_by(read(tools=[PAINTER], tool_choice=choice)) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [WEATHER]},
        {"tool_choice": "none"},
        {"tool_choice": {"type": "function", "name": "weather"}},
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [WEATHER]}},
        {"tool_choice": {"type": "allowed_tools", "tools": "all"}},
        {"input": [ASKED, RESULT]},
    ],
)
def test_no_picture_is_drawn_where_none_is_wanted(fields: Json) -> None:
    assert picture_asked_by(read(**{"tools": [PAINTER], **fields})) is None


def test_a_picture_that_can_not_be_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="partial_images") as caught:
        picture_asked_by(read(tools=[PAINTER | {"partial_images": 4}]))
    assert caught.value.param == "tools"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_bad_request_names_the_field_at_fault(fields: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.param == param

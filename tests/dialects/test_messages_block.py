"""Deltas become the block they are part of, those of blocks that nobody has heard of yet included."""

from __future__ import annotations

from typing import Any

import pytest
from messages_streams import BLOCK_END, block, content_of, part, text

from sluiceway.dialects.messages_block import MessagesBlock
from sluiceway.errors import UpstreamInvalid


def grown(started: dict[str, Any], *deltas: dict[str, Any]) -> dict[str, Any]:
    found = MessagesBlock(started)
    for each in deltas:
        found.add(each)
    return found.whole(cut_short=False)


def test_text_is_joined_behind_what_the_block_started_with() -> None:
    assert content_of(block(type="text", text="a"), text("b"), text("c"), BLOCK_END) == [
        {"type": "text", "text": "abc"}
    ]


def test_a_signature_is_never_in_pieces() -> None:
    started = {"type": "thinking", "thinking": "", "signature": ""}
    one, two = ({"type": "signature_delta", "signature": word} for word in ("one", "two"))
    assert grown(started, one)["signature"] == "one"
    assert grown(started, one, two)["signature"] == "two"


@pytest.mark.parametrize("started", [{}, {"citations": None}, {"citations": []}])
def test_citations_are_appended_one_by_one(started: dict[str, Any]) -> None:
    deltas = [{"type": "citations_delta", "citation": {"n": n}} for n in (1, 2)]
    assert grown({"type": "text", "text": ""} | started, *deltas)["citations"] == [{"n": 1}, {"n": 2}]
    assert grown({"type": "text", "citations": [0]}, *deltas)["citations"] == [0, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use", "from_the_future"])
def test_input_is_read_when_all_of_it_has_come(kind: str) -> None:
    started = block(type=kind, id="t", name="n", input={})
    (found,) = content_of(started, part(""), part('{"a": "x'), part('y"'), part(', "b": [1e2]}'))
    assert found == {"type": kind, "id": "t", "name": "n", "input": {"a": "xy", "b": [100.0]}}


@pytest.mark.parametrize("pieces", [[], [""], ["", " "]])
def test_without_pieces_the_input_stays_as_it_started(pieces: list[str]) -> None:
    for began in ({}, {"a": 1}):
        (found,) = content_of(block(type="tool_use", name="n", input=began), *map(part, pieces))
        assert found["input"] == began


def test_input_that_is_no_json_is_an_error_which_does_not_tell_it() -> None:
    for bad in ('{"secret": tru}', '{"secret": "x', "[NaN]", "{'secret': 1}"):
        with pytest.raises(UpstreamInvalid) as caught:
            content_of(block(type="tool_use", name="lookup", input={}), part(bad))
        assert caught.value.message == "the upstream's input for the tool 'lookup' is not JSON"
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(UpstreamInvalid):
        content_of(block(type="tool_use", name="lookup", input={}), part(deep))


def test_input_of_a_model_that_was_stopped_is_what_of_it_is_whole() -> None:
    events = block(type="tool_use", name="n", input={}), part('{"a": 1, "b": "unfin')
    for reason in ("max_tokens", "model_context_window_exceeded", "refusal"):
        assert content_of(*events, reason=reason)[0]["input"] == {"a": 1}
    for reason in ("end_turn", "tool_use", "new"):
        with pytest.raises(UpstreamInvalid):
            content_of(*events, reason=reason)


def test_an_unknown_delta_adds_to_the_fields_it_names() -> None:
    started = {"type": "new", "content": None, "list": [1], "n": 1, "same": {"a": 1}}
    deltas: list[dict[str, Any]] = [
        {"type": "new_delta", "content": "a", "list": [2], "n": 2, "citation": "c", "same": None},
        {"type": "new_delta", "content": "b", "list": [], "n": None, "late": {"x": 1}},
        {},
    ]
    assert grown(started, *deltas) == {
        "type": "new",
        "content": "ab",
        "list": [1, 2],
        "n": 2,
        "same": {"a": 1},
        "citation": "c",
        "late": {"x": 1},
    }


def test_the_name_of_a_delta_is_not_the_blocks_type() -> None:
    assert grown({"text": ""}, {"type": "text_delta", "text": "a"}) == {"text": "a"}
    assert grown({}, {"type": ["odd"], "text": "a"}) == {"text": "a"}


@pytest.mark.parametrize("name", ["text", "thinking", "signature", "partial_json"])
def test_text_that_is_none_is_an_error_and_a_null_adds_nothing(name: str) -> None:
    assert grown({"type": "text", "text": "a"}, {"type": "x", name: None})["text"] == "a"
    for odd in (5, ["a"], {"a": 1}, True):
        with pytest.raises(UpstreamInvalid, match=f"a delta whose {name} is no string"):
            grown({"type": "text", "text": "a"}, {"type": "x", name: odd})

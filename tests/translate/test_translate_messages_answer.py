"""A Messages answer in the neutral form and back: content, reasons to stop, usage."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message as SdkMessage

from sluiceway.errors import UpstreamInvalid
from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.messages_answer import read_tokens, write_usage
from sluiceway.translate.neutral import Answer, Call, Image, Refusal, Text, Thinking, Tokens

ANSWER: dict[str, Any] = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Rain?", "signature": "EqQBCgIYAhIM"},
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3"},
        {"type": "text", "text": "I'll look.", "citations": [{"type": "char_location"}]},
        {"type": "tool_use", "id": "toolu_01A", "name": "get_weather", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 12,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "output_tokens": 55,
        "output_tokens_details": {"thinking_tokens": 20},
        "service_tier": "standard",
    },
}


def read(**fields: Any) -> Answer:
    return MESSAGES_TRANSLATOR.read_answer(ANSWER | fields)


def write(*parts: Any, **fields: Any) -> dict[str, Any]:
    said = {"id": "i", "model": "m", "parts": parts, "stop": "end"} | fields
    return MESSAGES_TRANSLATOR.write_answer(Answer(**said))


def test_an_answer_is_read_whole() -> None:
    assert read() == Answer(
        id="msg_013Zva2CMHLNnXjNJJKqJ2EF",
        model="claude-sonnet-4-5-20250929",
        parts=(
            Thinking("Rain?", signature="EqQBCgIYAhIM"),
            Thinking(sealed="EmwKAhgBEgy3va3", sealed_by="messages"),
            Text("I'll look."),
            Call("toolu_01A", "get_weather", '{"city":"Oslo"}'),
        ),
        stop="calls",
        tokens=Tokens(input=1112, output=55, cached=1000, cache_written=100, reasoning=20),
    )


def test_an_answer_is_written_as_it_was_but_for_citations_and_tier() -> None:
    written = MESSAGES_TRANSLATOR.write_answer(read())
    content = [*ANSWER["content"]]
    content[2] = {"type": "text", "text": "I'll look."}
    usage = {name: count for name, count in ANSWER["usage"].items() if name != "service_tier"}
    assert written == ANSWER | {"content": content, "usage": usage}


@pytest.mark.parametrize(
    ("reason", "stop", "back"),
    [
        ("end_turn", "end", "end_turn"),
        ("max_tokens", "length", "max_tokens"),
        ("stop_sequence", "stop_sequence", "stop_sequence"),
        ("tool_use", "calls", "tool_use"),
        ("pause_turn", "pause", "pause_turn"),
        ("refusal", "refusal", "refusal"),
        ("model_context_window_exceeded", "length", "max_tokens"),
        (None, None, None),
        ("compaction", None, None),
        (["end_turn"], None, None),
    ],
)
def test_reasons_to_stop(reason: Any, stop: str | None, back: str | None) -> None:
    answer = read(stop_reason=reason)
    assert answer.stop == stop
    assert MESSAGES_TRANSLATOR.write_answer(answer)["stop_reason"] == back


def test_a_content_filter_is_the_refusal_of_a_classifier() -> None:
    assert write(stop="filter")["stop_reason"] == "refusal"


def test_the_sequence_that_stopped_it_is_named() -> None:
    answer = read(stop_reason="stop_sequence", stop_sequence="END")
    assert answer.stop_sequence == "END"
    assert MESSAGES_TRANSLATOR.write_answer(answer)["stop_sequence"] == "END"


def test_the_explanation_of_a_refusal_is_kept() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "This could do harm."}
    answer = read(content=[], stop_reason="refusal", stop_details=details)
    assert answer.parts == (Refusal("This could do harm."),)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"content": None}, "has no content"),
        ({"content": "text"}, "has no content"),
        ({"content": [{"type": "server_tool_use"}]}, "'server_tool_use'"),
        ({"content": [{"type": ["text"]}]}, "content block of type"),
        ({"content": ["text"]}, "content block of type"),
    ],
)
def test_what_is_no_answer_or_can_not_be_carried_is_invalid(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UpstreamInvalid, match=says):
        read(**fields)


def test_fields_of_the_wrong_type_are_nothing() -> None:
    answer = read(
        id=5, model=None, usage="many", stop_sequence=1, stop_details=[], content=[{"type": "text"}]
    )
    assert answer == Answer(id="", model="", parts=(Text(""),), stop="calls")


def test_arguments_nested_too_deeply_are_invalid() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(UpstreamInvalid, match="no JSON"):
        read(content=[{"type": "tool_use", "input": deep}])
    while deep:  # taken apart by hand: freeing it in one go takes as deep a stack
        deep = deep["a"]


# ── usage ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 3, "output_tokens": 0}, Tokens(3, 0)),
        ({"input_tokens": 3, "cache_read_input_tokens": 0, "output_tokens": 2}, Tokens(3, 2, cached=0)),
        ({"input_tokens": 0, "cache_read_input_tokens": 7, "output_tokens": 2}, Tokens(7, 2, cached=7)),
        ({"input_tokens": 0, "output_tokens": 9}, Tokens(output=9)),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": True, "output_tokens": -1}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_counts_all_input_and_placeholders_as_nothing(usage: Any, tokens: Tokens | None) -> None:
    assert read_tokens(usage) == tokens


def test_written_usage_takes_cached_tokens_out_again_and_has_the_two_required_counts() -> None:
    assert write_usage(None) == {"input_tokens": 0, "output_tokens": 0}
    assert write_usage(Tokens(input=10, output=2, cached=4)) == {
        "input_tokens": 6,
        "cache_read_input_tokens": 4,
        "output_tokens": 2,
    }
    assert write_usage(Tokens(input=3, cached=4))["input_tokens"] == 0


# ── what only other APIs say ────────────────────────────────────────────────────────────────────────


def test_a_refusal_is_text_and_thoughts_need_no_signature_but_foreign_sealed_ones_stay_out() -> None:
    written = write(
        Refusal("no"),
        Thinking("t", sealed="x", sealed_by="responses"),
        Thinking(sealed="x", sealed_by="chat"),
    )
    assert written["content"] == [
        {"type": "text", "text": "no"},
        {"type": "thinking", "thinking": "t", "signature": ""},
    ]
    SdkMessage.model_validate(written, strict=True)


def test_arguments_that_are_no_object_are_invalid() -> None:
    for arguments in ('{"a":', "[]", '"a"'):
        with pytest.raises(UpstreamInvalid, match="'f'"):
            write(Call("i", "f", arguments), stop="calls")
    assert write(Call("i", "f", " "))["content"][0]["input"] == {}


def test_a_call_that_was_cut_off_at_the_limit_is_left_out() -> None:
    whole, broken = Call("i", "f", "{}"), Call("j", "f", '{"a":')
    assert len(write(whole, broken, stop="length")["content"]) == 1
    assert len(write(whole, whole, stop="length")["content"]) == 2
    with pytest.raises(UpstreamInvalid):
        write(broken, whole, stop="length")


def test_a_picture_can_not_be_in_a_message() -> None:
    with pytest.raises(UpstreamInvalid, match="picture"):
        write(Image(media_type="image/png", data="aGk="))

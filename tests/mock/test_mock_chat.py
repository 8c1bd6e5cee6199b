"""Chat answers: the same seed, the same answer, in both forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.errors import InvalidRequest
from sluiceway.mock.chat import answer_for, chunks_for, read_request
from sluiceway.mock.settings import MAX_TOKENS, MockSettings

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}
Json = dict[str, Any]


def ask(settings: MockSettings | None = None, **fields: Any) -> tuple[Json, list[Json]]:
    body: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **fields}
    request = read_request(json.dumps(body).encode())
    settings = settings or MockSettings()
    return answer_for(request, settings), chunks_for(request, settings)


def joined(chunks: list[Json]) -> list[Json]:
    """The choices of a stream as a `chat.completion` would have them, joined the plain way."""
    choices: dict[int, Json] = {}
    for chunk in chunks:
        for part in chunk["choices"]:
            choice = choices.setdefault(
                part["index"], {"index": part["index"], "message": {"content": None}, "finish_reason": None}
            )
            choice["logprobs"] = part["logprobs"]
            choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]
            delta, message = part["delta"], choice["message"]
            for key in ("content", "reasoning_content"):
                if delta.get(key) is not None:
                    message[key] = (message.get(key) or "") + delta[key]
            for key in ("role", "refusal"):
                if key in delta:
                    message[key] = delta[key]
            for call in delta.get("tool_calls", ()):
                calls = message.setdefault("tool_calls", [])
                if call["index"] == len(calls):
                    calls.append({"id": call["id"], "type": call["type"], "function": call["function"]})
                else:
                    calls[-1]["function"]["arguments"] += call["function"]["arguments"]
    return [choices[index] for index in sorted(choices)]


@given(
    st.integers(min_value=0, max_value=40),
    st.integers(min_value=0, max_value=5),
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=1, max_value=4),
    st.integers(),
    st.booleans(),
)
def test_stream_and_json_agree_exactly(
    tokens: int, reasoning: int, tools: int, n: int, seed: int, echo: bool
) -> None:
    settings = MockSettings(tokens=tokens, reasoning=reasoning, tools=tools, seed=seed, echo=echo, usage="on")
    answer, chunks = ask(settings, n=n, tools=[WEATHER, CLOCK])
    assert joined(chunks) == answer["choices"]
    assert chunks[-1]["usage"] == answer["usage"]
    for key in ("id", "created", "model", "system_fingerprint"):
        assert {chunk[key] for chunk in chunks} == {answer[key]}


def test_the_same_messages_give_the_same_answer_and_others_another() -> None:
    assert ask() == ask()
    assert ask()[0]["id"] != ask(messages=[{"role": "user", "content": "Ho"}])[0]["id"]


def test_a_seed_fixes_the_answer_whatever_the_messages_say() -> None:
    first, _ = ask(seed=5)
    second, _ = ask(seed=5, messages=[{"role": "user", "content": "Ho!"}])
    assert first["choices"] == second["choices"]
    assert first["id"] == second["id"]


def test_the_knob_beats_the_requests_seed() -> None:
    assert ask(MockSettings(seed=1), seed=2)[0]["id"] == ask(seed=1)[0]["id"]


def test_several_choices_differ_and_come_interleaved() -> None:
    answer, chunks = ask(n=3)
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 3
    assert [chunk["choices"][0]["index"] for chunk in chunks[:6]] == [0, 1, 2, 0, 1, 2]


def test_reasoning_comes_before_the_answer_and_is_counted() -> None:
    answer, chunks = ask(MockSettings(reasoning=4, tokens=3))
    kinds = [next(iter(chunk["choices"][0]["delta"]), "finish") for chunk in chunks]
    assert kinds == ["role", *["reasoning_content"] * 4, *["content"] * 3, "finish"]
    assert answer["usage"]["completion_tokens"] == 7
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4


def test_max_tokens_cuts_the_answer_with_reason_length() -> None:
    answer, _ = ask(MockSettings(tokens=10), max_tokens=4)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 4
    assert ask(MockSettings(tokens=10), max_completion_tokens=10)[0]["choices"][0]["finish_reason"] == "stop"


def test_a_tool_that_is_no_function_is_called_all_the_same() -> None:
    answer, _ = ask(tools=[{"type": "custom"}])
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "lookup"


@pytest.mark.parametrize("stop", ["two", ["nowhere", "two"]])
def test_a_stop_ends_the_text_before_it(stop: Any) -> None:
    said = [{"role": "user", "content": "one two three"}]
    answer, _ = ask(MockSettings(echo=True), messages=said, stop=stop)
    assert answer["choices"][0]["message"]["content"] == "one "
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_request_with_tools_gets_one_call_that_fits_the_tool() -> None:
    answer, chunks = ask(tools=[WEATHER])
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert list(json.loads(call["function"]["arguments"])) == ["city"]
    assert answer["choices"][0]["message"]["content"] is None
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    pieces = [chunk for chunk in chunks if "tool_calls" in chunk["choices"][0]["delta"]]
    assert len(pieces) > 2


def test_parallel_calls_go_through_the_tools_in_turn() -> None:
    answer, _ = ask(MockSettings(tools=3), tools=[WEATHER, CLOCK])
    calls = answer["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "clock", "weather"]
    assert len({call["id"] for call in calls}) == 3


def test_the_knob_calls_tools_even_where_none_are_offered() -> None:
    assert (
        ask(MockSettings(tools=1))[0]["choices"][0]["message"]["tool_calls"][0]["function"]["name"]
        == "lookup"
    )


def test_tool_choice_is_obeyed() -> None:
    chosen: Json = {"type": "function", "function": {"name": "clock"}}
    calls = ask(tools=[WEATHER, CLOCK], tool_choice=chosen)[0]["choices"][0]["message"]["tool_calls"]
    assert calls[0]["function"]["name"] == "clock"
    assert "tool_calls" not in ask(tools=[WEATHER], tool_choice="none")[0]["choices"][0]["message"]


def test_after_a_tools_result_the_answer_is_text_so_that_agents_end() -> None:
    messages = [{"role": "user", "content": "?"}, {"role": "tool", "tool_call_id": "x", "content": "7"}]
    assert ask(MockSettings(tools=2), tools=[WEATHER], messages=messages)[0]["choices"][0]["message"][
        "content"
    ]


def test_echo_repeats_the_last_user_message_to_the_character() -> None:
    text = "Grüße 👩‍🔧\u2028 next\n\tline  "
    messages = [
        {"role": "user", "content": "no"},
        {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url"}, "odd"]},
        {"role": "assistant", "content": None},
    ]
    answer, _ = ask(MockSettings(echo=True, tokens=1), messages=messages)
    assert answer["choices"][0]["message"]["content"] == text


def test_an_echo_is_as_bounded_as_any_answer() -> None:
    messages = [{"role": "user", "content": "a " * (MAX_TOKENS + 5)}]
    answer, _ = ask(MockSettings(echo=True), messages=messages)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == MAX_TOKENS


def usages(chunks: list[Json]) -> list[Any]:
    return [chunk.get("usage", "absent") for chunk in chunks]


def test_usage_comes_in_a_last_chunk_if_the_client_asks() -> None:
    _, chunks = ask(MockSettings(tokens=2), stream_options={"include_usage": True})
    assert chunks[-1]["choices"] == []
    assert usages(chunks)[:-1] == [None] * 4
    assert usages(ask(MockSettings(tokens=2))[1]) == ["absent"] * 4


def test_a_stream_in_the_place_of_json_has_the_usage_that_json_would_have() -> None:
    answer, chunks = ask(MockSettings(tokens=2), stream=False)
    assert chunks[-1]["usage"] == answer["usage"]


def test_usage_in_choices_rides_on_the_last_finish_reason() -> None:
    answer, chunks = ask(MockSettings(tokens=2, usage="in_choices"), n=2)
    assert [usage == "absent" for usage in usages(chunks)] == [True] * 7 + [False]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == answer["usage"]


def test_usage_in_every_chunk_counts_up_to_the_whole() -> None:
    answer, chunks = ask(MockSettings(tokens=3, usage="every"))
    assert [usage["completion_tokens"] for usage in usages(chunks)] == [0, 1, 2, 3, 3]
    assert chunks[-1]["usage"] == answer["usage"]


def test_usage_off_is_off_in_both_forms() -> None:
    answer, chunks = ask(MockSettings(usage="off"), stream_options={"include_usage": True})
    assert "usage" not in answer
    assert set(usages(chunks)) == {"absent"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b'"\xff"', None),
        (b"[]", None),
        (b'{"messages": [{}]}', "model"),
        (b'{"model": "", "messages": [{}]}', "model"),
        (b'{"model": 7, "messages": [{}]}', "model"),
        (b'{"model": "m"}', "messages"),
        (b'{"model": "m", "messages": []}', "messages"),
        (b'{"model": "m", "messages": "hi"}', "messages"),
        (b'{"model": "m", "messages": [{}], "n": 9}', "n"),
        (b'{"model": "m", "messages": [{}], "stop": ["a", "b", "c", "d", "e"]}', "stop"),
        (b'{"model": "m", "messages": [{}], "stop": ""}', "stop"),
        (b'{"model": "m", "messages": [{}], "stream": "yes"}', "stream"),
    ],
)
def test_a_bad_request_names_the_field_at_fault(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(body)
    assert caught.value.param == param

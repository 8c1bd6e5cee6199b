"""What is said, whatever the API."""

from __future__ import annotations

import json
from typing import Any

from sluiceway.mock import chat, messages, responses_request
from sluiceway.mock.compose import Answer, Asked, Function, compose, last_user_text, text_of
from sluiceway.mock.settings import MockSettings

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def asked(**fields: Any) -> Asked:
    return Asked(**{"model": "m", "said": HELLO, "texts": ("Hello",), "last_user_text": "Hello", **fields})


def in_every_api(settings: MockSettings, *, tools: bool = False) -> list[Answer]:
    """The answers to the same request in chat, messages and responses."""
    function = {"name": "weather", "parameters": SCHEMA}
    bodies: list[dict[str, Any]] = [
        {"messages": HELLO, "tools": [{"type": "function", "function": function}]},
        {"messages": HELLO, "max_tokens": 100, "tools": [{"name": "weather", "input_schema": SCHEMA}]},
        {"input": "Hello", "tools": [{"type": "function", **function}]},
    ]
    for body in bodies:
        body["model"] = "m"
        if not tools:
            del body["tools"]
    as_chat, as_messages, as_responses = (json.dumps(body).encode() for body in bodies)
    return [
        compose(chat.asked_by(chat.read_request(as_chat)), settings),
        compose(messages.asked_by(messages.read_request(as_messages)), settings),
        compose(responses_request.asked_by(responses_request.read_request(as_responses)), settings),
    ]


def test_one_seed_says_the_same_in_every_api() -> None:
    settings = MockSettings(seed=7, reasoning=3)
    first, *others = in_every_api(settings)
    assert first.choices[0].content
    assert others == [first, first]


def test_one_seed_calls_the_same_in_every_api() -> None:
    first, *others = in_every_api(MockSettings(seed=7, tools=2), tools=True)
    assert [call.name for call in first.choices[0].tool_calls] == ["weather", "weather"]
    assert list(json.loads(first.choices[0].tool_calls[0].arguments)) == ["city"]
    assert others == [first, first]


def test_a_simple_request_says_the_same_in_every_api_even_without_a_seed() -> None:
    first, *others = in_every_api(MockSettings())
    assert others == [first, first]


def test_thoughts_do_not_change_the_words_that_follow() -> None:
    quick = compose(asked(), MockSettings(seed=1))
    slow = compose(asked(reasoning=8), MockSettings(seed=1))
    assert len(slow.choices[0].reasoning) == slow.reasoning_tokens == 8
    assert slow.choices[0].content == quick.choices[0].content
    assert slow.completion_tokens == quick.completion_tokens + 8


def test_the_knob_for_thoughts_beats_the_request() -> None:
    assert compose(asked(reasoning=8), MockSettings(reasoning=2)).reasoning_tokens == 2


def test_a_limit_cuts_the_words_and_says_so() -> None:
    choice = compose(asked(limit=4), MockSettings(tokens=5)).choices[0]
    assert (len(choice.content), choice.cut_short) == (4, True)
    assert not compose(asked(limit=5), MockSettings(tokens=5)).choices[0].cut_short


def test_the_first_of_the_stops_ends_the_words_even_within_a_token() -> None:
    knobs = MockSettings(echo=True)
    stops = ("never", "ee f", "four")
    choice = compose(asked(last_user_text="one two three four five", stops=stops), knobs).choices[0]
    assert (choice.content, choice.stopped_by) == (("one", " two", " thr"), "ee f")
    assert choice.token_count == 3
    nothing = compose(asked(last_user_text="one two", stops=("o",)), knobs).choices[0]
    assert (nothing.content, nothing.stopped_by) == ((), "o")


def test_what_comes_first_ends_the_words_the_limit_or_the_stop() -> None:
    knobs = MockSettings(echo=True)
    words = "one two three four"
    stopped = compose(asked(last_user_text=words, stops=("two",), limit=3), knobs).choices[0]
    assert (stopped.stopped_by, stopped.cut_short) == ("two", False)
    cut = compose(asked(last_user_text=words, stops=("four",), limit=3), knobs).choices[0]
    assert (cut.stopped_by, cut.cut_short) == (None, True)
    whole = compose(asked(last_user_text=words, stops=("five",)), knobs).choices[0]
    assert (whole.stopped_by, whole.cut_short, len(whole.content)) == (None, False, 4)


def test_the_seal_of_thoughts_is_that_of_their_answer() -> None:
    seals = {compose(asked(), MockSettings(seed=seed)).seal for seed in (1, 1, 2)}
    assert len(seals) == 2


def test_a_chosen_function_is_called_and_none_if_calls_are_forbidden() -> None:
    functions = (Function("clock"), Function("weather", SCHEMA))
    (call,) = compose(asked(functions=functions, chosen="weather"), MockSettings()).choices[0].tool_calls
    assert call.name == "weather"
    forbidden = asked(functions=functions, may_call=False)
    assert compose(forbidden, MockSettings(tools=3)).choices[0].tool_calls == ()


def test_the_text_of_a_turn_is_that_of_its_parts() -> None:
    assert text_of([{"text": "a"}, {"type": "image"}, "odd", {"text": "b"}]) == "ab"
    assert text_of(None) == ""
    assert last_user_text([*HELLO, {"role": "assistant", "content": "no"}]) == "Hello"
    assert last_user_text([]) == ""

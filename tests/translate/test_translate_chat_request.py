"""Chat requests: every field carried, dropped or lost, and what is malformed named by its path."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter
from responses_samples import contents, json_objects, names, texts, words

from sluiceway.errors import InvalidRequest
from sluiceway.translate.chat import CHAT_TRANSLATOR
from sluiceway.translate.neutral import (
    Call,
    CallResult,
    Conversation,
    File,
    Image,
    JsonFormat,
    Message,
    Refusal,
    Text,
    Thinking,
    Tool,
)

REQUEST: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
HI = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def read(*messages: Any, **fields: Any) -> Conversation:
    return CHAT_TRANSLATOR.read_request({"model": "m", "messages": list(messages) or [HI]} | fields)


def ask(*messages: Message, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"model": "m", "messages": messages or (Message("user", (Text("Hi"),)),)}
    return CHAT_TRANSLATOR.write_request(Conversation(**(said | fields)))


def test_all_roles_are_read() -> None:
    conversation = read(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
        HI | {"name": "ann"},
        {"role": "assistant", "content": "Hm.", "reasoning_content": "Well", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": None, "refusal": "No."},
    )
    assert conversation.messages == (
        Message("system", (Text("Be brief."),)),
        Message("system", (Text("And kind."),)),
        Message("user", (Text("Hi"),)),
        Message("assistant", (Thinking("Well"), Text("Hm."), Call("c1", "f", '{"a":1}'))),
        Message("user", (CallResult("c1", (Text("1"),)), CallResult("c2", (Text("2"),)))),
        Message("assistant", (Refusal("No."),)),
    )
    assert (conversation.dropped, conversation.lost) == (("messages[2].name",), ())


def test_the_old_form_of_earlier_calls_is_read_as_the_new_one() -> None:
    conversation = read(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    )
    assert conversation.messages[1:] == (
        Message("assistant", (Call("call_f", "f", "{}"),)),
        Message("user", (CallResult("call_f", (Text("1"),)),)),
    )


def test_pictures_and_files_are_read_by_url_and_by_value() -> None:
    conversation = read(
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
                },
            ],
        }
    )
    assert conversation.messages[0].parts == (
        Image(url="https://x/a.png", detail="low"),
        Image(media_type="image/png", data="aGk="),
        File(media_type="application/pdf", data="aGk=", name="a.pdf"),
    )


def test_options_are_carried_over() -> None:
    conversation = read(
        max_tokens=5,
        max_completion_tokens=7,
        temperature=1.5,
        top_p=0.5,
        stop="end",
        reasoning_effort="low",
        user="u",
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        parallel_tool_calls=False,
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {}, "strict": True},
            }
        ],
        tool_choice={"type": "function", "function": {"name": "f"}},
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
        seed=1,
        n=1,
        logprobs=False,
        presence_penalty=0,
        modalities=["text"],
        logit_bias={},
        metadata=None,
    )
    assert conversation == Conversation(
        model="m",
        messages=(Message("user", (Text("Hi"),)),),
        stream=True,
        include_usage=True,
        tools=(Tool("f", "d", {}, True),),
        tool_choice="tool",
        tool_name="f",
        parallel_calls=False,
        max_tokens=7,
        temperature=1.5,
        top_p=0.5,
        stop=("end",),
        json_format=JsonFormat("s", {"type": "object"}),
        effort="low",
        show_thinking=True,
        user="u",
        dropped=("stream_options.include_obfuscation", "seed"),
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"web_search_options": {"a": 1}}, "web_search_options"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"invented": 1}, "invented"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom", "id": "x"}]}]},
            "messages[0].tool_calls[0].type",
        ),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
    ],
)
def test_what_changes_the_answer_and_can_not_be_carried_is_lost_by_name(
    fields: dict[str, Any], path: str
) -> None:
    assert CHAT_TRANSLATOR.read_request({"model": "m", "messages": [HI]} | fields).lost == (path,)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_what_is_malformed_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAT_TRANSLATOR.read_request({"model": "m", "messages": [HI]} | fields)
    assert caught.value.param == param


def test_results_of_tools_become_messages_and_their_pictures_follow() -> None:
    picture = Image(url="https://x/a.png")
    message = Message("user", (CallResult("c", (Text("1"), picture), failed=True), Text("so?")))
    assert ask(message)["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
                {"type": "text", "text": "so?"},
            ],
        },
    ]


def test_thoughts_stay_behind_and_a_turn_of_nothing_else_too() -> None:
    turns = (Message("assistant", (Thinking("hm"),)), Message("assistant", (Thinking("hm"), Text("a"))))
    assert ask(*turns)["messages"] == [{"role": "assistant", "content": "a"}]
    with pytest.raises(InvalidRequest):
        ask(turns[0])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("llama-3", "max_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("gpt-5.1", "max_completion_tokens"),
        ("openai/gpt-5", "max_completion_tokens"),
        ("phi-o1", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_knows(model: str, name: str) -> None:
    assert ask(model=model, max_tokens=9)[name] == 9


def test_a_budget_becomes_an_effort_and_none_is_left_out() -> None:
    assert ask(thinking_tokens=2000)["reasoning_effort"] == "low"
    assert ask(thinking_tokens=50_000)["reasoning_effort"] == "high"
    assert "reasoning_effort" not in ask(thinking_tokens=0)


def test_usage_is_asked_for_on_a_stream_where_it_is_wanted() -> None:
    assert ask(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in ask(stream=True, include_usage=False)
    assert "stream_options" not in ask()


def test_what_can_not_be_said_is_refused() -> None:
    for fields in ({"tool_choice": "required"}, {"tool_choice": "tool", "tool_name": "f"}):
        with pytest.raises(InvalidRequest) as caught:
            ask(**fields)
        assert caught.value.param == "tool_choice"
    with pytest.raises(InvalidRequest) as by_url:
        ask(Message("user", (File(url="https://x/a.pdf"),)))
    assert by_url.value.param == "messages[0]"


# ── anything that the API can say ───────────────────────────────────────────────────────────────────

said_by_user = contents.map(
    lambda parts: Message("user", tuple(part for part in parts if not isinstance(part, File)) or (Text("x"),))
)
said_by_assistant = st.tuples(
    st.lists(texts, max_size=1), st.lists(st.builds(Call, names, names, words), max_size=2)
)
results = st.lists(st.builds(CallResult, names, st.tuples(texts)), min_size=1, max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    turns = [Message("system", (draw(texts),))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(draw(said_by_user))
        said, called = draw(said_by_assistant)
        if said or called:
            turns.append(Message("assistant", (*said, *called)))
            turns.append(Message("user", tuple(draw(results))))
    offered = tuple(
        draw(st.lists(st.builds(Tool, names, words, json_objects, st.none() | st.booleans()), max_size=2))
    )
    choice: Any = draw(st.sampled_from(["auto", "none", "required", "tool", None])) if offered else None
    stream = draw(st.booleans())
    effort = draw(st.sampled_from([None, "low", "high"]))
    return Conversation(
        model=draw(st.sampled_from(["m", "gpt-5"])),
        messages=tuple(turns),
        stream=stream,
        include_usage=stream,
        tools=offered,
        tool_choice=choice,
        tool_name=draw(names) if choice == "tool" else "",
        parallel_calls=draw(st.none() | st.booleans()) if offered else None,
        max_tokens=draw(st.none() | st.integers(0, 99)),
        temperature=draw(st.none() | st.floats(0, 2)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        json_format=draw(st.none() | st.just(JsonFormat()) | st.builds(JsonFormat, names, json_objects)),
        effort=effort,
        show_thinking=effort is not None,
        user=draw(st.just("") | words),
    )


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(conversations())
def test_a_conversation_that_the_api_can_say_comes_back_as_it_was(conversation: Conversation) -> None:
    request = CHAT_TRANSLATOR.write_request(conversation)
    assert CHAT_TRANSLATOR.read_request(request) == conversation
    REQUEST.validate_python({name: value for name, value in request.items() if name != "stream"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["messages", "tools", "tool_choice", "stop", "response_format", "stream_options", "n", "x"]
        ),
        json_values
        | st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": json_values})
        ),
    )
)
def test_no_request_does_worse_than_being_refused(fields: dict[str, Any]) -> None:
    with suppress(InvalidRequest):
        CHAT_TRANSLATOR.read_request({"model": "m"} | fields)

"""A Messages request means what its conversation says, or is refused by the path of what can't be said."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from messages_samples import ask, read

from sluiceway.errors import InvalidRequest
from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.messages_request import NO_PARAMETERS
from sluiceway.translate.messages_thinking import ANSWER_TOKENS, BUDGETS, is_adaptive
from sluiceway.translate.messages_turns import call_id
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
from sluiceway.translate.request_fields import Fields, Notes

PDF = "application/pdf"
TOOL = Tool("get_weather", "The weather", {"type": "object", "properties": {"city": {"type": "string"}}})
OLD = "claude-sonnet-4-5-20250929"


def user(*content: dict[str, Any] | str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content[0] if content == ("",) else list(content)}]}


def parts_of(*content: dict[str, Any]) -> tuple[Any, ...]:
    conversation = read(user(*content))
    assert conversation.lost == ()
    return conversation.messages[0].parts


def lost(request: dict[str, Any]) -> tuple[str, ...]:
    return read(request).lost


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────

AGENT = {  # as a coding agent sends it
    "model": "claude-sonnet-4-5-20250929",
    "max_tokens": 32000,
    "stream": True,
    "temperature": 1,
    "system": [
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be brief."},
    ],
    "thinking": {"type": "enabled", "budget_tokens": 31999},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": "user_1", "session": "s"},
    "tools": [
        {
            "name": "Bash",
            "description": "Run it",
            "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}},
            "eager_input_streaming": True,
            "cache_control": {"type": "ephemeral"},
        }
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "messages": [
        {"role": "user", "content": "List the files"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "ls it is", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "I look.", "citations": None},
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "Bash",
                    "input": {"command": "ls", "n": 1},
                    "caller": {"type": "direct"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "a.py"}],
                    "is_error": False,
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no", "is_error": True},
                {"type": "tool_result", "tool_use_id": "toolu_3"},
                {"type": "text", "text": "Go on"},
            ],
        },
    ],
}


def test_a_coding_agents_request_is_carried_whole() -> None:
    assert MESSAGES_TRANSLATOR.read_request(AGENT) == Conversation(
        model="claude-sonnet-4-5-20250929",
        messages=(
            Message("system", (Text("You are an agent."), Text("Be brief."))),
            Message("user", (Text("List the files"),)),
            Message(
                "assistant",
                (
                    Thinking("ls it is", signature="c2ln"),
                    Thinking(sealed="ZGF0YQ==", sealed_by="messages"),
                    Text("I look."),
                    Call("toolu_1", "Bash", '{"command":"ls","n":1}'),
                ),
            ),
            Message(
                "user",
                (
                    CallResult("toolu_1", (Text("a.py"),)),
                    CallResult("toolu_2", (Text("no"),), failed=True),
                    CallResult("toolu_3", ()),
                    Text("Go on"),
                ),
            ),
        ),
        stream=True,
        tools=(Tool("Bash", "Run it", {"type": "object", "properties": {"command": {"type": "string"}}}),),
        tool_choice="auto",
        parallel_calls=False,
        max_tokens=32000,
        temperature=1,
        thinking_tokens=31999,
        show_thinking=True,
        user="user_1",
        dropped=(
            "system[0].cache_control",
            "messages[2].content[0].cache_control",
            "tools[0].cache_control",
            "tools[0].eager_input_streaming",
            "metadata.session",
            "context_management",
        ),
    )


def test_an_agents_request_is_written_as_it_came_but_for_what_was_dropped() -> None:
    written = MESSAGES_TRANSLATOR.write_request(MESSAGES_TRANSLATOR.read_request(AGENT))
    results = written["messages"][2]["content"]
    assert results[0] == {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.py"}
    assert results[1]["is_error"] is True
    assert "content" not in results[2]
    assert written["thinking"] == AGENT["thinking"]
    assert written["messages"][1]["content"][3]["input"] == {"command": "ls", "n": 1}
    assert written["tool_choice"] == AGENT["tool_choice"]
    assert "context_management" not in written


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "a", "citations": []}, Text("a")),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            Image(media_type="image/png", data="aGk="),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://a/b"}}, Image(url="https://a/b")),
        (
            {
                "type": "document",
                "title": "t",
                "citations": {"enabled": False},
                "source": {"type": "base64", "media_type": PDF, "data": "aGk="},
            },
            File(media_type=PDF, data="aGk=", name="t"),
        ),
        ({"type": "document", "source": {"type": "url", "url": "https://a"}}, File(url="https://a")),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            Text("words"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "w"}]}},
            Text("w"),
        ),
        ({"type": "document", "source": {"type": "content", "content": "w"}}, Text("w")),
        ({"type": "tool_use", "id": "i", "name": "n", "input": {}}, Call("i", "n", "{}")),
    ],
)
def test_each_block_is_its_part(block: dict[str, Any], part: Any) -> None:
    assert parts_of(block) == (part,)


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]])
def test_empty_content_is_no_part(content: Any) -> None:
    assert read({"messages": [{"role": "user", "content": content}]}).messages[0].parts == ()


def test_a_system_message_in_mid_conversation_stays_where_it_is() -> None:
    told = [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]
    conversation = read({"messages": told})
    assert [message.role for message in conversation.messages] == ["user", "system"]


def test_a_request_without_max_tokens_can_be_served_elsewhere() -> None:
    assert MESSAGES_TRANSLATOR.read_request({"model": "m", "messages": []}).max_tokens is None


@pytest.mark.parametrize(
    ("request_fields", "said"),
    [
        ({"thinking": {"type": "disabled"}}, {"thinking_tokens": 0}),
        ({"thinking": {"type": "adaptive"}}, {"show_thinking": True}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
            {"effort": "low"},
        ),
        ({"output_config": {"effort": "max"}}, {"effort": "xhigh"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}},
            {"json_format": JsonFormat(schema={"a": 1})},
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {"a": 1}}},
            {"json_format": JsonFormat(schema={"a": 1})},
        ),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        ({"tool_choice": {"type": "tool", "name": "n"}}, {"tool_choice": "tool", "tool_name": "n"}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"temperature": None, "top_p": 0.5, "container": None, "mcp_servers": []}, {"top_p": 0.5}),
    ],
)
def test_each_setting_is_carried(request_fields: dict[str, Any], said: dict[str, Any]) -> None:
    conversation = read(request_fields)
    assert conversation == Conversation(model=conversation.model, messages=(), max_tokens=9, **said)


@pytest.mark.parametrize(
    "name", ["cache_control", "service_tier", "speed", "diagnostics", "context_management", "top_k", "betas"]
)
def test_what_is_the_providers_own_business_is_dropped(name: str) -> None:
    conversation = read({name: {"some": "thing"}})
    assert (conversation.dropped, conversation.lost) == ((name,), ())


TEXT = {"type": "text", "text": "t"}
RESULT = {"type": "tool_result", "tool_use_id": "i"}
NAMED = {"name": "n", "input_schema": {}}


@pytest.mark.parametrize(
    ("request_fields", "paths"),
    [
        ({"container": "c"}, ["container"]),
        ({"mcp_servers": [{"name": "m"}]}, ["mcp_servers"]),
        ({"inference_geo": "us"}, ["inference_geo"]),
        ({"thread": {"type": "create"}}, ["thread"]),
        ({"of_tomorrow": 0}, ["of_tomorrow"]),
        ({"tools": [NAMED, {"type": "web_search_20250305", "name": "web_search"}]}, ["tools[1].type"]),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, ["tools[0].type"]),
        ({"tools": [NAMED | {"defer_loading": True}]}, ["tools[0].defer_loading"]),
        ({"tools": [NAMED | {"allowed_callers": ["code_execution"]}]}, ["tools[0].allowed_callers"]),
        ({"tools": [NAMED | {"new": 1}]}, ["tools[0].new"]),
        ({"tool_choice": {"type": "some"}}, ["tool_choice.type"]),
        ({"thinking": {"type": "between_tools"}}, ["thinking.type"]),
        ({"output_config": {"task_budget": {"total": 1}}}, ["output_config.task_budget"]),
        ({"output_config": {"format": {"type": "grammar"}}}, ["output_config.format.type"]),
        (user({"type": "search_result", "content": []}), ["messages[0].content[0].type"]),
        (user(TEXT, {"type": "server_tool_use", "id": "i"}), ["messages[0].content[1].type"]),
        (user({"type": "container_upload", "file_id": "f"}), ["messages[0].content[0].type"]),
        (
            user({"type": "image", "source": {"type": "file", "file_id": "f"}}),
            ["messages[0].content[0].source.type"],
        ),
        (
            user({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            ["messages[0].content[0].source.type"],
        ),
        (
            user({"type": "document", "citations": {"enabled": True}, "source": {"type": "url", "url": "u"}}),
            ["messages[0].content[0].citations"],
        ),
        (
            user({"type": "document", "context": "c", "source": {"type": "url", "url": "u"}}),
            ["messages[0].content[0].context"],
        ),
        (
            user(RESULT | {"content": [TEXT, {"type": "tool_reference", "tool_name": "n"}]}),
            ["messages[0].content[0].content[1].type"],
        ),
        (
            user({"type": "tool_use", "id": "i", "name": "n", "caller": {"type": "code_execution_20250825"}}),
            ["messages[0].content[0].caller.type"],
        ),
        ({"system": [{"type": "image"}]}, ["system[0].type"]),
        (
            {"messages": [{"role": "system", "content": "s", "output_config": {"effort": "low"}}]},
            ["messages[0].output_config"],
        ),
    ],
)
def test_what_can_not_be_carried_is_lost_by_its_path(
    request_fields: dict[str, Any], paths: list[str]
) -> None:
    assert list(lost(request_fields)) == paths


@pytest.mark.parametrize(
    ("request_fields", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (user({"text": "a"}), "messages[0].content[0].type"),
        (user({"type": "text", "text": 5}), "messages[0].content[0].text"),
        (user({"type": "image"}), "messages[0].content[0].source"),
        (user({"type": "tool_use", "id": "i", "name": "n", "input": []}), "messages[0].content[0].input"),
        (user({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
        (user(RESULT | {"is_error": "no"}), "messages[0].content[0].is_error"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": ["a", 5]}, "stop_sequences[1]"),
        ({"system": 5}, "system"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "n", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": True}, "thinking"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_what_is_malformed_is_refused_by_its_path(request_fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(request_fields)
    assert caught.value.param == path
    assert path in caught.value.message


def test_arguments_nested_too_deeply_are_refused() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="can't be written"):
        read(user({"type": "tool_use", "id": "i", "name": "n", "input": deep}))
    while deep:  # taken apart by hand: freeing it in one go takes as deep a stack
        deep = deep["a"]


def test_a_request_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the request must be an object"):
        Fields([], "", Notes())


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def turns(*messages: Message) -> Any:
    return ask(*messages)["messages"]


def test_the_least_that_is_said_gives_the_least_request() -> None:
    assert ask() == {
        "model": "claude-opus-4-6",
        "max_tokens": ANSWER_TOKENS,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_system_text_from_everywhere_moves_to_the_front_in_order() -> None:
    written = ask(
        Message("system", (Text("a"),)),
        Message("user", (Text("Hi"),)),
        Message("system", (Text("b"),)),
        Message("user", (Text("you"),)),
    )
    assert [block["text"] for block in written["system"]] == ["a", "b"]
    assert [block["text"] for block in written["messages"][0]["content"]] == ["Hi", "you"]


def test_results_of_separate_messages_become_one_turn_with_results_first() -> None:
    written = turns(
        Message("user", (Text("Do"),)),
        Message("assistant", (Call("a", "f", ""), Call("b", "f", "{}"))),
        Message("user", (CallResult("a", ()),)),
        Message("user", (Text("By the way"),)),
        Message("user", (CallResult("b", (Text("1"), Image(url="https://i"))),)),
    )
    assert [turn["role"] for turn in written] == ["user", "assistant", "user"]
    assert [call["input"] for call in written[1]["content"]] == [{}, {}]
    assert [block["type"] for block in written[2]["content"]] == ["tool_result", "tool_result", "text"]


def test_blank_text_and_turns_of_nothing_else_are_left_out() -> None:
    written = turns(
        Message("user", (Text("a"), Text(""), Text(" \n"))),
        Message("assistant", (Text("\n"),)),
        Message("user", (Text("b"),)),
    )
    assert written == [{"role": "user", "content": [TEXT | {"text": "a"}, TEXT | {"text": "b"}]}]


def test_only_thoughts_that_anthropic_can_verify_go_back_to_it() -> None:
    written = turns(
        Message("user", (Text("a"),)),
        Message(
            "assistant",
            (
                Thinking("unsigned"),
                Thinking(sealed="x", sealed_by="responses"),
                Thinking(sealed="y", sealed_by="messages"),
                Thinking("t", signature="s"),
                Refusal("no"),
            ),
        ),
    )
    assert written[1]["content"] == [
        {"type": "redacted_thinking", "data": "y"},
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "no"},
    ]


def test_files_are_documents() -> None:
    text = base64.b64encode(b"words").decode()
    content = turns(
        Message(
            "user",
            (
                File(url="https://f", name="n"),
                File(media_type=PDF, data="aGk="),
                File(media_type="text/plain", data=text),
            ),
        )
    )[0]["content"]
    assert content[0] == {
        "type": "document",
        "source": {"type": "url", "url": "https://f"},
        "title": "n",
    }
    assert [block["source"]["type"] for block in content] == ["url", "base64", "text"]
    assert content[2]["source"]["data"] == "words"


def test_ids_of_calls_are_made_to_fit_alike_in_call_and_result() -> None:
    written = turns(
        Message("user", (Text("a"),)),
        Message("assistant", (Call("call.1:x", "f", "{}"), Call("fits-1_A", "f", "{}"))),
        Message("user", (CallResult("call.1:x", ()), CallResult("fits-1_A", ()))),
    )
    asked = [call["id"] for call in written[1]["content"]]
    assert asked == [result["tool_use_id"] for result in written[2]["content"]]
    assert asked[1] == "fits-1_A"
    assert len({call_id(one) for one in ("a.b", "a:b", "a_b", "", "\ud800")}) == 5


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1.5}, "temperature"),
        ({"json_format": JsonFormat()}, "response_format"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"effort": "much"}, "reasoning_effort"),
        ({"effort": "low", "temperature": 0.5}, "temperature"),
        ({"effort": "low", "tools": (TOOL,), "tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_the_api_can_not_say_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "part",
    [
        Call("i", "get_weather", '{"city":'),
        Call("i", "get_weather", "[]"),
        File(media_type="text/csv", data="aGk="),
        File(data="aGk="),
        File(media_type="text/plain", data="?"),
        File(media_type="text/plain", data="/w=="),
        CallResult("i", (File(data="aGk="),)),
    ],
)
def test_a_part_that_can_not_be_said_is_refused_by_its_message(part: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(Message("user", (Text("a"),)), Message("assistant", (part,)))
    assert caught.value.param == "messages[1]"


@pytest.mark.parametrize("messages", [(Message("system", (Text("s"),)),), (Message("user", (Text(" "),)),)])
def test_a_conversation_without_a_word_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidRequest, match="needs a message"):
        ask(*messages)


def test_tools_and_their_choice() -> None:
    bare = Tool("bare", strict=True)
    written = ask(tools=(TOOL, bare), tool_choice="tool", tool_name="bare", parallel_calls=True)
    assert written["tools"][0] == {
        "name": "get_weather",
        "description": "The weather",
        "input_schema": TOOL.parameters,
    }
    assert written["tools"][1] == {"name": "bare", "input_schema": NO_PARAMETERS, "strict": True}
    assert written["tool_choice"] == {"type": "tool", "name": "bare", "disable_parallel_tool_use": False}
    assert ask(tools=(TOOL,), parallel_calls=False)["tool_choice"]["type"] == "auto"
    assert ask(tools=(TOOL,), tool_choice="none", parallel_calls=False)["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in ask(tools=(TOOL,))
    assert "tool_choice" not in ask(tool_choice="auto", parallel_calls=True)


def test_a_json_schema_is_asked_for_without_what_the_api_has_no_place_for() -> None:
    wanted = JsonFormat("n", {"type": "object"}, strict=True, description="d")
    assert ask(json_format=wanted)["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}}
    }


# ── thinking ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "adaptive"),
    [
        ("claude-opus-4-6", True),
        ("claude-opus-4-7@20260101", True),
        ("anthropic.claude-sonnet-4-6-v1:0", True),
        ("anthropic/claude-opus-4.6", True),
        ("claude-sonnet-5", True),
        ("claude-haiku-5-5", True),
        ("claude-mythos-preview", True),
        ("claude-opus-4-20250514", False),
        ("claude-opus-4-1", False),
        (OLD, False),
        ("claude-3-7-sonnet-latest", False),
        ("claude-2.1", False),
        ("kimi-k2", False),
    ],
)
def test_the_name_tells_which_models_measure_their_own_thinking(model: str, adaptive: bool) -> None:
    assert is_adaptive(model) is adaptive


def test_an_effort_is_an_effort_where_the_model_takes_one() -> None:
    written = ask(effort="minimal", show_thinking=True)
    assert written["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert written["output_config"] == {"effort": "low"}
    assert written["max_tokens"] == ANSWER_TOKENS + BUDGETS["minimal"]


@pytest.mark.parametrize("effort", BUDGETS)
def test_an_effort_is_a_budget_elsewhere_with_room_for_the_answer(effort: str) -> None:
    written = ask(model=OLD, effort=effort)
    assert written["thinking"] == {"type": "enabled", "budget_tokens": BUDGETS[effort]}
    assert written["max_tokens"] == ANSWER_TOKENS + BUDGETS[effort]


def test_the_clients_own_limit_bounds_the_budget() -> None:
    assert ask(model=OLD, effort="high", max_tokens=4096)["thinking"]["budget_tokens"] == 2048
    assert "thinking" not in ask(model=OLD, effort="high", max_tokens=2000)


def test_no_effort_switches_thinking_off_and_none_said_says_nothing() -> None:
    assert ask(effort="none", temperature=0.5)["thinking"] == {"type": "disabled"}
    assert ask(thinking_tokens=0)["thinking"] == {"type": "disabled"}
    assert "thinking" not in ask()


def test_a_model_with_a_budget_is_not_made_to_think_about_calls_whose_thoughts_are_gone() -> None:
    asked = Message("user", (Text("a"),))
    result = Message("user", (CallResult("i", ()),))
    call = Call("i", "f", "{}")
    unsigned = (asked, Message("assistant", (call,)), result)
    signed = (asked, Message("assistant", (Thinking("t", "s"), call)), result)
    said = (asked, Message("assistant", (Text("w"),)), result)
    assert "thinking" not in ask(*unsigned, model=OLD, effort="low")
    assert "thinking" not in ask(*said, model=OLD, effort="low")
    assert "thinking" in ask(*signed, model=OLD, effort="low")
    assert "thinking" in ask(*unsigned, effort="low")


def test_a_written_request_is_json() -> None:
    written = MESSAGES_TRANSLATOR.write_request(MESSAGES_TRANSLATOR.read_request(AGENT))
    assert json.loads(json.dumps(written)) == written

"""Requests of the Responses API: what is carried over, dropped, lost and refused, and how they are written."""

from __future__ import annotations

from typing import Any

import pytest
from responses_samples import ask, read

from sluiceway.errors import InvalidRequest
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
from sluiceway.translate.responses import RESPONSES_TRANSLATOR

SHELL = {
    "type": "function",
    "name": "shell",
    "description": "Runs a shell command",
    "strict": False,
    "parameters": {"type": "object", "properties": {"command": {"type": "array"}}, "required": ["command"]},
}

# As the Codex command line sends it in its second turn, shortened.
CODEX: dict[str, Any] = {
    "model": "gpt-5-codex",
    "instructions": "You are Codex, a coding agent.",
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<permissions/>"}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List the files"}]},
        {
            "type": "reasoning",
            "summary": [
                {"type": "summary_text", "text": "**Planning**"},
                {"type": "summary_text", "text": "I use ls."},
            ],
            "content": None,
            "encrypted_content": "gAAAAABo",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look."}],
            "phase": "commentary",
        },
        {
            "type": "function_call",
            "name": "shell",
            "arguments": '{"command":["ls"]}',
            "call_id": "call_1",
        },
        {
            "type": "function_call",
            "name": "shell",
            "arguments": '{"command":["pwd"]}',
            "call_id": "call_2",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "README.md\n"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [
                {"type": "input_text", "text": "/src"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
            ],
        },
    ],
    "tools": [SHELL],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199",
    "text": {"verbosity": "low"},
}


def system(text: str) -> Message:
    return Message("system", (Text(text),))


def user(*parts: Any) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Any) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_coding_agents_request_is_carried_over() -> None:
    thinking = Thinking("**Planning**\n\nI use ls.", sealed="gAAAAABo", sealed_by="responses")
    calls = (
        Call("call_1", "shell", '{"command":["ls"]}'),
        Call("call_2", "shell", '{"command":["pwd"]}'),
    )
    results = (
        CallResult("call_1", (Text("README.md\n"),)),
        CallResult("call_2", (Text("/src"), Image(media_type="image/png", data="aGk="))),
    )
    assert RESPONSES_TRANSLATOR.read_request(CODEX) == Conversation(
        model="gpt-5-codex",
        messages=(
            system("You are Codex, a coding agent."),
            system("<permissions/>"),
            user("List the files"),
            assistant(thinking, "I look.", *calls),
            user(*results),
        ),
        stream=True,
        tools=(Tool("shell", "Runs a shell command", SHELL["parameters"], strict=False),),  # type: ignore[arg-type]
        tool_choice="auto",
        parallel_calls=True,
        effort="high",
        show_thinking=True,
        dropped=("text.verbosity", "input[3].phase", "include[0]", "prompt_cache_key"),
    )


def test_a_text_alone_is_a_users_message() -> None:
    assert read(input="Hi").messages == (user("Hi"),)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], (user("a"), user("b"))),
        (
            [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
            (assistant("a", "b"),),
        ),
        (
            [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}],
            (system("a"), system("b")),
        ),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            (assistant(Refusal("No.")),),
        ),
        (
            [
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": ""},
                {"type": "function_call_output", "call_id": "1", "output": ""},
                {"role": "user", "content": "so?"},
            ],
            (assistant(Call("1", "f", "")), user(CallResult("1", ())), user("so?")),
        ),
        (
            [
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "a"}],
                }
            ],
            (assistant(Thinking("a", id="rs_1")),),
        ),
        (
            [{"role": "user", "content": "a"}, {"type": "reasoning", "id": "rs_1", "summary": []}],
            (user("a"),),
        ),
        ([{"role": "user", "content": ""}], (user(),)),
    ],
)
def test_items_become_messages(items: list[dict[str, Any]], messages: tuple[Message, ...]) -> None:
    conversation = read(*items)
    assert conversation.messages == messages
    assert not conversation.lost


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "input_image", "image_url": "https://h/a.png"}, Image(url="https://h/a.png")),
        (
            {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
            Image(media_type="image/png", data="aGk=", detail="low"),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
            File(media_type="application/pdf", data="aGk=", name="a.pdf"),
        ),
        ({"type": "input_file", "file_data": "aGk="}, File(media_type="application/pdf", data="aGk=")),
        ({"type": "input_file", "file_url": "https://h/a.pdf"}, File(url="https://h/a.pdf")),
    ],
)
def test_pictures_and_files_are_carried_over(part: dict[str, Any], expected: Image | File) -> None:
    assert read({"role": "user", "content": [part]}).messages == (user(expected),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "function", "name": "f"}}, {"tool_choice": "tool", "tool_name": "f"}),
        ({"text": {"format": {"type": "text"}}}, {"json_format": None}),
        ({"text": {"format": {"type": "json_object"}}}, {"json_format": JsonFormat()}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}}},
            {"json_format": JsonFormat("n", {"a": 1}, strict=True)},
        ),
        ({"reasoning": {"effort": "low"}}, {"effort": "low", "show_thinking": False}),
        ({"reasoning": {"generate_summary": "concise"}}, {"effort": None, "show_thinking": True}),
        (
            {"max_output_tokens": 5, "temperature": 1, "top_p": 0.5},
            {"max_tokens": 5, "temperature": 1, "top_p": 0.5},
        ),
        ({"user": "u"}, {"user": "u"}),
        (
            {"background": False, "store": False, "top_logprobs": 0, "tools": [], "metadata": None},
            {"dropped": ()},
        ),
        ({"conversation": None, "previous_response_id": None, "stream": None}, {"stream": False}),
    ],
)
def test_settings_are_carried_over(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    conversation = read(input="Hi", **fields)
    assert {name: getattr(conversation, name) for name in expected} == expected
    assert not conversation.lost


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"truncation": "auto"}, "truncation"),
        ({"safety_identifier": "s"}, "safety_identifier"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
        ({"tools": [SHELL | {"output_schema": {"a": 1}}]}, "tools[0].output_schema"),
        ({"input": [{"role": "user", "content": "a", "status": "completed"}]}, "input[0].status"),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_file", "file_data": "aGk=", "detail": "low"}],
                    }
                ]
            },
            "input[0].content[0].detail",
        ),
    ],
)
def test_what_changes_no_answer_is_dropped(fields: dict[str, Any], path: str) -> None:
    conversation = read(**({"input": "Hi"} | fields))
    assert (conversation.dropped, conversation.lost) == ((path,), ())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"previous_response_id": "resp_1", "input": None}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}, "input": None}, "prompt"),
        ({"background": True}, "background"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"something_new": 0}, "something_new"),
        ({"include": ["message.output_text.logprobs"]}, "include[0]"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"text": {"format": {"type": "grammar", "syntax": "lark"}}}, "text.format.type"),
        ({"tools": [SHELL, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [{"type": "custom", "name": "apply_patch", "format": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "local_shell"}]}, "tools[0].type"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": []}]}, "tools[0].type"),
        ({"tools": [SHELL | {"defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [SHELL | {"allowed_callers": ["programmatic"]}]}, "tools[0].allowed_callers"),
        ({"tools": [SHELL | {"async": True}]}, "tools[0].async"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}, "input[0].type"),
        (
            {"input": [{"type": "custom_tool_call", "call_id": "1", "name": "p", "input": ""}]},
            "input[0].type",
        ),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "1", "name": "f", "arguments": "", "namespace": "n"}
                ]
            },
            "input[0].namespace",
        ),
        (
            {
                "input": [
                    {
                        "type": "function_call",
                        "call_id": "1",
                        "name": "f",
                        "arguments": "",
                        "caller": {"type": "program", "caller_id": "c"},
                    }
                ]
            },
            "input[0].caller.type",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "input[0].content[0].type",
        ),
        (
            {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "https://h/a"}]}]},
            "input[0].content[0].type",
        ),
    ],
)
def test_what_has_no_equal_is_lost_by_its_path(fields: dict[str, Any], path: str) -> None:
    assert read(**({"input": "Hi"} | fields)).lost == (path,)


def test_a_call_that_the_model_made_itself_is_nothing_special() -> None:
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "", "async": False}
    assert not read(call | {"caller": {"type": "direct"}}).lost


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["Hi"]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://h/a"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "data:,a"}]}]},
            "input[0].content[0].file_data",
        ),
        ({"input": [{"type": "function_call", "name": "f", "arguments": ""}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "output": ""}]}, "input[0].call_id"),
        ({"instructions": ["a"]}, "instructions"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"tools": "shell"}, "tools"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"include": [5]}, "include[0]"),
    ],
)
def test_what_is_malformed_is_refused_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**({"input": "Hi"} | fields))
    assert caught.value.param == path


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_is_written_as_a_request_that_stores_nothing() -> None:
    conversation = Conversation(
        model="gpt-5",
        messages=(
            system("Be brief."),
            user("Look", Image(url="https://h/a.png")),
            assistant(Thinking("hm", signature="s"), "I call.", Call("1", "f", "{}")),
            user(CallResult("1", (Text("done"),), failed=True), "so?"),
            system("Be kind."),
        ),
        stream=True,
        tools=(Tool("f", parameters={"type": "object"}),),
        tool_choice="tool",
        tool_name="f",
        max_tokens=100,
        show_thinking=True,
        thinking_tokens=10_000,
        json_format=JsonFormat(schema={"type": "object"}),
        user="u",
    )
    assert RESPONSES_TRANSLATOR.write_request(conversation) == {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look"},
                    {"type": "input_image", "detail": "auto", "image_url": "https://h/a.png"},
                ],
            },
            {"type": "message", "role": "assistant", "content": "I call."},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "done"},
            {"type": "message", "role": "user", "content": "so?"},
            {"type": "message", "role": "system", "content": "Be kind."},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"},
        "max_output_tokens": 100,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}},
        "user": "u",
        "store": False,
        "stream": True,
    }


def test_a_system_message_with_nothing_behind_it_is_the_input() -> None:
    request = ask(system("Tell a joke."))
    assert "instructions" not in request
    assert request["input"] == [{"type": "message", "role": "system", "content": "Tell a joke."}]


def test_a_system_message_of_several_texts_becomes_paragraphs() -> None:
    both = Message("system", (Text("a"), Text("b")))
    assert ask(both, user("Hi"))["instructions"] == "a\n\nb"


@pytest.mark.parametrize(
    "thinking",
    [Thinking("hm", signature="s"), Thinking(sealed="x", sealed_by="messages"), Thinking("hm")],
)
def test_thoughts_that_openai_can_not_open_are_left_out(thinking: Thinking) -> None:
    assert ask(assistant("a", thinking, "b"))["input"] == [
        {"type": "message", "role": "assistant", "content": "a"},
        {"type": "message", "role": "assistant", "content": "b"},
    ]


def test_thoughts_that_openai_sealed_go_back_to_it() -> None:
    thinking = Thinking("hm", sealed="x", sealed_by="responses", id="rs_1")
    assert ask(assistant(thinking))["input"] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "x",
        }
    ]


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "none"), (1024, "low"), (4096, "low"), (4097, "medium"), (12288, "medium"), (31999, "high")],
)
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    assert ask(thinking_tokens=budget)["reasoning"] == {"effort": effort}


def test_an_effort_that_was_said_outweighs_a_budget() -> None:
    assert ask(thinking_tokens=0, effort="xhigh")["reasoning"] == {"effort": "xhigh"}


def test_a_file_without_a_name_gets_one() -> None:
    file = File(media_type="application/pdf", data="aGk=")
    (item,) = ask(user(file))["input"]
    assert item["content"] == [
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="}
    ]


@pytest.mark.parametrize(
    ("messages", "fields", "param"),
    [
        ((), {"stop": ("END",)}, "stop"),
        ((assistant(Image(url="https://h/a")),), {}, "messages"),
    ],
)
def test_what_the_api_can_not_say_is_refused(
    messages: tuple[Message, ...], fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(*messages, **fields)
    assert caught.value.param == param

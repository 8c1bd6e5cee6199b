"""Whole answers of the Responses API, read and written."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response

from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.translate.neutral import Answer, Call, Image, Refusal, Stop, Text, Thinking, Tokens
from sluiceway.translate.responses import RESPONSES_TRANSLATOR

MESSAGE: dict[str, Any] = {
    "id": "msg_68af",
    "type": "message",
    "status": "completed",
    "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "It is sunny."}],
    "role": "assistant",
}
CALL: dict[str, Any] = {
    "id": "fc_68af",
    "type": "function_call",
    "status": "completed",
    "arguments": '{"city":"Paris"}',
    "call_id": "call_1",
    "name": "weather",
}

# As api.openai.com answers, shortened by what repeats the request.
OPENAI: dict[str, Any] = {
    "id": "resp_68af",
    "object": "response",
    "created_at": 1756315696,
    "status": "completed",
    "background": False,
    "billing": {"payer": "developer"},
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5-2025-08-07",
    "output": [
        {
            "id": "rs_68af",
            "type": "reasoning",
            "encrypted_content": "gAAAAABo",
            "summary": [
                {"type": "summary_text", "text": "**Weather**"},
                {"type": "summary_text", "text": "I look it up."},
            ],
        },
        MESSAGE,
        CALL,
    ],
    "parallel_tool_calls": True,
    "store": False,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 81,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens": 1035,
        "output_tokens_details": {"reasoning_tokens": 832},
        "total_tokens": 1116,
    },
}


def read(*output: Any, **fields: Any) -> Answer:
    return RESPONSES_TRANSLATOR.read_answer({"output": list(output)} | fields)


def write(*parts: Any, stop: Stop | None = "end", tokens: Tokens | None = None) -> dict[str, Any]:
    answer = Answer(id="chatcmpl-1", model="m", parts=parts, stop=stop, created=7, tokens=tokens)
    written = RESPONSES_TRANSLATOR.write_answer(answer)
    Response.model_validate(written, strict=True)
    return written


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_of_openai_is_carried_over() -> None:
    assert RESPONSES_TRANSLATOR.read_answer(OPENAI) == Answer(
        id="resp_68af",
        model="gpt-5-2025-08-07",
        parts=(
            Thinking("**Weather**\n\nI look it up.", sealed="gAAAAABo", sealed_by="responses", id="rs_68af"),
            Text("It is sunny."),
            Call("call_1", "weather", '{"city":"Paris"}'),
        ),
        stop="calls",
        created=1756315696,
        tokens=Tokens(input=81, output=1035, cached=64, reasoning=832),
    )


def test_an_imitators_answer_with_the_least_is_carried_over() -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm"}]}
    call = {"type": "function_call", "id": "c", "name": "f", "arguments": ""}
    assert read(thought, call, created_at=7.5) == Answer(
        id="", model="", parts=(Thinking("Hm"), Call("c", "f", "")), stop="calls", created=7
    )


def test_what_says_nothing_is_no_part() -> None:
    empty = MESSAGE | {"content": [{"type": "output_text", "text": ""}]}
    assert read({"type": "reasoning", "id": "rs_1", "summary": []}, empty).parts == ()


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({"status": "completed", "output": [MESSAGE]}, "end"),
        ({"output": [MESSAGE]}, "end"),
        ({"output": [MESSAGE, CALL]}, "calls"),
        ({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}, "refusal"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [CALL]},
            "length",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, None),
        ({"status": "incomplete"}, None),
    ],
)
def test_the_reason_of_the_end_is_read_from_status_and_output(
    fields: dict[str, Any], stop: Stop | None
) -> None:
    assert RESPONSES_TRANSLATOR.read_answer({"output": []} | fields).stop == stop


@pytest.mark.parametrize("usage", [None, {}, 5, {"input_tokens": "5", "output_tokens": -1}])
def test_usage_that_counts_nothing_is_none(usage: Any) -> None:
    assert read(MESSAGE, usage=usage).tokens is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "no output"),
        ({"output": None}, "no output"),
        ({"output": ["text"]}, "None"),
        ({"output": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}, "web_search_call"),
        ({"output": [{"type": "image_generation_call", "result": "aGk="}]}, "image_generation_call"),
        ({"output": [{"type": "message", "content": [{"type": "output_audio"}]}]}, "output_audio"),
        ({"status": "in_progress", "output": []}, "in_progress"),
        ({"status": "cancelled", "output": []}, "cancelled"),
    ],
)
def test_what_is_no_answer_is_refused(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(UpstreamInvalid, match=message):
        RESPONSES_TRANSLATOR.read_answer(answer)


def test_a_failed_response_is_the_upstreams_error() -> None:
    failed = {
        "status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "Slow down"},
        "output": [],
    }
    with pytest.raises(UpstreamReported, match="Slow down") as caught:
        RESPONSES_TRANSLATOR.read_answer(failed)
    assert (caught.value.code, caught.value.status) == ("rate_limit_exceeded", 429)
    with pytest.raises(UpstreamReported, match="without a reason"):
        RESPONSES_TRANSLATOR.read_answer({"status": "failed", "error": None, "output": []})


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_written_as_a_response() -> None:
    written = write(
        Thinking("hm", signature="s"),
        Text("a"),
        Refusal("b"),
        Call("call_1", "f", "{}"),
        Text("c"),
        stop="calls",
        tokens=Tokens(input=3, output=4, cached=2),
    )
    assert written["output"] == [
        {"id": "rs_chatcmpl-1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "id": "msg_chatcmpl-1_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "b"},
            ],
        },
        {
            "id": "fc_chatcmpl-1_2",
            "type": "function_call",
            "status": "completed",
            "arguments": "{}",
            "call_id": "call_1",
            "name": "f",
        },
        {
            "id": "msg_chatcmpl-1_3",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "c", "annotations": [], "logprobs": []}],
        },
    ]
    assert (written["id"], written["created_at"], written["model"]) == ("chatcmpl-1", 7, "m")
    assert written["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }


@pytest.mark.parametrize(
    ("stop", "status", "details"),
    [
        ("end", "completed", None),
        ("calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("refusal", "completed", None),
        ("pause", "completed", None),
        (None, "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_only_an_answer_that_was_cut_is_incomplete(
    stop: Stop | None, status: str, details: dict[str, str] | None
) -> None:
    written = write(Text("a"), stop=stop)
    assert (written["status"], written["incomplete_details"]) == (status, details)


@pytest.mark.parametrize("tokens", [None, Tokens(), Tokens(input=3), Tokens(output=3)])
def test_usage_that_is_not_known_is_not_made_up(tokens: Tokens | None) -> None:
    assert write(Text("a"), tokens=tokens)["usage"] is None


def test_thoughts_that_another_api_sealed_are_left_out() -> None:
    sealed = Thinking(sealed="x", sealed_by="messages")
    (item,) = write(Text("a"), sealed, Text("b"))["output"]
    assert [part["text"] for part in item["content"]] == ["a", "b"]


def test_a_picture_is_refused() -> None:
    with pytest.raises(UpstreamInvalid, match="picture"):
        write(Image(url="https://h/a.png"))

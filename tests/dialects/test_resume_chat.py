"""Chat: a second stream goes on with the first, as OpenAI's own helper sees it too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from chat_streams import DONE, STREAMS, blocks, chunk, event, piece
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk, ParsedChatCompletion

from sluiceway.dialects.base import DialectRequest, Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.dialects.resume import Resumed, mark_translated, partial_answer, resumed_request
from sluiceway.dialects.resume_text import Partial, Prefill
from sluiceway.errors import UpstreamTruncated
from sluiceway.translate.crossing import translate
from sluiceway.translate.table import SIDES
from sluiceway.wire.sse import parse_events

FIRST = {"id": "first", "created": 1, "model": "one", "system_fingerprint": "fp_1"}
SECOND = {"id": "second", "created": 2, "model": "two", "system_fingerprint": "fp_2"}
COUNTED = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def said(*texts: str) -> list[bytes]:
    """What was sent of an answer before it broke, heartbeats in between."""
    role = chunk(piece("", role="assistant"), **FIRST)
    return [role, b": heartbeat\n", *[chunk(piece(text), **FIRST) for text in texts], b": heartbeat\n\n"]


def partial(*texts: str) -> Partial:
    found = partial_answer("chat", said(*texts))
    assert found is not None
    return found


def went_on(*texts: str, finish: str = "stop", usage: bool = False) -> bytes:
    """The stream of the upstream that goes on."""
    stream = chunk(piece("", role="assistant"), **SECOND)
    stream += b"".join(chunk(piece(text), **SECOND) for text in texts)
    stream += chunk(piece(finish=finish), **SECOND)
    return stream + (chunk(usage=COUNTED, **SECOND) if usage else b"") + DONE


def asked(**fields: Any) -> DialectRequest:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Go on"}]} | fields
    return CHAT.read_request(json.dumps(body).encode())


def direct(*, hide_usage: bool = False) -> Direct:
    return Direct(CHAT, asked(), hide_usage=hide_usage, max_bytes=0)


def follow(
    have: Partial, pieces: Iterable[bytes], *, prefill: Prefill = "plain", inner: Crossing | None = None
) -> bytes:
    """What the client gets of a continuation that comes in these pieces and must be complete."""
    follower = Resumed("chat", inner or direct(), have, prefill).follow()
    written = b"".join([follower.feed(block) for block in blocks(pieces)])
    assert follower.complete()
    return written + follower.rest()


def sdk(stream: bytes) -> ParsedChatCompletion[None]:
    """What OpenAI's helper makes of it."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for found in parse_events(stream):
        if found.data and found.data != b"[DONE]":
            list(state.handle_chunk(ChatCompletionChunk.model_validate(json.loads(found.data), strict=True)))
    return state.get_final_completion()


def documents(stream: bytes) -> list[Any]:
    return [
        json.loads(found.data) for found in parse_events(stream) if found.data and found.data != b"[DONE]"
    ]


# ── what the client has ─────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_is_read_with_its_heartbeats() -> None:
    found = partial("Hel", "lo ")
    assert found.text == "Hello "
    assert found.envelope == {"id": "first", "created": 1, "model": "one"}
    joined = partial_answer("chat", [b"".join(said("Hel", "lo "))])
    assert joined == found


def test_thoughts_are_no_text_and_do_no_harm() -> None:
    thought = chunk(piece(None, role="assistant", reasoning_content="Hm", reasoning="Hm"))
    assert partial_answer("chat", [thought]) is None
    found = partial_answer("chat", [thought, chunk(piece("Hi"))])
    assert found is not None
    assert found.text == "Hi"


def test_chunks_without_choices_and_empty_members_do_no_harm() -> None:
    azure = event({"id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{}]})
    empty = piece("", refusal=None, tool_calls=[], function_call=None, audio=None) | {"logprobs": None}
    found = partial_answer("chat", [azure, chunk(empty, **FIRST), chunk(piece("Hi"), usage=COUNTED, **FIRST)])
    assert found == Partial(text="Hi", envelope={"id": "first", "created": 1, "model": "one"})


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}


@pytest.mark.parametrize(
    "unsafe",
    [
        chunk(piece(tool_calls=[CALL])),
        chunk(piece(function_call={"name": "f"})),
        chunk(piece(refusal="No")),
        chunk(piece(audio={"id": "a"})),
        chunk(piece(annotations=[{"type": "url_citation"}])),
        chunk(piece(images=[{}])),
        chunk({"index": 0, "delta": {"content": [{"type": "text", "text": "parts"}]}}),
        chunk({"index": 0, "delta": "text"}),
        chunk({"index": 0, "message": {"content": "whole"}}),
        chunk(piece("other", index=1)),
        chunk(piece("a") | {"logprobs": {"content": []}}),
        chunk(piece(finish="length")),
        event({"choices": "none"}),
        event({"choices": ["none"]}),
        event({"error": {"message": "no"}}),
        event([]),
        b"data: {\n\n",
        DONE,
    ],
)
def test_an_answer_with_anything_but_text_is_not_continued(unsafe: bytes) -> None:
    assert partial_answer("chat", [*said("Hello"), unsafe]) is None
    assert partial_answer("chat", [unsafe, *said("Hello")]) is None


@pytest.mark.parametrize("texts", [(), ("",), (" \n",), ("Hello \ud83d",)])
def test_an_answer_without_text_or_with_half_a_character_is_not_continued(texts: tuple[str, ...]) -> None:
    assert partial_answer("chat", said(*texts)) is None


@pytest.mark.parametrize("name", STREAMS)
def test_real_streams_that_ended_are_never_continued(name: str) -> None:
    assert partial_answer("chat", blocks([STREAMS[name]])) is None


# ── the next request ────────────────────────────────────────────────────────────────────────────────


def resumed(prefill: Prefill = "plain", text: str = "Hello ", **fields: Any) -> Any:
    """The next request's body, decoded; None where there is none."""
    found = resumed_request("chat", asked(**fields), partial(text), prefill)
    if found is None:
        return None
    assert CHAT.read_request(found.body) == found
    return json.loads(found.body)


ANSWER = {"role": "assistant", "content": "Hello"}


def test_the_next_request_is_the_clients_with_the_answer_at_its_end() -> None:
    body = b'{"model": "m",  "max_tokens":1e2, "messages": [{"role":"user", "content":"\\u0041"}], "stream":true}'
    found = resumed_request("chat", CHAT.read_request(body), partial("Hello "), "plain")
    assert found is not None
    assert found.body == (
        b'{"model":"m","max_tokens":1e2,"messages":[{"role":"user", "content":"\\u0041"},'
        b'{"role":"assistant","content":"Hello"}],"stream":true}'
    )
    assert (found.model, found.stream) == ("m", True)


def test_each_way_to_ask_for_it_is_written_as_its_providers_read_it() -> None:
    text = "Hello, hello, hello"
    plain = resumed("plain", text)
    assert plain["messages"][-1] == {"role": "assistant", "content": text}
    assert resumed("prefix", text)["messages"][-1] == {"role": "assistant", "content": text, "prefix": True}
    flags = {"continue_final_message": True, "add_generation_prompt": False}
    assert resumed("continue_final_message", text, add_generation_prompt=True) == plain | flags
    assert resumed("off", text) is None


def test_a_text_too_short_to_be_told_from_its_repetition_is_not_continued_where_it_may_be_repeated() -> None:
    assert resumed("prefix", "ha ha ha ha ha") is None
    assert resumed("prefix", "ha ha ha ha ha ha ha") is not None
    assert resumed("continue_final_message", "ha") is not None


def test_what_the_client_began_itself_is_added_to() -> None:
    begun = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "Oh: "}]
    assert resumed(messages=begun)["messages"][1] == {"role": "assistant", "content": "Oh: Hello"}
    assert resumed("prefix", "Hello, hello, hello", messages=begun) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"n": "1"},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"response_format": "json"},
        {"modalities": ["text", "audio"]},
        {"audio": {"voice": "alloy"}},
        {"logprobs": True},
        {"top_logprobs": 2},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"function_call": {"name": "f"}},
        {"web_search_options": {}},
        {"echo": True},
        {"guided_json": {}},
        {"structured_outputs": {"regex": "a"}},
        {"messages": []},
        {"messages": None},
    ],
)
def test_a_request_that_asks_for_more_than_text_is_not_continued(fields: dict[str, Any]) -> None:
    assert resumed(**fields) is None


def test_a_request_that_can_not_be_read_is_not_continued() -> None:
    odd = DialectRequest(
        body=b"", fields={"n": msgspec.Raw(b"one"), "messages": msgspec.Raw(b"[]")}, model="m", stream=True
    )
    for request in (CHAT.read_request(b'{"model": "m"}'), odd):
        assert resumed_request("chat", request, partial("Hello"), "plain") is None


def test_values_that_ask_for_nothing_are_as_good_as_none() -> None:
    nothing: dict[str, Any] = {
        "n": 1,
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "tool_choice": "auto",
    }
    nothing |= {"logprobs": False, "top_logprobs": 0, "audio": None, "echo": False, "function_call": None}
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert resumed(**nothing, tools=tools)["messages"][-1] == ANSWER


# ── one stream of two ───────────────────────────────────────────────────────────────────────────────


def test_two_streams_read_as_one_however_the_second_one_is_cut() -> None:
    have = partial("Hel", "lo ")
    stream = went_on(" wor", "ld", usage=True)
    expected = follow(have, [stream])
    assert [
        (found["id"], found["created"], found["model"], found["system_fingerprint"])
        for found in documents(expected)
    ] == [("first", 1, "one", "fp_2")] * 4
    assert [[choice["delta"] for choice in found["choices"]] for found in documents(expected)] == [
        [{"content": "wor"}],
        [{"content": "ld"}],
        [{}],
        [],
    ]
    assert expected.endswith(b"\n\n" + DONE)
    for at in range(len(stream) + 1):
        assert follow(have, [stream[:at], stream[at:]]) == expected
    whole = sdk(b"".join(said("Hel", "lo ")) + expected)
    message = whole.choices[0].message
    assert (whole.id, whole.model, message.role, message.content) == (
        "first",
        "one",
        "assistant",
        "Hello world",
    )
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens == 3


TEXTS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(TEXTS.filter(lambda texts: not "".join(texts).isspace()), TEXTS)
def test_openais_helper_reads_both_texts_in_a_row(first: list[str], second: list[str]) -> None:
    have = partial(*first)
    space = have.text[len(have.text.rstrip()) :]
    whole = sdk(b"".join(said(*first)) + follow(have, [went_on(space, "x", *second)]))
    assert whole.id == "first"
    assert whole.choices[0].message.content == have.text + "x" + "".join(second)


SAID = "The quick brown fox"


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        ((SAID, " jumps"), SAID + " jumps"),
        (("The ", "quick brown fox jumps"), SAID + " jumps"),
        ((" jumps",), SAID + " jumps"),
        (("The quick", " dog"), SAID + "The quick dog"),
        (("The quick",), SAID + "The quick"),
        ((SAID,), SAID),
    ],
)
def test_an_upstream_may_repeat_the_prefix_and_half_a_repetition_is_not_lost(
    texts: tuple[str, ...], whole: str
) -> None:
    stream = went_on(*texts)
    for at in range(len(stream) + 1):
        written = follow(partial(SAID), [stream[:at], stream[at:]], prefill="prefix")
        assert sdk(b"".join(said(SAID)) + written).choices[0].message.content == whole


def test_what_is_repeated_is_progress_all_the_same() -> None:
    follower = Resumed("chat", direct(), partial(SAID), "prefix").follow()
    assert (follower.feed(b": ping\n\n"), follower.progressed) == (b"", False)
    assert (follower.feed(chunk(piece(SAID, role="assistant"), **SECOND)), follower.progressed) == (b"", True)
    assert follower.feed(chunk(piece(" jumps"), **SECOND)) != b""
    assert not follower.complete()
    assert b"It stopped." in follower.error_event(UpstreamTruncated("It stopped."))


def test_text_that_was_held_is_written_before_the_stream_ends_without_a_reason() -> None:
    written = follow(partial(SAID), [chunk(piece("The quick"), **SECOND) + DONE], prefill="prefix")
    assert documents(written) == [
        {"id": "first", "created": 1, "model": "one", "object": "chat.completion.chunk"}
        | {"choices": [{"index": 0, "delta": {"content": "The quick"}, "finish_reason": None}]}
    ]
    assert written.endswith(DONE)


def test_calls_of_tools_may_follow_the_text() -> None:
    more = {"index": 0, "function": {"arguments": "{}"}}
    stream = chunk(piece("The quick", role="assistant"), **SECOND)
    stream += chunk(piece(tool_calls=[CALL]), **SECOND) + chunk(piece(tool_calls=[more]), **SECOND)
    stream += chunk(piece(finish="tool_calls"), **SECOND) + DONE
    whole = sdk(b"".join(said(SAID)) + follow(partial(SAID), [stream], prefill="prefix"))
    message = whole.choices[0].message
    assert message.content == SAID + "The quick"
    assert message.tool_calls is not None
    assert [(call.id, call.function.arguments) for call in message.tool_calls] == [("c", "{}")]


def test_thoughts_usage_and_what_is_no_chunk_go_on() -> None:
    thought = chunk(piece(reasoning_content="Hm"), **SECOND)
    odd = event({"choices": ["odd"], "x": 1})
    counted = chunk(piece(""), usage=COUNTED, **SECOND)
    strange = b"data: strange\n\n"
    written = follow(partial("Hello"), [thought, odd, counted, strange, went_on()])
    assert [found.get("usage") for found in documents(written.replace(strange, b""))] == [
        None,
        None,
        COUNTED,
        None,
    ]
    assert b'"reasoning_content":"Hm"' in written
    assert strange in written


def test_a_choice_without_a_delta_goes_on_if_it_says_anything() -> None:
    empty, ended = {"index": 0, "delta": None}, {"index": 0, "finish_reason": "stop"}
    written = follow(partial("Hello"), [chunk(empty, **SECOND) + chunk(ended, **SECOND)])
    assert [found["choices"] for found in documents(written)] == [[ended]]


def test_names_and_ids_of_events_stay() -> None:
    named = chunk(piece("a"), **SECOND).replace(b"data:", b"event: x\nid: 7\ndata:", 1)
    written = follow(partial("Hello"), [named, went_on()])
    assert written.startswith(b"event: x\nid: 7\ndata: {")


def test_an_error_of_the_second_upstream_is_told_as_it_is() -> None:
    follower = Resumed("chat", direct(), partial("Hello"), "plain").follow()
    broken = event({"error": {"message": "no"}})
    assert follower.feed(broken) == broken
    assert follower.error is not None
    assert not follower.ended


def test_usage_that_the_client_did_not_ask_for_stays_hidden_and_is_known() -> None:
    follower = Resumed("chat", direct(hide_usage=True), partial("Hello"), "plain").follow()
    assert b"usage" not in follower.feed(went_on(" world", usage=True))
    assert follower.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    assert follower.ended


def test_an_answer_that_broke_twice_is_continued_twice() -> None:
    sent = said("One, ")
    for text in (" two, ", "three, "):
        have = partial_answer("chat", sent)
        assert have is not None
        follower = Resumed("chat", direct(), have, "plain").follow()
        sent += [follower.feed(chunk(piece("", role="assistant")) + chunk(piece(text), **SECOND))]
    have = partial_answer("chat", sent)
    assert have is not None
    assert have == Partial(text="One, two, three, ", envelope={"id": "first", "created": 1, "model": "one"})


def test_a_json_answer_becomes_the_rest_of_the_stream() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": " world"}, "finish_reason": "stop"}
    answer = json.dumps(
        SECOND | {"object": "chat.completion", "choices": [choice], "usage": COUNTED}
    ).encode()
    events, usage = Resumed("chat", direct(), partial("Hello "), "plain").explode(answer)
    whole = sdk(b"".join(said("Hello ")) + events)
    assert (whole.id, whole.choices[0].message.content) == ("first", "Hello world")
    assert usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)


# ── translated ──────────────────────────────────────────────────────────────────────────────────────


def test_an_upstream_of_the_messages_api_goes_on_with_a_chat_stream() -> None:
    request = resumed_request("chat", asked(max_tokens=9), partial("Hello "), "plain")
    assert request is not None
    translated = translate(
        request, client=SIDES["chat"], upstream=SIDES["messages"], model=None, force_stream=False,
        ask_usage=False, drop_lost=False, max_bytes=0,
    )  # fmt: skip
    assert json.loads(translated.body)["messages"][-1] == ANSWER
    message = {"id": "msg", "type": "message", "role": "assistant", "model": "c", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message | {"usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " world"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    stream = b"".join(f"event: {one['type']}\n".encode() + event(one) for one in events)
    for at in range(0, len(stream), 7):
        written = follow(partial("Hello "), [stream[:at], stream[at:]], inner=translated.crossing)
        whole = sdk(b"".join(said("Hello ")) + written)
        assert (whole.id, whole.model, whole.choices[0].message.content) == ("first", "one", "Hello world")


def test_a_translated_request_is_marked_afterwards() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Go on"}, ANSWER]}).encode()
    assert json.loads(mark_translated(body, "prefix"))["messages"][-1] == ANSWER | {"prefix": True}
    assert json.loads(mark_translated(body, "continue_final_message"))["continue_final_message"] is True
    assert json.loads(mark_translated(body, "plain")) == json.loads(body)

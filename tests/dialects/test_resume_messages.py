"""Messages: a second stream goes on with the first, as Anthropic's own helper sees it too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages_streams import (
    OVERLOADED,
    PING,
    STOP,
    STREAMS,
    block,
    blocks,
    delta,
    end,
    event,
    part,
    sdk_message,
    start,
    text,
)

from sluiceway.dialects.base import DialectRequest, Usage
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.dialects.messages import MESSAGES
from sluiceway.dialects.resume import Resumed, mark_translated, partial_answer, resumed_request
from sluiceway.dialects.resume_text import Partial, Prefill
from sluiceway.errors import UpstreamInvalid, UpstreamTruncated
from sluiceway.translate.crossing import translate
from sluiceway.translate.table import SIDES
from sluiceway.wire.sse import parse_events

SAID = "The quick brown fox"


def stop(index: int = 0) -> bytes:
    return event({"type": "content_block_stop", "index": index})


def thinking(index: int = 0, *, ended: bool = True) -> bytes:
    begun = block(index, type="thinking", thinking="", signature="")
    grown = delta(index, "thinking_delta", thinking="Hm") + delta(index, "signature_delta", signature="s")
    return begun + grown + (stop(index) if ended else b"")


def said(*texts: str, index: int = 0, ended: bool = False, before: bytes = b"") -> list[bytes]:
    """What was sent of an answer before it broke, heartbeats in between."""
    begun = [start(id="first", model="one"), PING, before, block(index), b": heartbeat\n"]
    grown = [text(piece, index) for piece in texts]
    return [*begun, *grown, b": heartbeat\n\n", stop(index) if ended else b""]


def partial(*texts: str, **how: Any) -> Partial:
    found = partial_answer("messages", said(*texts, **how))
    assert found is not None
    return found


def went_on(*texts: str, before: bytes = b"", after: bytes = b"", index: int = 0) -> bytes:
    """The stream of the upstream that goes on."""
    grown = b"".join(text(piece, index) for piece in texts)
    begun = start(id="second", model="two") + PING + before + block(index)
    return begun + grown + stop(index) + after + end() + STOP


def asked(**fields: Any) -> DialectRequest:
    body = {"model": "m", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Go on"}]}
    return MESSAGES.read_request(json.dumps(body | fields).encode())


def direct() -> Direct:
    return Direct(MESSAGES, asked(), hide_usage=False, max_bytes=0)


def follow(
    have: Partial, pieces: Iterable[bytes], *, prefill: Prefill = "plain", inner: Crossing | None = None
) -> bytes:
    """What the client gets of a continuation that comes in these pieces and must be complete."""
    follower = Resumed("messages", inner or direct(), have, prefill).follow()
    written = b"".join([follower.feed(whole) for whole in blocks(pieces)])
    assert follower.complete()
    return written + follower.rest()


def kinds(stream: bytes) -> list[tuple[str, Any]]:
    """Type and index of each event."""
    data = [json.loads(line[5:]) for line in stream.splitlines() if line.startswith(b"data:")]
    return [(found["type"], found.get("index")) for found in data]


# ── what the client has ─────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_is_read_with_its_pings_and_heartbeats() -> None:
    assert partial("Hel", "lo ") == Partial(text="Hello ", blocks=1, open_block=0)
    assert partial_answer("messages", [b"".join(said("Hel", "lo "))]) == partial("Hel", "lo ")
    assert partial("Hello", ended=True) == Partial(text="Hello", blocks=1, open_block=None)


def test_finished_thoughts_are_no_text_and_do_no_harm() -> None:
    sealed = block(1, type="redacted_thinking", data="x") + stop(1)
    have = Partial(text="Hello", blocks=3, open_block=2)
    assert partial("Hello", index=2, before=thinking() + sealed) == have
    after = [*said("Hello", ended=True), thinking(1)]
    assert partial_answer("messages", after) == Partial(text="Hello", blocks=2, open_block=None)


def test_several_texts_are_one_text() -> None:
    begun_with_text = block(1, type="text", text="lo")
    have = partial_answer("messages", [*said("Hel", ended=True), begun_with_text])
    assert have == Partial(text="Hello", blocks=2, open_block=1)


@pytest.mark.parametrize(
    "unsafe",
    [
        stop() + block(1, type="tool_use", id="t", name="f", input={}),
        stop() + block(1, type="server_tool_use", id="t", name="f", input={}),
        stop() + thinking(1, ended=False),
        stop() + block(1, type="text", text="", citations=[{}]),
        stop() + block(1, type="text", text=None),
        stop() + event({"type": "content_block_start", "index": 1, "content_block": "text"}),
        stop() + block(2),
        stop() + text("late"),
        block(1),
        stop(1),
        part("{"),
        delta(0, "citations_delta", citation={}),
        event({"type": "content_block_delta", "index": 0, "delta": "text"}),
        text("elsewhere", 1),
        start(),
        end(),
        STOP,
        OVERLOADED,
        event({"type": "new"}),
        b"event: message_stop\ndata: {\n\n",
        b"data: []\n\n",
    ],
)
def test_an_answer_with_anything_but_text_is_not_continued(unsafe: bytes) -> None:
    assert partial_answer("messages", [*said("Hello"), unsafe]) is None


def test_thoughts_are_not_taken_up_in_the_middle() -> None:
    assert partial_answer("messages", [start(), thinking(ended=False)]) is None
    assert partial_answer("messages", [start(), thinking()]) is None
    odd = block(0, type="thinking", thinking="") + text("text")
    assert partial_answer("messages", [start(), odd]) is None


@pytest.mark.parametrize("texts", [(), ("",), (" \n",), ("Hello \ud83d",)])
def test_an_answer_without_text_or_with_half_a_character_is_not_continued(texts: tuple[str, ...]) -> None:
    assert partial_answer("messages", said(*texts)) is None


def test_a_message_that_begins_with_content_is_not_continued() -> None:
    odd = start(content=[{"type": "text", "text": "a"}])
    assert partial_answer("messages", [odd, block(), text("Hello")]) is None


@pytest.mark.parametrize("name", STREAMS)
def test_real_streams_that_said_why_they_end_are_never_continued(name: str) -> None:
    assert partial_answer("messages", blocks([STREAMS[name]])) is None


def test_a_real_stream_that_broke_is_continued_wherever_its_text_had_begun() -> None:
    whole = [found.raw for found in parse_events(STREAMS["text"])]
    found = [partial_answer("messages", whole[:count]) for count in range(len(whole) + 1)]
    texts = [have.text for have in found if have is not None]
    assert texts
    assert texts == sorted(texts, key=len)
    assert sdk_message(STREAMS["text"])["content"][0]["text"] == texts[-1]


# ── the next request ────────────────────────────────────────────────────────────────────────────────


def resumed(prefill: Prefill = "plain", have: str = "Hello ", **fields: Any) -> Any:
    """The next request's body, decoded; None where there is none."""
    found = resumed_request("messages", asked(**fields), partial(have), prefill)
    if found is None:
        return None
    assert MESSAGES.read_request(found.body) == found
    return json.loads(found.body)


ANSWER = {"role": "assistant", "content": "Hello"}


def test_the_next_request_is_the_clients_with_the_answer_at_its_end() -> None:
    body = b'{"model": "m",  "max_tokens":1e2, "messages": [{"role":"user", "content":"\\u0041"}], "stream":true}'
    found = resumed_request("messages", MESSAGES.read_request(body), partial("Hello "), "plain")
    assert found is not None
    assert found.body == (
        b'{"model":"m","max_tokens":1e2,"messages":[{"role":"user", "content":"\\u0041"},'
        b'{"role":"assistant","content":"Hello"}],"stream":true}'
    )
    assert resumed("off") is None


def test_what_the_client_began_itself_is_added_to() -> None:
    begun = [
        {"role": "user", "content": "Go on"},
        {"role": "assistant", "content": [{"type": "text", "text": "Oh: "}]},
    ]
    went = {"role": "assistant", "content": [{"type": "text", "text": "Oh: Hello"}]}
    assert resumed(messages=begun)["messages"] == [begun[0], went]


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"thinking": {"type": "adaptive"}},
        {"thinking": "on"},
        {"output_config": {"format": {"type": "json_schema"}}},
        {"output_config": "json"},
        {"output_format": {"type": "json_schema"}},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "tool", "name": "f"}},
        {"tool_choice": "any"},
        {"messages": []},
    ],
)
def test_a_request_that_asks_for_more_than_text_is_not_continued(fields: dict[str, Any]) -> None:
    assert resumed(**fields) is None


def test_a_request_that_can_not_be_read_is_not_continued() -> None:
    fields = {"thinking": msgspec.Raw(b"on"), "messages": msgspec.Raw(b"[]")}
    odd = DialectRequest(body=b"", fields=fields, model="m", stream=True)
    for request in (MESSAGES.read_request(b'{"model": "m"}'), odd):
        assert resumed_request("messages", request, partial("Hello"), "plain") is None


def test_values_that_ask_for_nothing_are_as_good_as_none() -> None:
    nothing: dict[str, Any] = {
        "thinking": {"type": "disabled"},
        "output_config": {"effort": "low"},
        "tool_choice": {"type": "auto"},
    }
    assert resumed(**nothing, tools=[{"name": "f"}])["messages"][-1] == ANSWER


# ── one stream of two ───────────────────────────────────────────────────────────────────────────────


def test_two_streams_read_as_one_however_the_second_one_is_cut() -> None:
    have = partial("Hel", "lo ")
    stream = went_on(" wor", "ld")
    expected = follow(have, [stream])
    assert kinds(expected) == [
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("message_delta", None),
        ("message_stop", None),
    ]
    for at in range(len(stream) + 1):
        assert follow(have, [stream[:at], stream[at:]]) == expected
    whole = sdk_message(b"".join(said("Hel", "lo ")) + expected)
    assert (whole["id"], whole["model"], whole["stop_reason"]) == ("first", "one", "end_turn")
    assert [found["text"] for found in whole["content"]] == ["Hello world"]
    assert whole["usage"]["output_tokens"] == 5


TEXTS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)  # each starts a client of its own
@given(TEXTS.filter(lambda texts: not "".join(texts).isspace()), TEXTS, st.booleans(), st.booleans())
def test_anthropics_helper_reads_both_texts_in_a_row(
    first: list[str], second: list[str], ended: bool, thought: bool
) -> None:
    index, before = (1, thinking()) if thought else (0, b"")
    have = partial(*first, ended=ended, index=index, before=before)
    space = have.text[len(have.text.rstrip()) :]
    sent = b"".join(said(*first, ended=ended, index=index, before=before))
    whole = sdk_message(sent + follow(have, [went_on(space, "x", *second)]))
    texts = [found["text"] for found in whole["content"] if found["type"] == "text"]
    assert whole["id"] == "first"
    assert "".join(texts) == have.text + "x" + "".join(second)
    assert len(texts) == (2 if ended else 1)


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        ((SAID, " jumps"), SAID + " jumps"),
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
    for at in range(0, len(stream) + 1, 11):
        written = follow(partial(SAID), [stream[:at], stream[at:]], prefill="prefix")
        content = sdk_message(b"".join(said(SAID)) + written)["content"]
        assert [found["text"] for found in content] == [whole]


def test_what_is_repeated_is_progress_all_the_same() -> None:
    follower = Resumed("messages", direct(), partial("Hello"), "plain").follow()
    assert (follower.feed(PING), follower.progressed) == (b"", False)
    assert (follower.feed(start()), follower.progressed) == (b"", True)
    assert not follower.complete()
    assert b"It stopped." in follower.error_event(UpstreamTruncated("It stopped."))


def test_text_that_was_held_is_written_before_a_stream_ends_that_forgot_to_end_its_block() -> None:
    stream = start() + block() + text("The quick") + end() + STOP
    written = follow(partial(SAID), [stream], prefill="prefix")
    assert kinds(written) == [("content_block_delta", 0), ("message_delta", None), ("message_stop", None)]


def test_a_block_that_has_text_from_its_beginning_loses_none() -> None:
    stream = start() + block(0, type="text", text=" wor") + text("ld") + stop() + end() + STOP
    for ended, texts in ((False, ["Hello world"]), (True, ["Hello ", "world"])):
        sent = b"".join(said("Hello ", ended=ended))
        whole = sdk_message(sent + follow(partial("Hello ", ended=ended), [stream]))
        assert [found["text"] for found in whole["content"]] == texts


def test_a_block_that_says_nothing_of_its_text_is_begun_as_it_is() -> None:
    stream = start() + block(0, type="text") + text(" world") + stop() + end() + STOP
    written = follow(partial("Hello", ended=True), [stream])
    assert kinds(written)[0] == ("content_block_start", 1)
    assert b'"content_block":{"type":"text"}' in written


def test_thoughts_of_the_continuation_are_left_out() -> None:
    sealed = block(1, type="redacted_thinking", data="x") + stop(1)
    written = follow(partial("Hello"), [went_on(" world", before=thinking() + sealed, index=2)])
    whole = sdk_message(b"".join(said("Hello")) + written)
    assert [found["text"] for found in whole["content"]] == ["Hello world"]


def call(index: int) -> bytes:
    return (
        block(index, type="tool_use", id=f"t{index}", name="f", input={})
        + part('{"a":1}', index)
        + stop(index)
    )


def test_calls_and_more_text_are_numbered_after_what_the_client_has() -> None:
    after = call(1) + block(2) + text("!", 2) + stop(2) + call(3)
    sent = b"".join(said("Hello", index=1, before=thinking()))
    have = partial("Hello", index=1, before=thinking())
    whole = sdk_message(sent + follow(have, [went_on(" world", after=after)]))
    assert [(found["type"], found.get("text") or found.get("input")) for found in whole["content"][1:]] == [
        ("text", "Hello world"),
        ("tool_use", {"a": 1}),
        ("text", "!"),
        ("tool_use", {"a": 1}),
    ]


def test_a_call_without_more_text_ends_the_text_first() -> None:
    stream = start() + call(0) + end("tool_use") + STOP
    written = follow(partial("Hello"), [stream])
    assert kinds(written)[:2] == [("content_block_stop", 0), ("content_block_start", 1)]
    whole = sdk_message(b"".join(said("Hello")) + written)
    assert [found["type"] for found in whole["content"]] == ["text", "tool_use"]
    assert whole["content"][1]["input"] == {"a": 1}


def test_a_continuation_that_has_nothing_to_add_ends_the_text_and_the_message() -> None:
    written = follow(partial("Hello"), [start() + end() + STOP])
    assert kinds(written) == [("content_block_stop", 0), ("message_delta", None), ("message_stop", None)]
    whole = sdk_message(b"".join(said("Hello")) + written)
    assert [found["text"] for found in whole["content"]] == ["Hello"]


@pytest.mark.parametrize(
    "name", ["text", "multibyte", "citations", "web_search", "tool_use_parallel", "crlf_ids"]
)
def test_real_streams_go_on_with_what_the_client_has(name: str) -> None:
    alone = sdk_message(STREAMS[name])["content"]
    have = partial("Hello", ended=True)
    whole = sdk_message(b"".join(said("Hello", ended=True)) + follow(have, [STREAMS[name]]))
    assert whole["content"][1:] == alone


@pytest.mark.parametrize(
    "odd",
    [
        text("text", 4),
        stop(4),
        event({"type": "content_block_delta", "delta": {}}),
        event({"type": "content_block_delta", "index": [], "delta": {}}),
        event({"type": "content_block_start", "index": 0, "content_block": "text"}),
        event({"type": "content_block_start", "content_block": {"type": "text"}}),
    ],
)
def test_blocks_that_never_began_are_the_upstreams_fault(odd: bytes) -> None:
    follower = Resumed("messages", direct(), partial("Hello"), "plain").follow()
    follower.feed(start())
    with pytest.raises(UpstreamInvalid, match="content block"):
        follower.feed(odd)


def test_errors_and_what_is_unknown_go_on_as_they_are() -> None:
    follower = Resumed("messages", direct(), partial("Hello"), "plain").follow()
    for odd in (b"data: strange\n\n", event({"type": "new", "x": 1})):
        assert follower.feed(odd) == odd
    assert follower.feed(OVERLOADED) == OVERLOADED
    assert follower.error is not None
    assert follower.ended


def test_usage_is_the_second_upstreams() -> None:
    follower = Resumed("messages", direct(), partial("Hello"), "plain").follow()
    follower.feed(went_on(" world"))
    assert follower.usage == Usage(input_tokens=7, output_tokens=5, total_tokens=12)


def test_an_answer_that_broke_twice_is_continued_twice() -> None:
    sent = said("One, ")
    for piece in (" two, ", "three, "):
        have = partial_answer("messages", sent)
        assert have is not None
        follower = Resumed("messages", direct(), have, "plain").follow()
        sent += [follower.feed(start() + block() + text(piece))]
    assert partial_answer("messages", sent) == Partial(text="One, two, three, ", blocks=1, open_block=0)


def test_a_json_answer_becomes_the_rest_of_the_stream() -> None:
    answer: dict[str, Any] = {
        "id": "second",
        "type": "message",
        "role": "assistant",
        "model": "two",
        "stop_reason": "end_turn",
    }
    answer |= {
        "content": [{"type": "text", "text": " world"}],
        "usage": {"input_tokens": 7, "output_tokens": 5},
    }
    events, usage = Resumed("messages", direct(), partial("Hello "), "plain").explode(
        json.dumps(answer).encode()
    )
    whole = sdk_message(b"".join(said("Hello ")) + events)
    assert (whole["id"], [found["text"] for found in whole["content"]]) == ("first", ["Hello world"])
    assert usage == Usage(input_tokens=7, output_tokens=5, total_tokens=12)


# ── translated ──────────────────────────────────────────────────────────────────────────────────────


def test_an_upstream_of_the_chat_api_goes_on_with_a_messages_stream() -> None:
    request = resumed_request("messages", asked(), partial(SAID + " "), "prefix")
    assert request is not None
    translated = translate(
        request, client=SIDES["messages"], upstream=SIDES["chat"], model=None, force_stream=False,
        ask_usage=True, drop_lost=False, max_bytes=0,
    )  # fmt: skip
    sent_body = json.loads(mark_translated(translated.body, "prefix"))
    assert sent_body["messages"][-1] == {"role": "assistant", "content": SAID, "prefix": True}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm"},
        {"content": SAID},
        {"content": " jumps"},
    ]
    chunks: list[dict[str, Any]] = [{"index": 0, "delta": one, "finish_reason": None} for one in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    stream = b"".join(event({"id": "c", "model": "x", "choices": [one]}, "") for one in chunks)
    stream += b"data: [DONE]\n\n"
    for at in range(0, len(stream), 23):
        written = follow(
            partial(SAID + " "), [stream[:at], stream[at:]], prefill="prefix", inner=translated.crossing
        )
        whole = sdk_message(b"".join(said(SAID + " ")) + written)
        assert whole["id"] == "first"
        assert [found["text"] for found in whole["content"]] == [SAID + " jumps"]

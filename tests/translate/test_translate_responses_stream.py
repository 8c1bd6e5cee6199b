"""Streams of the Responses API as deltas: OpenAI's own, and those of imitators that leave out some of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from responses_samples import answer_of, deltas_of, event

from sluiceway.errors import GatewayError, UpstreamInvalid
from sluiceway.translate.neutral import (
    Begin,
    Call,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    Refusal,
    Stop,
    Text,
    Thinking,
    Tokens,
)
from sluiceway.translate.responses import RESPONSES_TRANSLATOR
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 1756315696, "model": "gpt-5"}
USAGE = {
    "input_tokens": 81,
    "input_tokens_details": {"cached_tokens": 64},
    "output_tokens": 35,
    "output_tokens_details": {"reasoning_tokens": 32},
    "total_tokens": 116,
}


def created(**fields: Any) -> bytes:
    return event("response.created", response=RESPONSE | {"status": "in_progress", "output": []} | fields)


def completed(*output: dict[str, Any], **fields: Any) -> bytes:
    response = RESPONSE | {"status": "completed", "output": list(output)} | fields
    return event("response.completed", response=response)


def added(index: int, item: dict[str, Any]) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, item: dict[str, Any]) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def text(index: int, delta: str, part: int = 0) -> bytes:
    name = "response.output_text.delta"
    return event(
        name, item_id="msg_1", output_index=index, content_index=part, delta=delta, obfuscation="xyz"
    )


def arguments(index: int, delta: str) -> bytes:
    return event("response.function_call_arguments.delta", item_id="fc_1", output_index=index, delta=delta)


def summary(index: int, part: int, delta: str) -> bytes:
    name = "response.reasoning_summary_text.delta"
    return event(name, item_id="rs_1", output_index=index, summary_index=part, delta=delta)


def message(*parts: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": part, "annotations": []} for part in parts]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content}


def call(number: int, given: str) -> dict[str, Any]:
    name = {"call_id": f"call_{number}", "name": f"f{number}", "arguments": given}
    return {"id": f"fc_{number}", "type": "function_call"} | name


def thought(*parts: str, sealed: str = "") -> dict[str, Any]:
    shown = [{"type": "summary_text", "text": part} for part in parts]
    return {"id": "rs_1", "type": "reasoning", "summary": shown, "encrypted_content": sealed}


def message_ended(index: int, whole: str) -> bytes:
    where = {"item_id": "msg_1", "output_index": index, "content_index": 0}
    part = {"type": "output_text", "text": whole, "annotations": []}
    return b"".join(
        [
            event("response.output_text.done", **where, text=whole),
            event("response.content_part.done", **where, part=part),
            done(index, message(whole)),
        ]
    )


# As api.openai.com streams, shortened by what repeats the request.
OPENAI = b"".join(
    [
        created(),
        event("response.in_progress", response=RESPONSE | {"status": "in_progress", "output": []}),
        added(0, thought(sealed="gAA")),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=0, part={"text": ""}),
        summary(0, 0, "**Wea"),
        summary(0, 0, "ther**"),
        event("response.reasoning_summary_text.done", output_index=0, summary_index=0, text="**Weather**"),
        event("response.reasoning_summary_part.done", output_index=0, summary_index=0, part={"text": "…"}),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=1, part={"text": ""}),
        summary(0, 1, "I look it up."),
        event("response.reasoning_summary_text.done", output_index=0, summary_index=1, text="I look it up."),
        done(0, thought("**Weather**", "I look it up.", sealed="gAAAAABo")),
        added(1, message()),
        event("response.content_part.added", output_index=1, content_index=0, part={"type": "output_text"}),
        text(1, "One "),
        text(1, "moment."),
        message_ended(1, "One moment."),
        added(2, call(1, "")),
        arguments(2, '{"city":'),
        arguments(2, '"Paris"}'),
        event("response.function_call_arguments.done", output_index=2, arguments='{"city":"Paris"}'),
        done(2, call(1, '{"city":"Paris"}')),
        completed(
            thought("**Weather**", "I look it up.", sealed="gAAAAABo"),
            message("One moment."),
            call(1, '{"city":"Paris"}'),
            usage=USAGE,
        ),
    ]
)


def test_a_stream_of_openai_becomes_deltas_event_by_event() -> None:
    assert deltas_of(OPENAI) == [
        Begin("resp_1", "gpt-5", 1756315696),
        PartBegin(0, "thinking"),
        PartDelta(0, "**Wea"),
        PartDelta(0, "ther**"),
        PartDelta(0, "\n\nI look it up."),
        PartEnd(0),
        PartBegin(1, "sealed"),
        PartDelta(1, "gAAAAABo"),
        PartEnd(1),
        PartBegin(2, "text"),
        PartDelta(2, "One "),
        PartDelta(2, "moment."),
        PartEnd(2),
        PartBegin(3, "call", "call_1", "f1"),
        PartDelta(3, '{"city":'),
        PartDelta(3, '"Paris"}'),
        PartEnd(3),
        End("calls", tokens=Tokens(input=81, output=35, cached=64, reasoning=32)),
    ]


def test_interleaved_calls_stay_apart() -> None:
    stream = [
        created(),
        added(0, call(1, "")),
        added(1, call(2, "")),
        arguments(1, "[2"),
        arguments(0, "[1"),
        arguments(1, "]"),
        done(1, call(2, "[2]")),
        arguments(0, "]"),
        done(0, call(1, "[1]")),
        completed(),
    ]
    assert answer_of(deltas_of(*stream)).parts == (Call("call_1", "f1", "[1]"), Call("call_2", "f2", "[2]"))


def test_texts_of_one_message_are_parts_of_their_own() -> None:
    stream = [created(), text(0, "a", part=0), text(0, "b", part=1), done(0, message("a", "b")), completed()]
    assert answer_of(deltas_of(*stream)).parts == (Text("a"), Text("b"))


def test_a_refusal_is_told_from_text() -> None:
    stream = [
        created(),
        event("response.refusal.delta", output_index=0, content_index=0, delta="I can"),
        event("response.refusal.delta", output_index=0, content_index=0, delta="not."),
        event("response.refusal.done", output_index=0, content_index=0, refusal="I cannot."),
        completed(),
    ]
    answer = answer_of(deltas_of(*stream))
    assert (answer.parts, answer.stop) == ((Refusal("I cannot."),), "refusal")


def test_the_thoughts_of_an_open_model_are_thoughts() -> None:
    stream = [
        created(),
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="H"),
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="m"),
        event("response.reasoning_text.done", output_index=0, content_index=0, text="Hm"),
        done(0, {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}),
        completed(),
    ]
    assert answer_of(deltas_of(*stream)).parts == (Thinking("Hm"),)


WHOLE = (
    Thinking("a\n\nb"),
    Thinking(sealed="x", sealed_by="responses"),
    Text("c"),
    Call("call_1", "f1", "{}"),
)
ITEMS = (thought("a", "b", sealed="x"), message("c"), call(1, "{}"))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param([done(number, item) for number, item in enumerate(ITEMS)], id="items"),
        pytest.param([done(number, item) * 2 for number, item in enumerate(ITEMS)], id="items twice"),
        pytest.param([], id="nothing but the end"),
        pytest.param(
            [
                event("response.reasoning_summary_text.done", output_index=0, summary_index=0, text="a"),
                event("response.reasoning_summary_text.done", output_index=0, summary_index=1, text="b"),
                done(0, ITEMS[0]),
                event("response.output_text.done", output_index=1, content_index=0, text="c"),
                added(2, call(1, "{}")),
                event("response.function_call_arguments.done", output_index=2, arguments="{}"),
            ],
            id="whole texts",
        ),
        pytest.param(
            [
                event("response.reasoning_summary_text.delta", item_id="r", delta="a\n\n"),
                event("response.reasoning_summary_text.delta", item_id="r", delta="b"),
                event("response.output_item.done", item_id="r", item=ITEMS[0]),
                event("response.output_text.delta", item_id="m", delta="c"),
                arguments(2, "{}"),
                done(2, ITEMS[2]),
            ],
            id="no counters, and arguments before their call",
        ),
    ],
)
def test_what_an_imitator_leaves_out_is_taken_from_what_it_sends(stream: list[bytes]) -> None:
    answer = answer_of(deltas_of(created(), *stream, completed(*ITEMS)))
    assert answer.parts == WHOLE


def test_an_answer_begins_even_if_nobody_says_so() -> None:
    first, *_ = deltas_of(text(0, "a"))
    assert first == Begin("", "")


def test_a_new_item_ends_the_last_where_nobody_says_so() -> None:
    stream = [created(), summary(0, 0, "hm"), text(1, "a"), added(2, call(1, "")), completed()]
    assert answer_of(deltas_of(*stream)).parts == (Thinking("hm"), Text("a"), Call("call_1", "f1", ""))


def test_a_call_that_goes_on_behind_other_text_is_refused() -> None:
    with pytest.raises(UpstreamInvalid, match="call"):
        deltas_of(created(), added(0, call(1, "")), text(1, "a"), arguments(0, "{}"))


@pytest.mark.parametrize("make", [added, done])
def test_the_work_of_a_tool_at_the_upstream_is_refused_by_name(make: Any) -> None:
    with pytest.raises(UpstreamInvalid, match="web_search_call"):
        deltas_of(created(), make(0, {"type": "web_search_call", "id": "ws_1"}))


def test_content_without_a_neutral_form_is_refused_by_name() -> None:
    item = {"type": "message", "content": [{"type": "output_audio"}]}
    with pytest.raises(UpstreamInvalid, match="output_audio"):
        deltas_of(created(), done(0, item))


@pytest.mark.parametrize(
    ("last", "stop"),
    [
        (completed(), "end"),
        (event("response.completed"), "end"),
        (
            event("response.incomplete", response={"incomplete_details": {"reason": "max_output_tokens"}}),
            "length",
        ),
        (
            event("response.incomplete", response={"incomplete_details": {"reason": "content_filter"}}),
            "filter",
        ),
        (event("response.incomplete", response={}), None),
    ],
)
def test_the_last_event_says_why_it_ended(last: bytes, stop: Stop | None) -> None:
    assert deltas_of(created(), text(0, "a"), last)[-1] == End(stop)


def test_nothing_follows_the_end() -> None:
    late = encode_event(b"[DONE]") + text(0, "b")
    deltas = deltas_of(created(), completed(), late, finish=True)
    assert deltas == [Begin("resp_1", "gpt-5", 1756315696), End("end")]


@pytest.mark.parametrize(
    "last", [event("response.failed", response=RESPONSE), event("error", code="server_error", message="!")]
)
def test_a_broken_stream_has_no_end(last: bytes) -> None:
    deltas = deltas_of(created(), text(0, "a"), last, finish=True)
    assert deltas[-1] == PartDelta(0, "a")


def test_what_was_open_is_ended_when_the_upstream_has_ended() -> None:
    assert deltas_of(created(), text(0, "a"), finish=True)[-2:] == [PartEnd(0), End(None)]
    assert deltas_of(finish=True) == [Begin("", ""), End(None)]


@pytest.mark.parametrize(
    "block",
    [
        b": ping\n\n",
        b"data:\n\n",
        b"data: 5\n\n",
        b"data: [DONE]\n\n",
        event("response.output_item.added", output_index=0, item=None),
        event("response.output_text.delta", output_index=0, content_index=0, delta=""),
        event("response.output_text.delta", output_index=0, content_index=0, delta=5),
        event("response.output_text.annotation.added", output_index=0, annotation={}),
        event("keepalive"),
    ],
)
def test_what_means_nothing_gives_nothing(block: bytes) -> None:
    assert deltas_of(created(), block) == [Begin("resp_1", "gpt-5", 1756315696)]


def test_an_event_that_is_not_json_is_refused() -> None:
    with pytest.raises(UpstreamInvalid, match="not JSON"):
        deltas_of(created(), b"data: {\n\n")


def test_name_and_type_of_an_event_stand_in_for_one_another() -> None:
    named = encode_event(b'{"output_index":0,"delta":"a"}', event=b"response.output_text.delta")
    typed = encode_event(b'{"type":"response.output_text.delta","output_index":0,"delta":"b"}')
    assert answer_of(deltas_of(created(), named, typed, completed())).parts == (Text("ab"),)


TYPES = sorted({one.event.decode() for one in parse_events(OPENAI)} | {"error", "response.refusal.done"})
KINDS = ["message", "reasoning", "function_call", "output_text", "refusal", "summary_text", None, 5]
JUNK = st.recursive(
    st.none() | st.integers(-1, 2) | st.text(max_size=2) | st.sampled_from(KINDS),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "item", "response", "content", "summary", "text", "id", "output", "part"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
MEMBERS = ["item", "response", "output_index", "content_index", "summary_index", "delta", "text", "arguments"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(MEMBERS), JUNK)), max_size=5)
)
def test_no_nonsense_breaks_the_contract(events: list[tuple[str, dict[str, Any]]]) -> None:
    blocks = [event(kind, **members) for kind, members in events]
    try:
        deltas = deltas_of(*blocks, completed())
    except GatewayError:
        return
    if deltas and isinstance(deltas[-1], End):
        answer_of(deltas)


def test_half_a_surrogate_pair_survives() -> None:
    reader = RESPONSES_TRANSLATOR.read_stream()
    data = b'{"type":"response.output_text.delta","output_index":0,"delta":"\\ud83d"}'
    assert reader.feed(SseEvent(b"", data))[-1] == PartDelta(0, "\ud83d")

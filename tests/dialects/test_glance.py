"""What goes to a client, at a glance: on recorded streams, on odd JSON, on cut data, on texts that lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.glance import CUT, carries_content, finish_reason, kinds
from sluiceway.relay.observe import KEPT_BYTES, Tape
from sluiceway.wire.sse import EventSplitter, count_events, encode_event, parse_events

GOLDEN = Path(__file__).parents[1] / "golden"
DIALECTS = ("chat", "messages", "responses", "images")
STREAMS = [(dialect, path) for dialect in DIALECTS for path in sorted((GOLDEN / dialect).glob("*.sse"))]
STREAM_IDS = [f"{dialect}/{path.stem}" for dialect, path in STREAMS]

# How the recorded streams that don't say `stop`, `end_turn` or `completed` say they ended.
OTHER_ENDS = {
    "chat/empty_reasons_null_role": None,
    "chat/function_call_legacy": None,
    "chat/logprobs": "content_filter",
    "chat/no_done": "length",
    "chat/openrouter_error": "error",
    "chat/tool_call_repeated_ids": "tool_calls",
    "chat/tool_calls_parallel": "tool_calls",
    "chat/tool_calls_without_index": None,
    "chat/two_choices": "stop",
    "messages/crlf_ids": "stop_sequence",
    "messages/error_midway": None,
    "messages/max_tokens": "max_tokens",
    "messages/max_tokens_in_tool_input": "max_tokens",
    "messages/tool_use_parallel": "tool_use",
    "messages/resumed_in_a_container": "refusal",
    "responses/error_alone": None,
    "responses/error_midway": "failed",
    "responses/failed": "failed",
    "responses/incomplete": "max_output_tokens",
    "responses/truncated": None,
    "images/error_midway": None,
    "images/truncated": None,
}
WITHOUT_CONTENT = {"responses/error_alone", "responses/failed"}
COMMON_END = {"chat": "stop", "messages": "end_turn", "responses": "completed", "images": "completed"}


def whole(body: bytes) -> bytes:
    """A recorded stream, its last event terminated."""
    splitter = EventSplitter(0)
    return splitter.feed(body) + splitter.flush()


def blocks(body: bytes) -> Iterator[bytes]:
    """One block per event, those without data left out, as followers do."""
    for event in parse_events(whole(body)):
        if event.data:
            yield event.raw


def tape_of(*writes: bytes, dialect: str = "chat") -> Tape:
    tape = Tape(4, carries_content(dialect))
    for place, write in enumerate(writes):
        tape.wrote_events(float(place), write)
    return tape


def carries(dialect: str, block: bytes) -> bool:
    ask = carries_content(dialect)
    assert ask is not None
    return ask(block)


def chat(*, spaced: bool = False, **choice: Any) -> bytes:
    document = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0} | choice]}
    text = json.dumps(document, indent=None, separators=None if spaced else (",", ":"))
    return b"data: " + text.encode() + b"\n\n"


def named(kind: str, **fields: Any) -> bytes:
    return encode_event(json.dumps({"type": kind} | fields).encode(), event=kind.encode())


# ── recorded streams ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("dialect", "path"), STREAMS, ids=STREAM_IDS)
def test_the_end_of_a_recorded_stream_is_read_however_it_was_written(dialect: str, path: Path) -> None:
    expected = OTHER_ENDS.get(f"{dialect}/{path.stem}", COMMON_END[dialect])
    events = list(blocks(path.read_bytes()))
    assert finish_reason(dialect, tape_of(*events).tail(4), stream=True) == expected, "an event at a time"
    for size in (2, 3, 5):
        writes = [b"".join(events[at : at + size]) for at in range(0, len(events), size)]
        assert finish_reason(dialect, tape_of(*writes).tail(4), stream=True) == expected, f"{size} at a time"
    assert finish_reason(dialect, [b"".join(events)], stream=True) == expected, "all at once"


@pytest.mark.parametrize(("dialect", "path"), STREAMS, ids=STREAM_IDS)
def test_the_first_content_of_a_recorded_stream_is_found_and_not_too_early(dialect: str, path: Path) -> None:
    events = list(blocks(path.read_bytes()))
    first = next((place for place, block in enumerate(events) if carries(dialect, block)), None)
    if f"{dialect}/{path.stem}" in WITHOUT_CONTENT:
        assert first is None
        return
    assert first is not None
    early = [kind for block in events[:first] for kind in kinds(dialect, block)]
    silent = {
        "role", "other", "usage", "message_start", "ping", "content_block_start", "response.created",
        "response.in_progress", "response.queued", "response.output_item.added", "response.content_part.added",
        "response.reasoning_summary_part.added", "keepalive", "image_generation.queued",
    }  # fmt: skip
    assert set(early) <= silent, early
    assert carries(dialect, b"".join(events)), "all at once, it is found, too"


@pytest.mark.parametrize(("dialect", "path"), STREAMS, ids=STREAM_IDS)
def test_every_event_of_a_recorded_stream_has_a_kind_of_the_api(dialect: str, path: Path) -> None:
    body = whole(path.read_bytes())
    found = kinds(dialect, body)
    assert len(found) == len(parse_events(body))
    for kind in found:
        assert kind.replace("_", "").replace(".", "").replace("-", "").isalnum()
    assert found.count("other") <= 1, "of a chat chunk without choices, say"


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_the_end_of_every_recorded_json_answer_is_read_whole_and_cut(dialect: str) -> None:
    key = {"chat": "finish_reason", "messages": "stop_reason", "responses": "status"}[dialect]
    for path in sorted((GOLDEN / dialect).glob("*.json")):
        document = json.loads(path.read_bytes())
        expected = document["choices"][0][key] if dialect == "chat" else document[key]
        if expected == "incomplete":
            expected = document["incomplete_details"]["reason"]
        for indent in (None, 2):
            body = json.dumps(document, indent=indent).encode()
            assert finish_reason(dialect, [body], stream=False) == expected, path.stem
            tape = Tape(4)
            tape.wrote_bytes(0.0, body)
            assert finish_reason(dialect, tape.tail(4), stream=False) == expected, path.stem


# ── content ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": None, "refusal": None}, False),
        ({}, False),
        ({"role": "assistant", "content": "Hi"}, True),
        ({"reasoning_content": "Hm"}, True),
        ({"reasoning": "Hm", "content": ""}, True),
        ({"reasoning": None, "content": ""}, False),
        ({"refusal": "No"}, True),
        ({"tool_calls": []}, False),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}, True),
        ({"function_call": {"name": "f"}}, True),
        ({"content": [{"type": "text", "text": "Hi"}]}, True),
        ({"images": [{"type": "image_url"}]}, True),
        ({"vendor_specific": "x"}, False),
    ],
)
def test_a_chat_chunk_carries_content_where_its_delta_has_a_piece_of_the_answer(
    delta: dict[str, Any], expected: bool, spaced: bool
) -> None:
    assert carries("chat", chat(delta=delta, finish_reason=None, spaced=spaced)) is expected
    turned = {"choices": [{"finish_reason": None, "delta": dict(reversed(delta.items()))}], "id": "c"}
    assert carries("chat", b"data:" + json.dumps(turned).encode() + b"\r\n\r\n") is expected


@pytest.mark.parametrize(
    ("dialect", "block", "expected"),
    [
        ("messages", named("message_start", message={"content": [], "role": "assistant"}), False),
        ("messages", named("ping"), False),
        ("messages", named("content_block_start", index=0, content_block={"type": "text", "text": ""}), False),
        ("messages", named("content_block_start", index=0, content_block={"type": "tool_use", "name": "f"}), True),
        ("messages", named("content_block_delta", index=0, delta={"type": "text_delta", "text": ""}), False),
        ("messages", named("content_block_delta", index=0, delta={"type": "text_delta", "text": "x"}), True),
        ("messages", named("content_block_delta", delta={"type": "signature_delta", "signature": "x"}), False),
        ("messages", named("message_delta", delta={"stop_reason": "end_turn"}, usage={}), False),
        ("responses", named("response.created", response={"status": "in_progress", "output": []}), False),
        ("responses", named("response.output_item.added", item={"type": "message", "content": []}), False),
        ("responses", named("response.output_item.added", item={"type": "function_call", "name": "f"}), True),
        ("responses", named("response.output_text.delta", delta=""), False),
        ("responses", named("response.output_text.delta", delta="x"), True),
        ("responses", named("response.output_text.done", text="x"), True),
        ("responses", named("response.completed", response={"output": [{"type": "message"}]}), True),
        ("responses", named("error", message="x"), False),
        ("images", named("image_generation.partial_image", b64_json="AAAA"), True),
        ("images", named("image_generation.completed", url="https://x"), True),
        ("images", named("image_generation.completed", b64_json=""), False),
        ("images", named("error", error={"message": 'no "b64_json": "x"'}), False),
    ],
)  # fmt: skip
def test_events_that_only_begin_or_end_something_carry_no_content(
    dialect: str, block: bytes, expected: bool
) -> None:
    assert carries(dialect, block) is expected
    assert carries(dialect, b": a comment\n\n" + block) is expected


def test_a_large_picture_in_a_response_is_content() -> None:
    kind = "response.image_generation_call.partial_image"
    block = named(kind, partial_image_b64="A" * 100_000)
    assert carries("responses", block)
    assert carries("responses", block.partition(b"\n")[2]), "without its name, too"


def test_nobody_knows_what_content_is_on_paths_without_a_dialect() -> None:
    assert carries_content(None) is None
    assert carries_content("other") is None
    assert finish_reason(None, [b"data: {}\n\n"], stream=True) is None
    assert finish_reason("other", [b"{}"], stream=False) is None


@given(st.sampled_from(DIALECTS), st.binary(max_size=200), st.booleans())
def test_nothing_that_comes_makes_a_glance_fail(dialect: str, noise: bytes, as_data: bool) -> None:
    block = b"data: " + noise + b"\n\n" if as_data else noise
    carries(dialect, block)
    finish_reason(dialect, [block, CUT + block], stream=True)
    finish_reason(dialect, [block + CUT + block], stream=False)
    assert len(kinds(dialect, block)) == len(parse_events(block))


@given(
    st.sampled_from(DIALECTS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "type", "response", "item", "error", "finish_reason", "index", "usage",
                 "incomplete_details", "content_block", "stop_reason", "status"]
            ), inner, max_size=4,
        ),
        max_leaves=12,
    ),
)  # fmt: skip
def test_members_of_any_type_make_no_glance_fail(dialect: str, document: Any) -> None:
    block = b"data: " + json.dumps(document).encode() + b"\n\n"
    carries(dialect, block)
    finish_reason(dialect, [block], stream=True)
    finish_reason(dialect, [block[6:]], stream=False)
    assert len(kinds(dialect, block)) == 1


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────


def test_of_several_choices_the_first_one_tells_or_else_the_last_that_came() -> None:
    one = b'data: {"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}\n\n'
    nought = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    assert finish_reason("chat", [nought, one], stream=True) == "stop"
    assert finish_reason("chat", [one, chat(delta={}, finish_reason=None)], stream=True) == "length"


def test_an_answer_that_was_cut_short_has_no_finish_reason() -> None:
    assert finish_reason("chat", [chat(delta={"content": "x"}, finish_reason=None)], stream=True) is None
    assert finish_reason("chat", [chat(delta={"content": "x"}, finish_reason="")], stream=True) is None
    assert finish_reason("chat", [], stream=True) is None


def test_an_incomplete_response_without_a_reason_is_incomplete() -> None:
    block = named("response.incomplete", response={"status": "incomplete", "incomplete_details": None})
    assert finish_reason("responses", [block], stream=True) == "incomplete"
    assert finish_reason("responses", [b'{"status": "incomplete"}'], stream=False) == "incomplete"


def test_the_last_event_of_a_long_write_tells_the_end_though_its_middle_was_left_out() -> None:
    text = "word " * 2000
    delta = named("response.output_text.delta", delta=text)
    response = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": [text]}
    end = named("response.incomplete", response=response)
    for writes in ([end], [delta, end], [delta + end], [delta * 3 + end]):
        tape = tape_of(*writes, dialect="responses")
        assert finish_reason("responses", tape.tail(4), stream=True) == "content_filter"
    chunk = chat(delta={"content": text}, logprobs=None, finish_reason="length")
    assert finish_reason("chat", tape_of(chunk).tail(4), stream=True) == "length"
    picture = named("image_edit.completed", b64_json="A" * 10_000, usage={"total_tokens": 3})
    assert finish_reason("images", tape_of(picture).tail(4), stream=True) == "completed"


LIES = (
    '"finish_reason":"lie","stop_reason":"lie","status":"lie"',
    '\\"finish_reason\\": \\"lie\\"',
    '}],"finish_reason":"lie"}]}',
    '","finish_reason":"lie","stop_reason":"lie","x":"',
    'data: {"choices":[{"index":0,"finish_reason":"lie"}]}',
    '\n\ndata: {"type":"message_delta","delta":{"stop_reason":"lie"}}\n\n',
    "\\",
    '"incomplete_details":{"reason":"lie"}',
)


@given(
    st.lists(st.sampled_from(LIES) | st.text(max_size=20), max_size=6).map("".join),
    st.integers(0, 1200),
    st.integers(0, 1200),
)
def test_no_text_and_no_nested_member_passes_for_a_finish_reason(lie: str, before: int, after: int) -> None:
    text = "a" * before + lie * 3 + "b" * after
    nested = {"stop_reason": "lie", "finish_reason": "lie", "status": "lie", "reason": "lie", lie: lie}
    answers: dict[str, dict[str, Any]] = {
        "chat": {
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"content": text, "x": nested, "tool": text}}
            ],
            "usage": nested,
        },
        "messages": {
            "stop_reason": "stop",
            "content": [{"type": "text", "text": text}, {"type": "tool_use", "input": nested}],
            "usage": {"x": 1},
        },
        "responses": {"status": "stop", "output": [text, nested], "metadata": nested},
    }
    for dialect, answer in answers.items():
        for document in (answer, dict(reversed(answer.items()))):
            tape = Tape(4)
            tape.wrote_bytes(0.0, json.dumps(document).encode())
            assert finish_reason(dialect, tape.tail(4), stream=False) in ("stop", None)
            if len(json.dumps(document)) <= KEPT_BYTES:
                assert finish_reason(dialect, tape.tail(4), stream=False) == "stop"
    events = {
        "chat": chat(delta={"content": text, "x": nested}, finish_reason=None),
        "messages": named(
            "content_block_start", content_block={"type": "tool_use", "input": nested, "x": text}
        ),
        "responses": named("response.output_text.delta", delta=text, x=nested),
    }
    for dialect, event in events.items():
        assert finish_reason(dialect, tape_of(event).tail(4), stream=True) is None


# ── kinds ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_events_of_a_chat_stream_are_called_by_what_they_bring() -> None:
    stream = b"".join(
        [
            b": heartbeat\n\n",
            chat(delta={"role": "assistant", "content": ""}),
            chat(delta={"reasoning_content": "Hm"}),
            chat(delta={"content": "Hi"}),
            chat(delta={"tool_calls": [{"index": 0}]}),
            chat(delta={}, finish_reason="stop"),
            b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n',
            b'data: {"error":{"message":"x"}}\n\n',
            b"event: x\n\n",
            b"data: [DONE]\n\n",
        ]
    )
    assert kinds("chat", stream) == [
        "comment", "role", "reasoning", "content", "tool_calls", "finish", "usage", "error", "blank", "done",
    ]  # fmt: skip


def test_other_events_are_called_by_their_type_and_deltas_of_messages_by_theirs() -> None:
    block = named("content_block_delta", delta={"type": "thinking_delta", "thinking": "x"})
    assert kinds("messages", block + named("message_stop")) == ["thinking_delta", "message_stop"]
    assert kinds("responses", named("response.output_text.delta", delta="x")) == [
        "response.output_text.delta"
    ]
    assert kinds("responses", b'data: {"delta":"x","type":"response.x"}\n\n') == ["response.x"]
    assert kinds("images", b"event: image_edit.completed\ndata: {\n\n") == ["image_edit.completed"]
    assert kinds(None, b"event: thread.run\ndata: x\n\n") == ["thread.run"]


def test_a_name_that_is_no_word_of_an_api_is_not_told() -> None:
    assert kinds("responses", named("My secret prompt is: x")) == ["other"]
    assert kinds("messages", named("content_block_delta", delta={"type": "A secret"})) == [
        "content_block_delta"
    ]
    assert kinds(None, b"event: " + b"a" * 100 + b"\ndata: x\n\n") == ["other"]


def test_an_event_that_lost_its_middle_is_what_its_beginning_says() -> None:
    long = "x" * 5000
    cases = {
        "chat": (chat(delta={"content": long}), "content"),
        "messages": (named("content_block_delta", delta={"type": "text_delta", "text": long}), "text_delta"),
        "responses": (named("response.output_text.delta", delta=long), "response.output_text.delta"),
        "images": (named("image_edit.partial_image", b64_json=long), "image_edit.partial_image"),
    }
    for dialect, (event, kind) in cases.items():
        (kept,) = tape_of(event).tail(1)
        assert CUT in kept
        assert kinds(dialect, kept) == [kind]
        (kept,) = tape_of(event * 3).tail(1)
        assert count_events(event * 3) == 3
        assert {kind} == set(kinds(dialect, kept))

"""How many events a block holds: what a tape counts on its fast path is what the codec finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.dialects.base import Follower
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.images import IMAGE_GENERATIONS
from sluiceway.dialects.messages import MESSAGES
from sluiceway.dialects.responses import RESPONSES
from sluiceway.relay.observe import Tape
from sluiceway.wire.sse import EventSplitter, count_events

LINES = (
    b"data: x", b"data:", b"data", b"data: [DON", b'data: {"choices":[{"index":0}]}', b"event: message_start",
    b"event: ping", b"event: response.created", b"event: image_edit.partial_image", b'data: {"type":"x"}', b"id: 7",
    b": comment", b"retry: 5", b"", b"", b"",
)  # fmt: skip
ENDS = (b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r")
DIALECTS = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES, "images": IMAGE_GENERATIONS}


def counted(*blocks: bytes) -> int:
    tape = Tape(4)
    for block in blocks:
        tape.wrote_events(0.0, block)
    return tape.events


def follower(name: str) -> Follower:
    dialect = DIALECTS[name]
    body = b'{"model":"m","prompt":"p","input":"i","messages":[],"max_tokens":1,"n":9}'
    return dialect.follow(dialect.read_request(body, b"application/json"), hide_usage=False)


@pytest.mark.parametrize(
    ("block", "events"),
    [
        (b"data: x\n\n", 1),
        (b"event: e\ndata: x\n\n", 1),
        (b"id: 1\nevent: e\ndata: x\ndata: y\n\n", 1),
        (b"data: x\n\ndata: y\n\n", 2),
        (b"event: e\ndata: x\n\ndata: y\n\n", 2),
        (b"event: e\n\ndata: y\n\n", 2),
        (b"data: x\r\n\r\n", 1),
        (b"data: x\r\rdata: y\r\r", 2),
        (b"data: x\n\r\ndata: y\r\n\n", 2),
        (b": comment\n\n", 1),
        (b": comment\ndata: x\n\n", 1),
        (b"data: x\r\r\n", 1),
    ],
)
def test_a_block_holds_as_many_events_as_blank_lines_end_some(block: bytes, events: int) -> None:
    assert count_events(block) == events
    assert counted(block) == events


def test_blank_lines_alone_are_no_events() -> None:
    assert count_events(b"\n\n\r\n") == 0


@given(
    st.sampled_from(sorted(DIALECTS)),
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)), max_size=30),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_the_tape_counts_what_the_codec_counts_in_whatever_a_follower_forwards(
    name: str, lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    body = b"".join(line + end for line, end in lines)
    splitter, follows = EventSplitter(StreamSettings().max_event_bytes), follower(name)
    rest, forwarded = body, []
    for size in [*cuts, len(body)]:
        piece, rest = rest[:size], rest[size:]
        for block in (splitter.feed(piece), b"" if rest else splitter.flush()):
            if block and (out := follows.feed(block)):
                forwarded.append(out)
                assert counted(out) == count_events(out), out
        if not rest:
            break
    assert counted(*forwarded) == sum(map(count_events, forwarded))

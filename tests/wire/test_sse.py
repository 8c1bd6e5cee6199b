"""The SSE codec: any cut gives the same events, the bytes stay the same, and the standard is kept."""

from __future__ import annotations

import tracemalloc
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sse_reference import interpret, observe

from sluiceway.errors import EventTooLarge
from sluiceway.wire import sse
from sluiceway.wire.sse import BOM, EventSplitter, SseEvent, SseParser, encode_event, parse_events

NASTY = [
    b"data: a\n\ndata: b\n\n",
    b"data: a\r\n\r\ndata: b\r\n\r\n",
    b"data: a\r\rdata: b\r\r",
    b"data: a\n\rdata: b\n\r\ndata: c\n\r",
    b"data: a\r\n\ndata: b\r\n\n",
    b"data: a\r\r\ndata: b\r\r\n",
    b"data: a\r\r\r\ndata: b\r\r\r\r\n\n",
    b"data: a\n\r\rdata: b\n\r\r\n",
    b"event: e\rdata: a\r\nid: 1\n\r\ndata: b\r\r",
    BOM + b"data: a\n\n",
    BOM + BOM + b"data: a\n\n" + BOM + b"data: b\n\n",
    BOM + b"\r\ndata: a\r\n\r\n",
    BOM,
    BOM[:2],
    BOM[:1] + b"data: a\n\n",
    BOM + b"data: a",
    "data: ä€😀\u2028x\u2029y\u0085z\n\n".encode(),
    b"data: \xff\xc3\n\ndata: \xe2\x82\n\n",
    b"data: form feed \x0c, tab \x0b, group \x1c, nul \0\n\n",
    b"\n\n\n\n\ndata: a\n\n\n\n\n",
    b"\r\n\r\n\r\ndata: a\r\n\r\n\r\n\r\n",
    b"\r\r\rdata: a\r\r\r\r",
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\r",
    b": a comment\n\n:\n\n: two\n: lines\n\n",
    b": a heartbeat line\ndata: a\n\n",
    b"event: e\n\nid: 7\n\ndata: a\n\n",
    b"id: 1\0\ndata: a\n\nid: 2\nid: 3\0\ndata: b\n\nid\ndata: c\n\n",
    b"retry: 10\ndata: a\n\nretry: 1x\nretry:\nretry: -1\ndata: b\n\nretry: \xd9\xa1\ndata: c\n\n",
    b"retry: " + b"9" * 5000 + b"\n\n",
    b"data\n\ndata\ndata\n\ndata:\n\ndata: \n\ndata:  a\n\ndata:a:b\n\n",
    b"data : a\n\n data: a\n\nDATA: a\n\nnot a field\n\n",
    b"data: a\ndata: b\n\ndata: no blank line\n",
    b"data: a\n\ndata: no line end",
    b"data: a\r\n\r\ndata: no blank line\r\n",
    b"data: a\r\rdata: no blank line\r",
    b"data: half a blank line\r\n\r",
    b"",
]
SHORT_BYTES = 48  # up to here every pair of cuts is tried

WORDS = [b"\n", b"\r", b"\r\n", b"\n\n", b":", b" ", b"\0", BOM, b"\xc3", "é\u2028".encode()]
FIELDS = [b"data", b"data: ", b"event:", b"id", b"id: ", b"retry:", b"1", b"x"]
pieces_of_streams = st.lists(st.sampled_from(WORDS + FIELDS), max_size=40)
streams = st.one_of(pieces_of_streams.map(b"".join), st.binary(max_size=60))


def read_all(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser(0)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.flush()


def raw_of(events: list[SseEvent]) -> bytes:
    return b"".join(event.raw for event in events)


def cut(body: bytes, offsets: list[int]) -> list[bytes]:
    """`body` cut at each of the offsets (any order, repeats allowed)."""
    return [body[start:end] for start, end in pairwise([0, *sorted(offsets), len(body)])]


# --- Any cut gives the same ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", NASTY)
def test_a_stream_cut_anywhere_gives_the_same_events(body: bytes) -> None:
    whole = read_all(body)
    assert read_all(*(body[i : i + 1] for i in range(len(body)))) == whole
    for offset in range(len(body) + 1):
        assert read_all(body[:offset], body[offset:]) == whole
    if len(body) <= SHORT_BYTES:
        for first, second in combinations(range(len(body) + 1), 2):
            assert read_all(body[:first], body[first:second], body[second:]) == whole


@given(body=streams, offsets=st.lists(st.integers(0, 200), max_size=6))
def test_any_stream_cut_anywhere_gives_the_same_events(body: bytes, offsets: list[int]) -> None:
    chunks = cut(body, [min(offset, len(body)) for offset in offsets])
    assert read_all(*chunks) == read_all(body)


@given(body=streams, offsets=st.lists(st.integers(0, 200), max_size=6))
def test_blocks_are_whole_events_and_together_are_the_stream(body: bytes, offsets: list[int]) -> None:
    splitter = EventSplitter(0)
    blocks = [splitter.feed(chunk) for chunk in cut(body, [min(offset, len(body)) for offset in offsets])]
    held_bytes = splitter.held_bytes
    rest = splitter.flush()
    blocks.append(rest)
    stream = body.removeprefix(BOM) + rest[held_bytes:]
    assert b"".join(blocks) == stream
    assert [event for block in blocks for event in parse_events(block)] == parse_events(stream)
    for event in parse_events(stream):
        assert parse_events(event.raw) == [event]


# --- The standard is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", NASTY)
def test_a_nasty_stream_dispatches_what_the_standard_dispatches(body: bytes) -> None:
    assert observe(read_all(body)) == interpret(body + b"\n\n")


@given(body=streams)
def test_any_stream_dispatches_what_the_standard_dispatches(body: bytes) -> None:
    # The codec ends the last event, a browser drops it: two blank lines more and both agree.
    assert observe(read_all(body)) == interpret(body + b"\n\n")


@given(body=streams.filter(lambda body: not body.endswith(b"\r")))
def test_an_event_is_given_as_soon_as_the_standard_dispatches_it(body: bytes) -> None:
    assert observe(SseParser(0).feed(body)) == interpret(body)


def test_fields_are_read_as_the_standard_says() -> None:
    raw = b": comment\nevent: x\nevent: delta\nid: 7\nid: 8\0\nretry: 1500\nretry: 2s\n"
    raw += b"data:a\ndata:  b\ndata\n\n"
    assert parse_events(raw) == [SseEvent(raw, b"a\n b\n", b"delta", b"7", 1500)]


def test_an_event_without_a_data_field_has_no_data_and_an_empty_field_has_empty_data() -> None:
    block = b": ping\n\nevent: x\n\n\ndata\n\ndata:\n\n"
    assert [event.data for event in parse_events(block)] == [None, None, None, b"", b""]


def test_an_event_keeps_its_exact_bytes() -> None:
    block = b"\n:c\r\n\r\ndata:a\rdata: b\r\rid\n\n\r\n"
    raws = [b"\n", b":c\r\n\r\n", b"data:a\rdata: b\r\r", b"id\n\n", b"\r\n"]
    assert [event.raw for event in parse_events(block)] == raws


def test_an_unterminated_rest_of_a_block_is_its_last_event() -> None:
    assert parse_events(b"data: a\n\ndata: b") == [
        SseEvent(b"data: a\n\n", b"a"),
        SseEvent(b"data: b", b"b"),
    ]


def test_an_absurdly_long_retry_is_ignored() -> None:
    longest, too_long = b"9" * sse.RETRY_DIGITS_MAX, b"9" * (sse.RETRY_DIGITS_MAX + 1)
    assert parse_events(b"retry: " + longest + b"\n\n")[0].retry == int(longest)
    assert parse_events(b"retry: " + too_long + b"\n\n")[0].retry is None


# --- The byte order mark ------------------------------------------------------------------------------


def test_only_one_leading_bom_is_stripped() -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(BOM + BOM + b"data: a\n\n") == BOM + b"data: a\n\n"
    assert splitter.feed(BOM + b"data: b\n\n") == BOM + b"data: b\n\n"


def test_a_body_of_nothing_but_a_bom_has_no_events() -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(BOM[:2]) == b""
    assert splitter.held_bytes == 2
    assert splitter.feed(BOM[2:]) == b""
    assert splitter.held_bytes == 0
    assert splitter.flush() == b""


# --- What is given at once, and what is held ----------------------------------------------------------


def test_a_chunk_of_whole_events_is_returned_untouched() -> None:
    splitter = EventSplitter(1000)
    for chunk in (b"data: first\n\n", b"data: a\n\ndata: b\n\n", b"data: a\r\n\r\n", b"\n\n"):
        assert splitter.feed(chunk) is chunk
        assert not splitter.pending


def test_a_half_event_is_held() -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(b"data: a\n\ndata: b") == b"data: a\n\n"
    assert splitter.pending
    assert splitter.held_bytes == 7
    assert splitter.feed(b"") == b""
    assert splitter.feed(b"\n") == b""
    assert splitter.feed(b"\ndata: c") == b"data: b\n\n"
    assert splitter.feed(b"\n\n") == b"data: c\n\n"
    assert not splitter.pending


def test_half_a_crlf_holds_its_event_so_that_nothing_can_be_sent_between_the_halves() -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(b"data: a\r\n\r") == b""
    assert splitter.feed(b"\ndata: b\r\n\r") == b"data: a\r\n\r\n"
    assert splitter.feed(b"data: c") == b"data: b\r\n\r"


def test_an_event_with_cr_line_ends_does_not_wait_for_the_next_one() -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(b"data: a\r") == b""
    assert splitter.feed(b"\r") == b"data: a\r\r"
    assert splitter.feed(b"data: b\r\r") == b"data: b\r\r"
    assert splitter.feed(b"\n") == b"\n"


# --- The end of the body ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "flushed"),
    [
        (b"data: a", b"data: a\n\n"),
        (b"data: a\n", b"data: a\n\n"),
        (b"data: a\r\n", b"data: a\r\n\r\n"),
        (b"data: a\r", b"data: a\r\r"),
        (b"data: a\r\n\r", b"data: a\r\n\r"),
        (b"\r", b"\r"),
        (b": comment", b": comment\n\n"),
        (BOM[:2], BOM[:2] + b"\n\n"),
        (b"", b""),
    ],
)
def test_flush_ends_what_is_held_with_exactly_a_blank_line(held: bytes, flushed: bytes) -> None:
    splitter = EventSplitter(0)
    assert splitter.feed(held) == b""
    assert splitter.flush() == flushed
    assert not splitter.pending
    assert splitter.flush() == b""


def test_flush_adds_nothing_after_whole_events() -> None:
    splitter = EventSplitter(0)
    splitter.feed(b"data: a\n\n")
    assert splitter.flush() == b""


# --- The limit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_an_event_at_the_limit_passes_and_one_byte_more_does_not(end: bytes) -> None:
    event = b"data: 0123456789" + end
    for offset in range(len(event)):
        splitter = EventSplitter(len(event))
        assert splitter.feed(event[:offset]) + splitter.feed(event[offset:]) == event
        splitter = EventSplitter(len(event) - 1)
        assert splitter.feed(event[:offset]) == b""
        with pytest.raises(EventTooLarge):
            splitter.feed(event[offset:])


def test_an_endless_event_meets_the_limit_while_it_is_held() -> None:
    splitter = EventSplitter(100)
    splitter.feed(b"data: " + b"x" * 94)
    with pytest.raises(EventTooLarge, match=r"stream\.max_event_bytes \(100 bytes\)"):
        splitter.feed(b"x")


def test_the_limit_counts_single_events_not_the_chunk() -> None:
    chunk = b"data: a\n\n" * 50
    splitter = EventSplitter(9)
    assert splitter.feed(chunk) == chunk
    assert splitter.feed(b"data: a\n") == b""
    assert splitter.feed(b"\n" + chunk) == b"data: a\n\n" + chunk
    with pytest.raises(EventTooLarge):
        splitter.feed(chunk + b"data: ab\n\n" + chunk)


@given(body=streams, offsets=st.lists(st.integers(0, 200), max_size=6), limit=st.integers(3, 20))
def test_the_limit_is_met_or_not_however_the_stream_is_cut(
    body: bytes, offsets: list[int], limit: int
) -> None:
    unlimited, limited = EventSplitter(0), EventSplitter(limit)
    longest = max((len(event.raw) for event in parse_events(unlimited.feed(body))), default=0)
    too_large = False
    try:
        for chunk in cut(body, [min(offset, len(body)) for offset in offsets]):
            limited.feed(chunk)
    except EventTooLarge:
        too_large = True
    assert too_large == (max(longest, unlimited.held_bytes) > limit)


def test_the_parser_has_the_same_limit() -> None:
    with pytest.raises(EventTooLarge):
        SseParser(10).feed(b"data: abcdef")


# --- Cost ---------------------------------------------------------------------------------------------


def test_a_64_mib_event_in_4_kib_pieces_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = sse._last_boundary

    def counting_search(window: bytes) -> int:
        searched.append(len(window))
        return search(window)

    monkeypatch.setattr(sse, "_last_boundary", counting_search)
    splitter = EventSplitter(0)
    piece = b"x" * 4096
    assert splitter.feed(b"data: ") == b""
    for _ in range(16384):
        assert splitter.feed(piece) == b""
    event = splitter.feed(b"\n\n")
    assert len(event) == 8 + (64 << 20)
    assert sum(searched) <= len(event) + 2 * len(searched)  # each byte once, and the seams
    assert len(parse_events(event)[0].data or b"") == 64 << 20


def test_an_event_that_dribbles_in_costs_memory_of_its_own_size() -> None:
    splitter = EventSplitter(0)
    event_bytes = 256 << 10
    tracemalloc.start()
    try:
        for number in range(event_bytes // 2):
            splitter.feed(b"%02d" % (number % 100))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert splitter.held_bytes == event_bytes
    assert peak_bytes < 3 * event_bytes


# --- Encoding -----------------------------------------------------------------------------------------


def test_an_event_is_encoded_with_lf_and_one_space() -> None:
    assert encode_event(b"{}") == b"data: {}\n\n"
    assert encode_event(b"{}", event=b"ping", id=b"") == b"event: ping\nid: \ndata: {}\n\n"
    assert encode_event(b"a\r\nb\rc\n") == b"data: a\ndata: b\ndata: c\ndata: \n\n"


@given(
    data=streams,
    event=st.binary(max_size=8).filter(lambda name: not set(name) & set(b"\r\n")),
    event_id=st.none() | st.binary(max_size=8).filter(lambda value: not set(value) & set(b"\r\n\0")),
)
def test_what_is_encoded_is_read_back(data: bytes, event: bytes, event_id: bytes | None) -> None:
    raw = encode_event(data, event=event, id=event_id)
    expected = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read_all(raw) == [SseEvent(raw, expected, event, event_id)]


@pytest.mark.parametrize("broken", [b"a\nb", b"a\rb"])
def test_a_name_or_id_that_would_break_the_framing_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        encode_event(b"", event=broken)
    with pytest.raises(ValueError, match="line end"):
        encode_event(b"", id=broken)
    with pytest.raises(ValueError, match="NUL"):
        encode_event(b"", id=b"\0")

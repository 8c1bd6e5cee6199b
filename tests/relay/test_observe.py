"""The tape: what it keeps of what went to a client, how it is bounded, and that what it drops is known."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from transcript import DONE, FakeUpstream, Table, chunk

from sluiceway.dialects.glance import CUT, carries_content
from sluiceway.errors import UpstreamTruncated
from sluiceway.observe.draft import TryDraft
from sluiceway.observe.timeline import Cursor, Watched, timeline_of
from sluiceway.relay.observe import KEPT_BYTES, LEAST_ENTRIES, MAX_MARKS, Mark, Tape
from sluiceway.wire.sse import parse_events

EVENT = b"data: x\n\n"


class Ear:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []

    def wrote(self, at: float, data: bytes) -> None:
        self.heard.append((at, data))


def taped(length: int = 100, **settings: Any) -> tuple[Table, Tape]:
    tape = Tape(length, carries_content("chat"))
    return Table(tape=tape, **settings), tape


def test_an_entry_tells_when_it_was_written_how_large_it_was_and_what_came_before_it() -> None:
    tape = Tape(10)
    tape.wrote_events(1.0, EVENT)
    tape.wrote_events(1.5, EVENT * 3)
    tape.wrote_events(4.0, EVENT)
    assert list(tape.entries) == [(1.0, 0, 9, EVENT), (1.5, 1, 27, EVENT * 3), (4.0, 4, 9, EVENT)]
    assert (tape.events, tape.pieces, tape.gap, tape.last_at) == (5, 0, 2.5, 4.0)


def test_only_the_last_entries_are_kept_and_how_many_came_before_is_known() -> None:
    tape = Tape(8)
    for number in range(100):
        tape.wrote_events(float(number), EVENT)
    assert len(tape.entries) == 8
    assert tape.entries[0][1] == 92
    assert tape.events == 100
    assert tape.tail(2) == [EVENT, EVENT]


def test_the_last_entries_are_kept_even_where_none_are_wanted() -> None:
    tape = Tape(0)
    assert tape.tail(LEAST_ENTRIES) == []
    tape.wrote_events(1.0, EVENT)
    assert tape.tail(LEAST_ENTRIES) == [EVENT]
    for _ in range(10):
        tape.wrote_events(2.0, DONE)
    assert tape.tail(100) == [DONE] * LEAST_ENTRIES


def test_a_piece_of_a_body_counts_as_no_event() -> None:
    tape = Tape(10)
    tape.wrote_bytes(1.0, b'{"a":')
    tape.wrote_bytes(2.0, b"1}")
    assert list(tape.entries) == [(1.0, 0, 5, b'{"a":'), (2.0, 1, 2, b"1}")]
    assert (tape.events, tape.pieces, tape.last_at) == (0, 2, None)


def test_the_first_write_with_content_is_noted_and_nobody_is_asked_again() -> None:
    asked: list[bytes] = []

    def carries(block: bytes) -> bool:
        asked.append(block)
        return block == DONE

    tape = Tape(10, carries)
    for at, block in enumerate((EVENT, DONE, EVENT, DONE)):
        tape.wrote_events(float(at), block)
    assert tape.first_content_at == 1.0
    assert asked == [EVENT, DONE]


def test_listeners_get_every_byte_however_little_the_tape_keeps() -> None:
    ear = Ear()
    tape = Tape(0, None, (ear, ear))
    large = b"data: " + b"x" * 10_000 + b"\n\n"
    tape.wrote_events(1.0, large)
    tape.wrote_bytes(2.0, large)
    assert ear.heard == [(1.0, large)] * 2 + [(2.0, large)] * 2


@given(st.lists(st.integers(0, 6000), min_size=1, max_size=6), st.booleans())
def test_of_a_long_write_both_ends_and_the_beginning_of_its_last_event_are_kept(
    sizes: list[int], has_names: bool
) -> None:
    name = b"event: name_%d\n" if has_names else b""
    events = [(name % place if name else b"") + b"data: %d " % place + b"x" * size + b"\n\n"
              for place, size in enumerate(sizes)]  # fmt: skip
    data = b"".join(events)
    tape = Tape(4)
    tape.wrote_events(1.0, data)
    ((_, _, size, kept),) = tape.entries
    assert size == len(data)
    assert tape.events == len(sizes)
    if len(data) <= KEPT_BYTES:
        assert kept == data
        return
    assert len(kept) <= KEPT_BYTES + 8
    assert CUT in kept
    assert kept.startswith(data[:500])
    assert kept.endswith(data[-1000:])
    last = parse_events(kept)[-1].raw
    assert b"data: %d " % (len(sizes) - 1) in last
    assert (b"event: name_%d\n" % (len(sizes) - 1) in last) is has_names


def test_a_long_body_keeps_its_ends_whatever_lines_are_in_it() -> None:
    tape = Tape(4)
    body = b"\n".join(b"%d" % number for number in range(5000))
    tape.wrote_bytes(1.0, body)
    half = KEPT_BYTES // 2
    assert tape.tail(1) == [body[:half] + CUT + body[-half:]]


def test_pauses_and_heartbeats_beyond_a_bound_are_counted_and_leave_room_for_the_end() -> None:
    tape = Tape(4)
    for number in range(1000):
        tape.mark(float(number), "pause" if number % 2 else "heartbeat")
    tape.mark(1000.0, "failed", "idle")
    tape.mark(1000.0, "error", "idle")
    assert len(tape.marks) == MAX_MARKS + 2
    assert tape.lost_marks == 1000 - MAX_MARKS
    assert tape.marks[-1] == Mark(1000.0, "error", "idle")
    for _ in range(1000):
        tape.mark(1001.0, "attempt", "a")
    assert len(tape.marks) < MAX_MARKS + 100
    assert len(tape.marks) + tape.lost_marks == 2002


# ── as the relay writes it ──────────────────────────────────────────────────────────────────────────


def test_a_stream_is_taped_as_it_went_to_the_client() -> None:
    table, tape = taped(heartbeat_s=10.0, commit_after_s=5.0)
    role = chunk("")
    table.connected().wait(6).head().wait(1).data(role).wait(2).data(chunk("a"), chunk("b") + chunk("c"))
    table.wait(11).data(DONE)
    assert [(at - 1000.0, before) for at, before, _, _ in tape.entries] == [(7, 0), (9, 1), (9, 2), (20, 4)]
    assert b"".join(entry[3] for entry in tape.entries) == table.sink.body.replace(b": beat\n\n", b"")
    assert tape.events == 5
    assert tape.gap == 11.0
    assert tape.first_content_at == 1009.0
    assert [(mark.at - 1000.0, mark.kind, mark.detail) for mark in tape.marks] == [
        (5, "commit", "silence"),
        (5, "heartbeat", ""),
        (6, "head", "200"),
        (19, "heartbeat", ""),
    ]


def test_pauses_of_the_client_and_a_truncation_are_marked() -> None:
    table, tape = taped()
    table.connected().head().data(chunk("a"))
    table.relay.client_paused()
    table.wait(3)
    table.relay.client_resumed()
    table.broken(UpstreamTruncated("it broke"))
    assert [(mark.at - 1000.0, mark.kind, mark.detail) for mark in tape.marks] == [
        (0, "head", "200"),
        (0, "commit", "event"),
        (0, "pause", ""),
        (3, "resume", ""),
        (3, "failed", "upstream_truncated"),
        (3, "error", "upstream_truncated"),
    ]


def test_an_answer_in_json_is_one_piece() -> None:
    tape = Tape(4)
    table = Table(stream=False, tape=tape)
    body = b'{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'
    table.connected().head(headers=[(b"content-type", b"application/json")]).data(body).end()
    assert [(size, data) for _, _, size, data in tape.entries] == [(len(body), body)]
    assert (tape.events, tape.pieces) == (0, 1)


def test_a_timeline_of_a_relay_tells_what_it_did_heartbeats_and_truncation_included() -> None:
    table, tape = taped(heartbeat_s=10.0, commit_after_s=5.0)
    table.connected().wait(6).head().wait(1).data(chunk("")).wait(1).data(chunk("a"), chunk("b")).wait(11)
    seen = Watched(table.record, tape, "chat", table.record.arrived_at, began=1, length=100)
    running = timeline_of(seen)
    assert [(row.ms, row.kind) for row in running.events] == [
        (7000.0, "blank"),
        (8000.0, "content"),
        (8000.0, "content"),
    ]
    assert [mark.kind for mark in running.marks] == ["commit", "heartbeat", "head", "heartbeat"]
    assert running.phases.first_content_ms == 8000.0
    table.broken(UpstreamTruncated("it broke"))
    table.record.attempts.append(TryDraft("a", 0, 0.0))
    seen.request = table.record.finish(tape)
    ended = timeline_of(seen, Cursor.read(running.next))
    assert [mark.detail for mark in ended.marks] == ["upstream_truncated"] * 2
    assert ended.summary.outcome == "truncated"


def test_a_timeline_tells_attempts_and_that_another_upstream_went_on() -> None:
    table, tape = taped()
    table.relay.tape.mark(table.clock.now, "attempt", "a")
    table.connected().head().data(chunk("a"))
    first = table.attempt
    table.wait(2)
    table.relay.tape.mark(table.clock.now, "failed", "upstream_truncated")
    second = table.ask(FakeUpstream(table.log))
    second.preface = b": continued\n\n"
    table.relay.tape.mark(table.clock.now, "attempt", "b")
    table.head().wait(1).data(chunk("b"), DONE)
    assert first.over
    seen = Watched(table.record, tape, "chat", table.record.arrived_at, began=1, length=100)
    found = timeline_of(seen)
    assert [mark.kind for mark in found.marks] == [
        "attempt", "head", "commit", "failed", "attempt", "head", "continued"
    ]  # fmt: skip
    assert [row.kind for row in found.events] == ["content", "content", "done"]
    assert table.sink.body == chunk("a") + second.preface + chunk("b") + DONE

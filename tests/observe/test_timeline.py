"""A request's timeline: what a tape says; that a reader at any pace is told each event once, or what it lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.glance import carries_content
from sluiceway.observe import timeline
from sluiceway.observe.draft import Draft, TryDraft
from sluiceway.observe.timeline import Cursor, Timeline, Watched, summary_of, timeline_of
from sluiceway.relay.observe import Tape

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"secret"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def draft(**fields: Any) -> Draft:
    common: dict[str, Any] = {"started": 5.0, "method": "POST", "path": "/v1/x", "arrived_at": 100.0}
    common |= {"request_id": "req_1", "stream": True, "dialect": "chat"} | fields
    return Draft(**common)


def watched(tape: Tape, request: Draft | None = None, dialect: str | None = "chat") -> Watched:
    return Watched(request or draft(), tape, dialect, 100.0, 1, 100)


def over(seen: Watched) -> Watched:
    """The same request, over."""
    assert isinstance(seen.request, Draft)
    seen.request.finished_at = 130.0
    seen.request = seen.request.finish(seen.tape, "stop")
    return seen


def look(seen: Watched, since: str = "", **options: bool) -> Timeline:
    return timeline_of(seen, Cursor.read(since), **options)


def test_every_event_has_its_time_size_kind_gap_and_company() -> None:
    tape = Tape(10)
    tape.wrote_events(101.0, EVENT)
    tape.wrote_events(103.5, EVENT + DONE)
    rows = look(watched(tape)).events
    assert [(row.number, row.ms, row.size, row.kind, row.gap_ms, row.together) for row in rows] == [
        (0, 1000.0, len(EVENT), "content", None, 1),
        (1, 3500.0, len(EVENT), "content", 2500.0, 2),
        (2, 3500.0, len(DONE), "done", 0.0, 2),
    ]
    assert all(row.content is None for row in rows)


def test_what_events_say_is_shown_only_where_that_is_allowed() -> None:
    tape = Tape(10)
    tape.wrote_events(101.0, EVENT)
    assert b"secret" not in repr(look(watched(tape))).encode()
    assert look(watched(tape), show_content=True).events[0].content == EVENT.decode()
    tape.wrote_events(102.0, EVENT.replace(b"secret", b"x" * 5000))
    shown = look(watched(tape), show_content=True).events[1].content
    assert shown is not None
    assert "x…x" in shown


def test_of_a_long_write_the_events_that_are_known_by_number_alone_are_one_row() -> None:
    tape = Tape(10)
    tape.wrote_events(101.0, EVENT * 100 + DONE)
    rows = look(watched(tape)).events
    assert sum(row.count for row in rows) == 101
    assert [row.kind for row in rows if row.count > 1] == ["unread"]
    assert rows[0].size == len(EVENT)
    assert rows[-1].kind == "done"
    assert rows[-1].number == 100
    picture = EVENT.replace(b"secret", b"x" * 9000)
    tape.wrote_events(102.0, picture + DONE)
    assert [(row.kind, row.size) for row in look(watched(tape)).events[-2:]] == [
        ("content", len(picture)),
        ("done", len(DONE)),
    ]


def test_pieces_of_a_body_are_told_as_such() -> None:
    tape = Tape(4)
    for at in range(6):
        tape.wrote_bytes(101.0 + at, b"x" * 3000)
    found = look(watched(tape, draft(stream=False)))
    assert [(row.number, row.kind, row.size) for row in found.events] == [
        (number, "body", 3000) for number in range(2, 6)
    ]
    assert found.missed == 2
    assert look(watched(tape), found.next).events == []


def test_marks_tell_attempts_heartbeats_and_how_long_pauses_lasted() -> None:
    tape = Tape(10)
    for at, kind, detail in [
        (100.5, "attempt", "a"),
        (101.0, "failed", "upstream_503"),
        (101.0, "attempt", "b"),
        (102.0, "commit", "silence"),
        (102.0, "heartbeat", ""),
        (103.0, "pause", ""),
        (107.5, "resume", ""),
        (108.0, "continued", ""),
        (109.0, "pause", ""),
    ]:
        tape.mark(at, kind, detail)
    seen = watched(tape)
    found = look(seen)
    assert [(mark.ms, mark.kind, mark.detail) for mark in found.marks][:3] == [
        (500.0, "attempt", "a"),
        (1000.0, "failed", "upstream_503"),
        (1000.0, "attempt", "b"),
    ]
    assert [(mark.kind, mark.lasted_ms) for mark in found.marks[5:]] == [
        ("pause", 4500.0),
        ("resume", 4500.0),
        ("continued", None),
        ("pause", None),
    ]
    assert found.phases.committed_ms == 2000.0
    assert found.summary.paused
    tape.mark(110.0, "resume")
    (new,) = look(seen, found.next).marks
    assert (new.kind, new.lasted_ms) == ("resume", 1000.0)
    assert not look(seen).summary.paused


def test_a_running_request_has_no_outcome_and_no_duration_yet() -> None:
    tape = Tape(10, carries_content("chat"))
    entry = TryDraft("a", 0, 0.5, connect_s=0.1, head_s=0.4)
    request = draft(
        attempts=[entry], answering=entry, upstream="a", first_event_at=101.0, committed_by="event"
    )
    tape.wrote_events(101.0, EVENT)
    seen = watched(tape, request)
    found = look(seen)
    assert (found.summary.outcome, found.phases.duration_ms, found.summary.bytes_out) == (None, None, None)
    assert (found.phases.connect_ms, found.phases.head_ms) == (100.0, 900.0)
    assert found.summary.first_event_ms == found.summary.first_content_ms == 1000.0
    assert [attempt.upstream for attempt in found.attempts] == ["a"]
    ended = look(over(seen))
    assert (ended.summary.outcome, ended.summary.finish_reason) == ("ok", "stop")
    assert ended.phases.duration_ms == ended.summary.duration_ms == 30_000.0
    assert ended.summary.first_event_ms == 1000.0
    assert ended.events == found.events
    assert ended.next == found.next


def test_a_summary_of_a_record_agrees_with_the_record() -> None:
    tape = Tape(4)
    for at in (101.0, 104.0, 105.0):
        tape.wrote_events(at, EVENT)
    request = draft(
        bytes_out=77, heartbeats=3, model="m", key="k", client="1.2.3.4", error_code="upstream_truncated"
    )
    record = request.finish(tape)
    seen = watched(tape, request)
    seen.request = record
    summary = summary_of(seen)
    for name in summary.__struct_fields__:
        if name == "attempts":
            assert summary.attempts == len(record.attempts)
        elif name != "paused":
            assert getattr(summary, name) == getattr(record, name), name


def test_a_long_history_is_told_in_parts() -> None:
    tape = Tape(5000)
    for _ in range(3 * timeline.MAX_EVENTS):
        tape.wrote_events(101.0, EVENT)
    seen = watched(tape)
    first = look(seen)
    second = look(seen, first.next)
    third = look(seen, second.next)
    assert [len(part.events) for part in (first, second, third)] == [timeline.MAX_EVENTS] * 3
    assert [part.more for part in (first, second, third)] == [True, True, False]
    assert third.events[-1].number == 3 * timeline.MAX_EVENTS - 1


def test_a_cursor_that_is_none_of_this_request_is_the_beginning() -> None:
    tape = Tape(10)
    tape.wrote_events(101.0, EVENT)
    tape.mark(101.0, "commit", "event")
    seen = watched(tape)
    for text in ("", "x", "7.0", "0.7", "1", "-1.0", "1.1.1", "٣.0", "9" * 50 + ".0", "1.²"):
        assert len(look(seen, text).events) == 1, text
    assert look(seen, "1.1").events == []
    assert look(seen, "1.1").marks == []


@given(
    st.integers(4, 12),
    st.lists(st.one_of(st.integers(1, 40), st.just("mark"), st.just("look")), max_size=60),
)
def test_a_reader_at_any_pace_is_told_each_event_once_or_how_many_it_missed(
    length: int, happenings: list[int | str]
) -> None:
    tape = Tape(length)
    seen = watched(tape)
    cursor, told, missed, marks = "", 0, 0, 0
    now = 100.0
    for happening in [*happenings, "look", "look"]:
        now += 1.0
        if isinstance(happening, int):
            tape.wrote_events(now, EVENT * happening)
        elif happening == "mark":
            tape.mark(now, "heartbeat")
        else:
            found = look(seen, cursor)
            missed += found.missed
            for row in found.events:
                assert row.number == told + missed
                told += row.count
            assert [mark.ms for mark in found.marks] == sorted(mark.ms for mark in found.marks)
            marks += len(found.marks)
            cursor = found.next
            assert told + missed == tape.events
            assert marks == len(tape.marks)
    assert look(seen, cursor).events == []

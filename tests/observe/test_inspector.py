"""The inspector: who runs, what is remembered and for how long, and what each reader is told is new."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.observe import inspector as inspector_module
from sluiceway.observe.draft import Draft
from sluiceway.observe.inspector import Filter, Inspector
from sluiceway.observe.record import Record
from sluiceway.relay.observe import LEAST_ENTRIES, Tape

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
BROKEN = "upstream_truncated"


class Desk:
    """An inspector, and requests that come and go."""

    def __init__(self, **settings: Any) -> None:
        self.inspector = Inspector(InspectorSettings(**settings))
        self.tapes: dict[str, Tape] = {}
        self.drafts: dict[str, Draft] = {}
        self._numbers = count()

    def begin(self, name: str = "", *, stream: bool = True, **fields: Any) -> str:
        number = next(self._numbers)
        name = name or f"req_{number}"
        self.drafts[name] = draft = Draft(
            request_id=name,
            started=float(number),
            method="POST",
            path="/v1/chat/completions",
            arrived_at=100.0,
            dialect="chat",
            stream=stream,
            **fields,
        )
        self.tapes[name] = self.inspector.begin(draft, "chat")
        return name

    def write(self, name: str, *at: float) -> None:
        for moment in at:
            self.tapes[name].wrote_events(moment, EVENT)

    def end(self, name: str, error_code: str | None = None, **fields: Any) -> Record:
        draft = self.drafts.pop(name)
        draft.error_code = error_code
        for field, value in fields.items():
            setattr(draft, field, value)
        record = draft.finish(self.tapes[name], "stop")
        self.inspector.end(record, self.tapes[name])
        return record

    def pass_by(self, *, stream: bool = True, error_code: str | None = None, **fields: Any) -> str:
        name = self.begin(stream=stream)
        self.end(name, error_code, **fields)
        return name

    def remembered(self, which: Filter | None = None) -> list[str]:
        found = self.inspector.recent(which or Filter(limit=10_000))
        return [summary.request_id for summary in found]

    def live(self) -> list[str]:
        return [summary.request_id for summary in self.inspector.live()]


def test_a_request_is_live_until_it_ends_and_then_among_the_recent() -> None:
    desk = Desk()
    desk.begin("a")
    desk.begin("b", stream=False)
    assert desk.live() == ["b", "a"]
    desk.end("a")
    assert (desk.live(), desk.remembered()) == (["b"], ["a"])
    assert desk.inspector.recent()[0].finish_reason == "stop"
    desk.end("b")
    assert (desk.live(), desk.remembered()) == ([], ["b", "a"])


def test_a_timeline_goes_on_over_the_end_of_its_request() -> None:
    desk = Desk()
    desk.begin("a")
    desk.write("a", 101.0)
    found = desk.inspector.timeline("a")
    assert found is not None
    desk.write("a", 102.0)
    desk.end("a")
    rest = desk.inspector.timeline("a", found.next)
    assert rest is not None
    assert [row.number for row in (*found.events, *rest.events)] == [0, 1]
    assert rest.summary.outcome == "ok"
    assert desk.inspector.timeline("unknown") is None


def test_content_is_shown_only_where_the_settings_allow_it() -> None:
    for allowed in (False, True):
        desk = Desk(show_content=allowed)
        desk.write(desk.begin("a"), 101.0)
        found = desk.inspector.timeline("a")
        assert found is not None
        assert (found.events[0].content == EVENT.decode()) is allowed


def test_no_more_than_the_set_number_of_streams_is_remembered() -> None:
    desk = Desk(streams=10)
    names = [desk.pass_by() for _ in range(50)]
    assert desk.remembered() == names[:39:-1]
    assert desk.inspector.dropped_timelines == 0, "that was asked for"


def test_broken_and_slow_streams_are_remembered_longer_than_ordinary_ones() -> None:
    desk = Desk(streams=10)
    broken = desk.pass_by(error_code=BROKEN)
    late = desk.pass_by(first_event_at=100.0 + 60)
    halting = desk.begin()
    desk.write(halting, 101.0, 161.0)
    desk.end(halting)
    ordinary = [desk.pass_by() for _ in range(50)]
    left = desk.pass_by(client_left=True, error_code="client_gone")
    assert desk.remembered() == [left, *ordinary[:-7:-1], halting, late, broken]


def test_broken_streams_do_not_push_out_all_others() -> None:
    desk = Desk(streams=10)
    ordinary = [desk.pass_by() for _ in range(10)]
    broken = [desk.pass_by(error_code=BROKEN) for _ in range(50)]
    assert desk.remembered() == [*broken[:-6:-1], *ordinary[:4:-1]]


def test_requests_for_json_are_remembered_but_push_no_stream_out() -> None:
    desk = Desk(streams=10)
    streams = [desk.pass_by() for _ in range(10)]
    plain = [desk.pass_by(stream=False) for _ in range(1000)]
    assert desk.remembered(Filter(stream=True)) == streams[::-1]
    assert desk.remembered(Filter(stream=False)) == plain[:-6:-1]


def test_what_is_remembered_is_bounded_in_bytes_and_what_had_to_go_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inspector_module, "STREAM_BYTES", 100_000)
    desk = Desk(streams=1000)
    for _ in range(100):
        name = desk.begin()
        for _ in range(30):
            desk.tapes[name].wrote_events(101.0, b"data: " + b"x" * 1000 + b"\n\n")
        desk.end(name, bytes_out=30_000)
    held = desk.remembered()
    assert 1 <= len(held) <= 3
    assert desk.inspector.dropped_timelines == 100 - len(held)


def test_many_running_streams_have_shorter_tapes_and_those_that_end_give_their_room_back() -> None:
    desk = Desk(events=512)
    names = [desk.begin() for _ in range(5000)]
    lengths = [desk.tapes[name].length for name in names]
    assert lengths[0] == 512
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == LEAST_ENTRIES
    assert sum(lengths) <= inspector_module.ALL_ENTRIES + LEAST_ENTRIES * len(names)
    for name in names:
        desk.end(name)
    assert desk.tapes[desk.begin()].length == 512


def test_a_request_for_json_has_a_short_tape() -> None:
    desk = Desk()
    assert desk.tapes[desk.begin(stream=False)].length == inspector_module.PLAIN_ENTRIES


def test_with_no_streams_set_nothing_is_watched_and_records_are_served_all_the_same() -> None:
    desk = Desk(streams=0)
    desk.begin("a")
    desk.write("a", 101.0, 103.0)
    record = desk.end("a")
    assert (record.first_content_ms, record.largest_gap_ms, record.events) == (1000.0, 2000.0, 2)
    assert (desk.live(), desk.remembered()) == ([], [])
    assert desk.inspector.timeline("a") is None


def test_other_settings_hold_from_now_on() -> None:
    desk = Desk(streams=10)
    for _ in range(10):
        desk.pass_by()
    desk.begin("running")
    desk.inspector.reconfigure(InspectorSettings(streams=4, events=8))
    assert len(desk.remembered()) == 4
    assert desk.tapes[desk.begin()].length == 8
    desk.inspector.reconfigure(InspectorSettings(streams=0))
    assert desk.remembered() == []
    desk.end("running")
    assert desk.remembered() == []


def test_the_end_of_a_request_that_was_never_watched_changes_nothing() -> None:
    desk = Desk()
    desk.begin("a")
    record = desk.end("a")
    desk.inspector.end(record, desk.tapes["a"])
    assert desk.remembered() == ["a"]
    assert desk.inspector.changes(desk.inspector.changes().next).missed == 0


def test_lost_marks_are_counted() -> None:
    desk = Desk()
    desk.begin("a")
    for _ in range(1000):
        desk.tapes["a"].mark(101.0, "pause")
    desk.end("a")
    assert desk.inspector.dropped_marks == desk.tapes["a"].lost_marks > 0


# ── finding one ─────────────────────────────────────────────────────────────────────────────────────


def test_the_recent_are_found_by_outcome_names_and_slowness() -> None:
    desk = Desk()
    fine = desk.pass_by(first_event_at=101.0, key="k", model="m")
    slow = desk.pass_by(first_event_at=105.0, upstream="u")
    broken = desk.pass_by(error_code=BROKEN, attempts=[], first_event_at=103.0)
    gone = desk.pass_by(client_left=True, error_code="client_gone")
    halting = desk.begin()
    desk.write(halting, 101.0, 109.0)
    desk.end(halting)
    assert desk.remembered(Filter(broken=True)) == [broken]
    assert desk.remembered(Filter(outcomes=("client_gone", "truncated"))) == [gone, broken]
    assert desk.remembered(Filter(order="first_event", limit=3)) == [slow, broken, fine]
    assert desk.remembered(Filter(order="gap", limit=1)) == [halting]
    assert desk.remembered(Filter(key="k")) == desk.remembered(Filter(model="m")) == [fine]
    assert desk.remembered(Filter(upstream="u")) == [slow]
    assert desk.remembered(Filter(limit=0)) == []


# ── what is new ─────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_is_told_what_began_went_on_and_ended() -> None:
    desk = Desk()
    desk.pass_by()
    desk.begin("a")
    first = desk.inspector.changes()
    assert [summary.request_id for summary in first.began] == ["a"]
    assert (first.progressed, first.ended, first.missed) == ([], [], 0)
    desk.begin("b")
    desk.write("a", 101.0)
    desk.pass_by(stream=False)
    second = desk.inspector.changes(first.next)
    assert [summary.request_id for summary in second.began] == ["b"]
    assert [(progress.request_id, progress.events) for progress in second.progressed] == [("a", 1)]
    assert len(second.ended) == 1
    desk.tapes["a"].mark(103.0, "heartbeat")
    desk.end("b", BROKEN)
    third = desk.inspector.changes(second.next)
    assert [progress.request_id for progress in third.progressed] == ["a"]
    assert [(summary.request_id, summary.outcome) for summary in third.ended] == [("b", "truncated")]
    fourth = desk.inspector.changes(third.next)
    assert (fourth.began, fourth.progressed, fourth.ended, fourth.missed) == ([], [], [], 0)


def test_a_cursor_that_this_process_did_not_give_is_the_beginning() -> None:
    desk = Desk()
    desk.begin("a")
    desk.pass_by()
    for since in ("", "x", "999.0", "0.0", "1.999"):
        found = desk.inspector.changes(since)
        assert [summary.request_id for summary in found.began] == ["a"], since
        assert (found.ended, found.missed) == ([], 0)


def test_what_can_not_be_told_any_more_is_counted() -> None:
    desk = Desk(streams=10)
    before = desk.inspector.changes()
    names = [desk.pass_by() for _ in range(30)]
    found = desk.inspector.changes(before.next)
    assert [summary.request_id for summary in found.ended] == names[-10:]
    assert found.missed == 20


def test_no_reader_is_told_of_more_than_a_bounded_number_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector_module, "MAX_TOLD", 20)
    desk = Desk(streams=100)
    names = [desk.begin() for _ in range(50)]
    first = desk.inspector.changes()
    assert [summary.request_id for summary in first.began] == names[-20:]
    assert first.missed == 30
    for name in names:
        desk.write(name, 101.0)
    assert len(desk.inspector.changes(first.next).progressed) == 20
    for name in names:
        desk.end(name)
    last = desk.inspector.changes(first.next)
    assert [summary.request_id for summary in last.ended] == names[-20:]
    assert last.missed == 30


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "write", "end", "one", "other"]), st.integers(0, 9)), max_size=60
    )
)
def test_two_readers_at_any_pace_each_know_who_runs_how_far_they_are_and_who_ended(
    happenings: list[tuple[str, int]],
) -> None:
    desk = Desk(streams=200)
    known: dict[str, dict[str, int]] = {"one": {}, "other": {}}
    ended: dict[str, list[str]] = {"one": [], "other": []}
    cursors = {"one": desk.inspector.changes().next, "other": desk.inspector.changes().next}
    over: list[str] = []
    for what, which in [*happenings, ("one", 0), ("other", 0)]:
        running = list(desk.drafts)
        name = running[which % len(running)] if running else None
        if what == "begin":
            desk.begin()
        elif what in known:
            found = desk.inspector.changes(cursors[what])
            assert found.missed == 0
            mine = known[what]
            for summary in found.began:
                assert summary.request_id not in mine
                mine[summary.request_id] = summary.events
            for progress in found.progressed:
                assert progress.request_id in mine
                mine[progress.request_id] = progress.events
            for summary in found.ended:
                mine.pop(summary.request_id, None)
                ended[what].append(summary.request_id)
            cursors[what] = found.next
            assert mine == {name: desk.tapes[name].events for name in desk.drafts}
            assert sorted(ended[what]) == sorted(over)
        elif name is not None and what == "write":
            desk.write(name, 101.0)
        elif name is not None:
            desk.end(name)
            over.append(name)

"""Delivery alone: how far a response has come decides what form things take."""

from __future__ import annotations

from typing import Any

import pytest
from transcript import DONE, EVENT_STREAM, JSON, FakeSink, FakeUpstream, Table, chunk

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.dialects.base import DialectRequest, Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.crossing import Direct
from sluiceway.errors import ClientGone, GatewayError, UpstreamTruncated
from sluiceway.observe.draft import Draft
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.bodies import EventsBody, HeldBody, OpaqueBody
from sluiceway.relay.clocks import NEVER, Clocks
from sluiceway.relay.delivery import HEAD_HOLD_S, Delivery
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Plan
from sluiceway.relay.sinks import NOWHERE
from sluiceway.upstream.connection import ResponseHead
from sluiceway.wire.http import Headers

BROKEN = UpstreamTruncated("it broke")
BEAT = b": beat\n\n"
ERROR = b'data: {"error":{"message":"boom","code":"x"}}\n\n'


class Desk:
    """A delivery, what it writes to, and an attempt whose answer is to be delivered. It is always ten o'clock."""

    def __init__(
        self, *, stream: bool = True, dialect: bool = True, limited: bool = False, bodiless: bool = False
    ) -> None:
        self.log: list[Any] = []
        self.sink = FakeSink(self.log)
        self.record = Draft("req_1", 0.0, "POST", "/v1/x", 10.0)
        self.tape = Tape(10)
        self.crossing = Direct(
            CHAT,
            DialectRequest(body=b"{}", fields={}, model="m", stream=stream, wants_usage=False),
            hide_usage=False,
            max_bytes=0,
        )
        plan = Plan(
            settings=StreamSettings(),
            crossing=(lambda: self.crossing) if dialect else None,
            errors=CHAT,
            wants_stream=stream,
            heartbeat=lambda saw_id: b": beat\n" if saw_id else BEAT,
            replayable=True,
            request_id="req_1",
            headers=[(b"x-request-id", b"req_1"), (b"x-ratelimit-limit-requests", b"9")],
            bodiless=bodiless,
            limited=limited,
        )
        self.delivery = Delivery(plan, self.sink, lambda: 10.0, self.record, self.tape)

    def attempt(
        self, body: Any = None, headers: Headers = EVENT_STREAM, *, passed_on: bool = False
    ) -> Attempt:
        """`passed_on`: its answer is relayed as it is."""
        table = Table()
        attempt = Attempt(
            table.relay,
            None if passed_on else self.crossing,
            StreamSettings(),
            table.turns.append,
            started=9.0,
        )
        attempt.attach(FakeUpstream([]))
        attempt.head, attempt.head_at = ResponseHead(status=200, headers=list(headers), length=7), 9.5
        attempt.body = body or self.events()
        return attempt

    def events(self, *data: bytes) -> EventsBody:
        body = EventsBody(self.crossing.follow(), 0)
        for piece in data:
            body.feed(piece)
        return body

    def marks(self) -> list[tuple[str, str]]:
        return [(mark.kind, mark.detail) for mark in self.tape.marks]


# ── an error, by how far the response has come ──────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [True, False])
def test_with_nothing_sent_an_error_is_a_real_one_in_one_piece(stream: bool) -> None:
    desk = Desk(stream=stream)
    desk.delivery.fail(BROKEN, desk.attempt())
    assert desk.log[0] == "start 502"
    assert desk.sink.json()["error"]["code"] == "upstream_truncated"
    assert desk.sink.header(b"content-type") == b"application/json"
    assert (desk.record.status, desk.record.committed_by) == (502, "error")


def test_an_error_before_anybody_was_asked_takes_the_same_forms() -> None:
    desk = Desk()
    desk.delivery.break_silence(10.0, None, 5.0)
    desk.delivery.fail(BROKEN, None)
    assert desk.sink.body.startswith(BEAT + b'data: {"error"')
    assert desk.sink.ended


def test_in_a_stream_an_error_is_one_event_and_taped_as_one() -> None:
    desk = Desk()
    attempt = desk.attempt()
    desk.delivery.begin(attempt)
    desk.delivery.fail(BROKEN, attempt)
    assert desk.sink.body.startswith(b'data: {"error"')
    assert desk.sink.ended
    assert desk.tape.events == 1


def test_what_the_upstream_told_the_client_is_not_told_again() -> None:
    desk = Desk()
    attempt = desk.attempt(desk.events(chunk("a"), ERROR))
    desk.delivery.begin(attempt)
    desk.delivery.fail(BROKEN, attempt)
    assert desk.log == ["start 200", "end"]
    assert not desk.tape.entries


def test_where_only_white_space_is_out_an_error_is_the_body_under_the_200() -> None:
    desk = Desk(stream=False)
    desk.delivery.break_silence(10.0, None, 0.0)
    desk.delivery.fail(BROKEN, None)
    assert desk.sink.json()["error"]["code"] == "upstream_truncated"
    assert (desk.sink.status, desk.record.status) == (200, 200)
    assert desk.sink.ended
    assert (desk.tape.events, desk.tape.pieces) == (0, 1)


@pytest.mark.parametrize("dialect", [True, False])
def test_within_a_body_an_error_is_a_cut_connection(dialect: bool) -> None:
    desk = Desk(stream=False, dialect=dialect)
    attempt = desk.attempt(OpaqueBody(), passed_on=not dialect)
    desk.delivery.begin(attempt)
    desk.delivery.fail(BROKEN, attempt)
    assert desk.log == ["start 200", "abort client"]


@pytest.mark.parametrize("begun", [True, False])
def test_nothing_is_said_to_a_client_that_is_gone(begun: bool) -> None:
    desk = Desk()
    attempt = desk.attempt()
    if begun:
        desk.delivery.begin(attempt)
    desk.log.clear()
    desk.delivery.fail(ClientGone("it left"), attempt)
    assert desk.log == ["abort client"]


# ── an answer, by how far the response has come ─────────────────────────────────────────────────────


def test_a_whole_answer_leaves_at_once_with_its_length() -> None:
    desk = Desk(stream=False)
    attempt = desk.attempt(HeldBody(desk.crossing, 0), JSON)
    desk.delivery.end(attempt, b"{}")
    assert desk.log == ["start 200", b"{}", "end"]
    assert desk.sink.length == 2
    assert (desk.record.status, desk.record.committed_by) == (200, "body")
    assert desk.tape.pieces == 1
    assert not desk.delivery.open


def test_a_whole_stream_leaves_at_once_without_a_length() -> None:
    desk = Desk()
    desk.delivery.end(desk.attempt(), chunk("a") + DONE)
    assert desk.log == ["start 200", chunk("a") + DONE, "end"]
    assert desk.sink.length is None
    assert desk.record.committed_by == "event"
    assert desk.tape.events == 2


def test_a_whole_answer_after_a_heartbeat_follows_what_is_out() -> None:
    desk = Desk()
    attempt = desk.attempt()
    desk.delivery.break_silence(10.0, attempt, 5.0)
    desk.delivery.end(attempt, chunk("a") + DONE)
    assert desk.log == ["start 200", BEAT, chunk("a") + DONE, "end"]
    assert desk.delivery.open
    assert attempt.open


def test_the_head_is_sent_once_and_a_second_attempts_seam_is_marked() -> None:
    desk = Desk()
    desk.delivery.begin(desk.attempt())
    second = desk.attempt()
    second.preface = b": continued\n\n"
    desk.delivery.begin(second)
    assert desk.log == ["start 200", b": continued\n\n"]
    assert desk.marks() == [("commit", "event"), ("continued", "")]


def test_an_attempt_is_given_the_note_that_fits_what_it_writes() -> None:
    stream, json = Desk(), Desk(stream=False)
    events, piece = stream.attempt(), json.attempt(OpaqueBody(), JSON)
    stream.delivery.begin(events)
    json.delivery.begin(piece)
    assert events.note == stream.tape.wrote_events
    assert piece.note == json.tape.wrote_bytes
    stream.delivery.read_on()
    stream.delivery.begin(events)
    assert events.note == stream.tape.wrote_to_nobody


@pytest.mark.parametrize(
    ("status", "bodiless", "length"),
    [(200, True, 7), (200, False, 0), (204, False, None), (304, False, None)],
)
def test_a_response_without_a_body_has_the_length_that_http_wants(
    status: int, bodiless: bool, length: int | None
) -> None:
    desk = Desk(stream=False, dialect=False, bodiless=bodiless)
    desk.delivery.end_without_body(ResponseHead(status=status, headers=[], length=7))
    assert (desk.sink.status, desk.sink.length, desk.sink.ended) == (status, length, True)


# ── the headers ─────────────────────────────────────────────────────────────────────────────────────

RATES = [(b"x-ratelimit-remaining-requests", b"5")]


def test_the_upstreams_request_id_goes_before_ours() -> None:
    desk = Desk()
    desk.record.upstream_request_id = "up_1"
    desk.delivery.begin(desk.attempt(headers=[*EVENT_STREAM, (b"x-request-id", b"up_1")]))
    assert desk.sink.header(b"x-request-id") == b"up_1"


def test_our_request_id_is_told_where_the_upstreams_can_not_be() -> None:
    desk = Desk()
    desk.record.upstream_request_id = "up_1"
    desk.delivery.fail(BROKEN, None)
    assert desk.sink.header(b"x-request-id") == b"req_1"


@pytest.mark.parametrize(("limited", "told"), [(True, None), (False, b"5")])
def test_of_two_sets_of_rates_only_the_clients_own_is_told(limited: bool, told: bytes | None) -> None:
    desk = Desk(limited=limited)
    desk.delivery.begin(desk.attempt(headers=[*EVENT_STREAM, *RATES]))
    assert desk.sink.header(b"x-ratelimit-remaining-requests") == told
    assert desk.sink.header(b"x-ratelimit-limit-requests") == b"9"


# ── silence ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_silence_commits_and_later_ones_do_not() -> None:
    desk = Desk()
    assert desk.delivery.break_silence(10.0, None, 5.0)
    assert not desk.delivery.break_silence(15.0, None, 5.0)
    assert desk.log == ["start 200", BEAT, BEAT]
    assert (desk.record.committed_by, desk.record.heartbeats) == ("silence", 2)
    assert desk.marks() == [("commit", "silence"), ("heartbeat", ""), ("heartbeat", "")]


def test_without_heartbeats_silence_sends_the_head_alone() -> None:
    desk = Desk()
    assert desk.delivery.break_silence(10.0, None, 0.0)
    assert desk.log == ["start 200", "flush"]
    assert desk.record.heartbeats == 0


def test_before_json_silence_is_broken_by_white_space_that_proxies_let_through() -> None:
    desk = Desk(stream=False)
    desk.delivery.break_silence(10.0, None, 0.0)
    assert desk.log == ["start 200", b"\n"]
    assert desk.sink.header(b"content-type") == b"application/json"
    assert desk.sink.header(b"x-accel-buffering") == b"no"


def test_a_heartbeat_after_an_id_has_the_form_for_it() -> None:
    desk = Desk()
    attempt = desk.attempt(desk.events(b"id: 1\n" + chunk("a")))
    desk.delivery.begin(attempt)
    desk.delivery.break_silence(10.0, attempt, 5.0)
    assert desk.log[-1] == b": beat\n"


def test_silence_ends_by_commit_first_and_by_heartbeats_afterwards() -> None:
    desk = Desk()
    clocks = Clocks(StreamSettings(commit_after_s=3.0, heartbeat_s=5.0), 10.0)
    assert desk.delivery.speak_at(clocks, None) == 13.0
    desk.delivery.break_silence(13.0, None, 5.0)
    clocks.last_write = 13.0
    assert desk.delivery.speak_at(clocks, None) == 18.0
    clocks.paused = True
    assert desk.delivery.speak_at(clocks, None) == NEVER


def test_silence_before_json_ends_only_until_there_is_an_answer() -> None:
    desk = Desk(stream=False)
    clocks = Clocks(StreamSettings(json_heartbeat_s=4.0), 10.0)
    assert desk.delivery.speak_at(clocks, None) == 14.0
    desk.delivery.begin(desk.attempt(OpaqueBody(), JSON))
    assert desk.delivery.speak_at(clocks, None) == NEVER


def test_the_head_of_what_is_relayed_as_it_is_waits_a_moment_for_its_body() -> None:
    desk = Desk(stream=False, dialect=False)
    clocks = Clocks(StreamSettings(json_heartbeat_s=4.0), 10.0)
    attempt = desk.attempt(OpaqueBody(), passed_on=True)
    assert desk.delivery.speak_at(clocks, None) == NEVER
    assert desk.delivery.speak_at(clocks, attempt) == 9.5 + HEAD_HOLD_S
    desk.delivery.begin(attempt)
    assert desk.delivery.speak_at(clocks, attempt) == NEVER


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_client_that_left_without_a_status_has_the_one_for_that() -> None:
    early, late = Desk(), Desk()
    early.delivery.client_left()
    late.delivery.begin(late.attempt())
    late.delivery.client_left()
    assert (early.record.status, late.record.status) == (ClientGone.status, 200)
    assert early.record.client_left
    assert early.marks() == [("left", "")]


def test_what_is_read_on_for_nobody_is_not_counted_as_sent() -> None:
    desk = Desk()
    attempt = desk.attempt()
    desk.delivery.begin(attempt)
    desk.sink.write(b"12345")
    desk.delivery.read_on()
    assert desk.delivery.sink is NOWHERE
    desk.delivery.end(attempt, DONE)
    desk.delivery.close(attempt, None)
    assert desk.record.bytes_out == 5
    assert desk.sink.body == b"12345"
    assert desk.tape.tail(1) == [DONE]


@pytest.mark.parametrize("error", [None, BROKEN])
def test_what_the_upstream_reported_is_the_reason_whatever_happened_then(error: GatewayError | None) -> None:
    desk = Desk()
    attempt = desk.attempt(desk.events(chunk("a"), ERROR))
    desk.delivery.close(attempt, error)
    assert (desk.record.error_message, desk.record.own_error) == ("boom", False)
    assert desk.marks() == [("error", "x")]


def test_usage_that_is_known_already_is_not_replaced() -> None:
    usage = Usage(input_tokens=1, output_tokens=2)
    desk = Desk()
    desk.record.usage = usage
    desk.delivery.close(desk.attempt(), None)
    assert desk.record.usage is usage
    assert desk.record.error_code is None
    assert desk.marks() == []

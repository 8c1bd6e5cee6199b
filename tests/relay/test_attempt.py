"""Several attempts at one answer, as transcripts: what moves, what is never repeated, who wins."""

from __future__ import annotations

import msgspec
import pytest
from transcript import DONE, JSON, FakeUpstream, Table, chunk

from sluiceway.errors import (
    FirstEventTimeout,
    GatewayError,
    IdleTimeout,
    UpstreamReported,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.relay.attempt import ERROR_BODY_S, Attempt

FINISH = chunk("", finish="stop")
OVERLOADED = b'data: {"error": {"message": "busy", "type": "overloaded_error", "code": null}}\n\n'
ANSWER = {"id": "c1", "object": "chat.completion", "choices": [{"index": 0, "message": {"content": "x"}}]}


class Willing:
    """Says yes to whatever it is asked, for so many times; keeps what it was told."""

    def __init__(self, times: int = 9, *, resumes: bool = False) -> None:
        self.times = times
        self.resuming = resumes
        self.failures: list[GatewayError] = []
        self.beginnings = 0

    def might_move(self, attempt: Attempt) -> bool:
        return self.times > 0

    def moves(self, attempt: Attempt, error: GatewayError) -> bool:
        self.failures.append(error)
        self.times -= 1
        return self.times >= 0

    def resumes(self, attempt: Attempt, error: GatewayError) -> bool:
        self.failures.append(error)
        return self.resuming

    def began(self, attempt: Attempt) -> None:
        self.beginnings += 1


def second(table: Table) -> FakeUpstream:
    """Another attempt, on an upstream of its own."""
    upstream = FakeUpstream(table.log)
    table.ask(upstream)
    return upstream


# ── moving on ───────────────────────────────────────────────────────────────────────────────────────


def test_an_http_error_is_read_for_its_message_and_another_upstream_is_asked() -> None:
    willing = Willing()
    table = Table(failover=willing).connected().head(503, JSON).data(b'{"error":{"message":"no room"}}').end()
    assert [error.message for error in willing.failures] == ["no room"]
    assert not table.sink.started
    second(table)
    table.head().data(chunk("one"), FINISH, DONE)
    assert table.sink.status == 200
    assert table.sink.body == chunk("one") + FINISH + DONE
    assert table.record.error_code is None
    assert table.record.upstream_status == 200


def test_when_nobody_else_is_left_the_client_gets_the_upstreams_own_error() -> None:
    body = b'{"error":{"message":"no room","type":"x"}}'
    table = Table(failover=Willing(0)).connected().head(503, JSON, len(body)).data(body).end()
    assert table.sink.status == 503
    assert table.sink.body == body


def test_an_error_that_was_read_is_told_in_its_own_words_if_nobody_can_be_asked_after_all() -> None:
    willing = Willing(1)
    table = Table(failover=willing).connected().head(503, [*JSON, (b"retry-after", b"7")])
    willing.times = 0
    table.data(b'{"error":{"message":"no room","type":"overloaded","code":"full"}}').end()
    assert table.sink.status == 503
    assert table.sink.json()["error"]["message"] == "no room"
    assert table.sink.header(b"retry-after") == b"7"


def test_an_error_whose_body_stays_away_does_not_hold_up_the_next_upstream() -> None:
    willing = Willing()
    table = Table(failover=willing).connected().head(500, JSON).wait(ERROR_BODY_S)
    assert isinstance(willing.failures[0], UpstreamReported)
    assert willing.failures[0].status == 500
    second(table)
    table.head().data(chunk("one"), FINISH, DONE)
    assert table.sink.status == 200


@pytest.mark.parametrize("committed", [False, True])
def test_an_error_event_that_comes_first_moves_even_after_heartbeats(committed: bool) -> None:
    table = Table(failover=Willing(), commit_after_s=1, heartbeat_s=1).connected()
    if committed:
        table.wait(1.5)
    table.head().data(OVERLOADED)
    second(table)
    table.head().data(chunk("one"), FINISH, DONE)
    assert b"busy" not in table.sink.body
    assert table.sink.body.endswith(chunk("one") + FINISH + DONE)
    assert table.sink.body.startswith(b": beat") is committed
    assert table.record.error_code is None


def test_an_error_event_after_the_first_real_event_is_never_repeated_elsewhere() -> None:
    willing = Willing()
    table = Table(failover=willing).connected().head().data(chunk("one"), OVERLOADED).end()
    assert table.sink.body == chunk("one") + OVERLOADED
    assert table.relay.finished


def test_an_empty_stream_and_a_truncated_json_answer_move() -> None:
    for stream, head, start in [(True, None, b": hello\n\n"), (False, JSON, b'{"id": "c1"')]:
        willing = Willing()
        table = Table(stream=stream, failover=willing).connected()
        table.head(200, head or [(b"content-type", b"text/event-stream")]).data(start).end()
        assert len(willing.failures) == 1
        assert not table.sink.started


def test_a_broken_connection_before_the_first_event_moves() -> None:
    willing = Willing()
    table = Table(failover=willing).connected().head().broken(UpstreamTruncated("cut"))
    assert [type(error) for error in table.turns] == [UpstreamTruncated]
    second(table)
    table.head().data(chunk("one"), FINISH, DONE)
    assert table.sink.status == 200


def test_each_attempt_has_its_own_time_to_the_first_event() -> None:
    willing = Willing()
    table = Table(failover=willing, first_event_s=10, commit_after_s=100).connected().wait(10)
    assert isinstance(willing.failures[0], FirstEventTimeout)
    assert "abort upstream" in table.log
    second(table)
    table.wait(9.9).head().data(chunk("one"), FINISH, DONE)
    assert table.sink.status == 200


def test_heartbeats_go_on_while_nobody_is_asked() -> None:
    table = Table(failover=Willing(), commit_after_s=1, heartbeat_s=1, idle_s=5).connected()
    table.wait(1).broken(UpstreamUnreachable("gone")).wait(7.5)
    assert table.record.heartbeats == 8
    assert not table.relay.finished


def test_what_is_held_of_a_failed_json_answer_is_forgotten() -> None:
    table = Table(stream=False, failover=Willing()).connected().head(200, JSON).data(b'{"id": "lost"')
    table.broken(UpstreamTruncated("cut"))
    second(table)
    whole = msgspec.json.encode(ANSWER)
    table.head(200, JSON, len(whole)).data(whole).end()
    assert table.sink.body == whole


def test_when_the_last_one_fails_too_its_error_is_the_answer() -> None:
    table = Table(failover=Willing(1)).connected().broken(UpstreamUnreachable("first"))
    second(table)
    table.broken(UpstreamUnreachable("second"))
    assert table.sink.status == 502
    assert table.sink.json()["error"]["message"] == "second"


# ── hedging ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_real_event_wins_and_the_loser_is_aborted() -> None:
    table = Table().connected().head()
    slow = table.attempt
    second(table)
    table.head().data(b": still thinking\n\n")
    assert "abort upstream" not in table.log
    table.data(chunk("one"))
    assert slow.over
    assert table.log.count("abort upstream") == 1
    assert table.turns == [None]
    slow.on_body(chunk("late"))
    table.data(FINISH, DONE)
    assert table.sink.body == chunk("one") + FINISH + DONE


def test_the_first_one_may_still_win() -> None:
    table = Table().connected().head()
    first = table.attempt
    second(table)
    first.on_body(chunk("one"))
    assert table.attempt.over
    first.on_body(FINISH + DONE)
    assert table.sink.body == chunk("one") + FINISH + DONE
    assert table.turns == [None, None]


def test_one_that_fails_leaves_the_answer_to_the_other() -> None:
    willing = Willing(0)
    table = Table(failover=willing).connected().head()
    first = table.attempt
    second(table)
    table.head(500, JSON).data(b"{}").end()
    assert willing.failures == []
    assert table.attempt.over
    first.on_body(chunk("one") + FINISH + DONE)
    assert table.sink.status == 200
    assert table.record.upstream_status == 200


def test_when_both_fail_the_answer_fails() -> None:
    table = Table(failover=Willing(0)).connected()
    first = table.attempt
    second(table)
    table.broken(UpstreamUnreachable("second"))
    first.on_broken(UpstreamUnreachable("first"))
    assert table.sink.json()["error"]["message"] == "first"


def test_each_of_two_has_its_own_time_to_the_first_event() -> None:
    table = Table(failover=Willing(0), first_event_s=10, commit_after_s=100).connected().wait(5)
    first = table.attempt
    second(table)
    table.wait(5)
    assert first.over
    assert not table.relay.finished
    table.wait(5)
    assert table.sink.status == 504


def test_a_client_that_leaves_takes_both_with_it() -> None:
    table = Table().connected()
    second(table)
    table.relay.client_gone()
    assert table.log.count("abort upstream") == 2
    assert table.turns == [None, None]


def test_a_slow_client_pauses_both() -> None:
    table = Table(commit_after_s=0).connected()
    second(table)
    table.take_log()
    table.relay.client_paused()
    table.relay.client_resumed()
    assert table.take_log() == ["pause", "pause", "resume", "resume"]


# ── taking up a broken answer ───────────────────────────────────────────────────────────────────────


def test_a_stream_that_broke_goes_on_with_another_attempt() -> None:
    willing = Willing(resumes=True)
    table = Table(failover=willing).connected().head().data(chunk("one"))
    table.broken(UpstreamTruncated("cut"))
    assert not table.relay.finished
    second(table)
    table.head().data(chunk("two"), FINISH, DONE)
    assert table.sink.body == chunk("one") + chunk("two") + FINISH + DONE
    assert table.record.error_code is None


def test_an_idle_stream_can_be_taken_up_and_heartbeats_go_on_meanwhile() -> None:
    willing = Willing(resumes=True)
    table = Table(failover=willing, idle_s=10, heartbeat_s=4).connected().head().data(chunk("one")).wait(10)
    assert isinstance(willing.failures[0], IdleTimeout)
    table.wait(20)
    assert not table.relay.finished
    assert table.record.heartbeats == 7
    second(table)
    table.head().data(chunk("two"), FINISH, DONE)
    assert table.sink.ended


def test_a_stream_that_cannot_be_taken_up_ends_with_one_error() -> None:
    table = Table(failover=Willing()).connected().head().data(chunk("one")).broken(UpstreamTruncated("cut"))
    assert table.sink.body.count(b'"error"') == 1
    assert DONE not in table.sink.body


def test_when_taking_up_fails_the_stream_ends_with_one_error() -> None:
    table = Table(failover=Willing(0, resumes=True)).connected().head().data(chunk("one"))
    table.broken(UpstreamTruncated("cut"))
    second(table)
    table.head(500, JSON).data(b'{"error":{"message":"no room"}}').end()
    assert table.sink.body.startswith(chunk("one"))
    assert table.sink.body.count(b'"error"') == 1
    assert b"no room" in table.sink.body


# ── released once ───────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_is_over_can_do_nothing_more() -> None:
    table = Table(failover=Willing()).connected().head()
    first = table.attempt
    table.broken(UpstreamTruncated("cut"))
    second(table)
    table.relay.failed(first, UpstreamTruncated("again"))
    assert len(table.turns) == 1
    table.head().data(chunk("one"), FINISH, DONE)
    assert table.sink.body == chunk("one") + FINISH + DONE


def test_nobody_is_asked_for_an_answer_that_is_over() -> None:
    table = Table().connected().head().data(chunk("one"), FINISH, DONE)
    table.take_log()
    second(table)
    assert table.attempt.over
    assert table.take_log() == ["abort upstream"]
    assert table.sink.body == chunk("one") + FINISH + DONE


def test_a_sink_that_fails_keeps_nothing_from_being_released() -> None:
    table = Table().connected().head().data(chunk("one"))

    def closed(data: bytes = b"") -> None:
        raise RuntimeError("the transport is closed")

    table.sink.end = closed  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        table.broken(UpstreamTruncated("cut"))
    assert table.relay.finished
    assert len(table.turns) == 1


def test_the_head_of_an_attempt_that_is_over_is_waited_for_no_more() -> None:
    """Its time has passed, and the clock would ring without end until another upstream is asked."""
    table = Table(stream=False, dialect=None, failover=Willing()).connected().head(200, [])
    table.broken(UpstreamTruncated("no body"))
    armed = table.clock.armed
    table.wait(5)
    assert table.clock.armed == armed


# ── uploads ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_clock_of_the_first_event_stands_still_while_the_client_has_more_to_send() -> None:
    table = Table(dialect=None, replayable=False, first_event_s=10).connected()
    table.attempt.awaits_client()
    table.wait(25)
    table.attempt.goes_on()
    table.wait(9)
    assert not table.relay.finished
    table.wait(2)
    assert table.sink.json()["error"]["message"] == "no event came within first_event_s (10 s)"


def test_an_upstream_that_answers_during_an_upload_began_before_the_upload_went_on() -> None:
    table = Table(dialect=None, replayable=False, first_event_s=10).connected()
    table.attempt.awaits_client()
    table.wait(5).head(200, JSON).data(b"{")
    table.attempt.goes_on()
    assert table.attempt.began_at is not None
    assert table.attempt.began_at - table.attempt.started == 5


def test_the_message_of_an_error_does_not_wait_for_the_upload() -> None:
    table = Table(dialect=None, replayable=False, failover=Willing(), first_event_s=10).connected()
    table.head(503, JSON)
    by = table.attempt.first_event_by
    table.attempt.awaits_client()
    table.attempt.goes_on()
    assert table.attempt.first_event_by == by == table.clock.time() + ERROR_BODY_S

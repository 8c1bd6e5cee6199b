"""The relay as transcripts: what it is told, and what it does. No sockets, no sleeping."""

from __future__ import annotations

import msgspec
import pytest
from transcript import DONE, EVENT_STREAM, JSON, Table, chunk

from sluiceway.errors import (
    Draining,
    StaleConnection,
    UpstreamReported,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.relay.bodies import HOLD_BYTES

FINISH = chunk("", finish="stop")
USAGE = chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}).replace(
    b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]', b'"choices":[]'
)


def in_band_error(body: bytes) -> dict[str, object]:
    """The one error event at the end of a stream."""
    assert body.count(b'"error"') == 1
    assert body.endswith(b"\n\n")
    last = body[:-2].rpartition(b"data: ")[2]
    error = msgspec.json.decode(last)["error"]
    assert isinstance(error, dict)
    return error


# ── whole events, verbatim ──────────────────────────────────────────────────────────────────────────


def test_whole_events_pass_byte_for_byte() -> None:
    events = [b"id: 7\nevent: x\nretry: 5\n" + chunk("ä \\u2028"), chunk("b").replace(b"\n", b"\r\n"), DONE]
    table = Table().connected().head().data(*events)
    assert table.sink.body == b"".join(events)
    assert table.sink.ended


def test_an_answer_split_anywhere_reaches_the_client_only_in_whole_events() -> None:
    body = chunk("one") + chunk("two") + FINISH + DONE
    ends = [i + 2 for i in range(len(body)) if body[i : i + 2] == b"\n\n"]
    for cut in range(1, len(body)):
        table = Table().connected().head().data(body[:cut])
        assert len(table.sink.body) in (0, *ends)
        table.data(body[cut:])
        assert table.sink.body == body


def test_half_an_event_is_dropped_when_its_upstream_dies() -> None:
    table = Table().connected().head().data(chunk("one"), chunk("two")[:20])
    table.broken(UpstreamTruncated("the connection broke"))
    assert table.sink.body.startswith(chunk("one") + b'data: {"error"')
    assert in_band_error(table.sink.body)["code"] == "upstream_truncated"
    assert DONE not in table.sink.body


def test_the_last_event_is_terminated_if_the_upstream_forgot_to() -> None:
    table = Table().connected().head().data(chunk("one"), FINISH, DONE.rstrip()).end()
    assert table.sink.body == chunk("one") + FINISH + DONE
    assert table.record.error_code is None


def test_an_unterminated_half_of_a_json_document_is_not_made_into_an_event() -> None:
    table = Table().connected().head().data(chunk("one"), chunk("two")[:30]).end()
    assert table.sink.body.startswith(chunk("one") + b'data: {"error"')
    assert in_band_error(table.sink.body)["code"] == "upstream_truncated"


# ── heartbeats ──────────────────────────────────────────────────────────────────────────────────────


def test_silence_toward_the_client_brings_a_heartbeat_between_events() -> None:
    table = Table(heartbeat_s=5, commit_after_s=60).connected().head().data(chunk("one"))
    table.take_log()
    table.wait(4.9)
    assert table.take_log() == []
    table.wait(0.2)
    assert table.take_log() == [b": beat\n\n"]
    table.data(chunk("two")[:9]).wait(6).data(chunk("two")[9:])
    assert table.take_log() == [b": beat\n\n", chunk("two")]


def test_events_postpone_heartbeats_and_cost_no_timer_each() -> None:
    table = Table(heartbeat_s=5).connected().head().data(chunk("one"))
    armed = table.clock.armed
    for _ in range(40):
        table.wait(1).data(chunk("more"))
    assert table.record.heartbeats == 0
    assert table.clock.armed - armed <= 10


def test_the_heartbeat_knows_whether_an_id_went_out() -> None:
    table = Table(heartbeat_s=5).connected().head().data(b"id: 1\n" + chunk("one")).wait(6)
    assert table.sink.body.endswith(b"\n\n: beat\n")


def test_a_word_like_id_inside_an_event_is_not_an_id() -> None:
    table = Table(heartbeat_s=5).connected().head().data(chunk("\nid: 1")).wait(6)
    assert table.sink.body.endswith(b": beat\n\n")


def test_no_heartbeat_is_sent_where_they_are_off() -> None:
    table = Table(heartbeat_s=0, commit_after_s=3).connected().wait(100)
    assert table.take_log() == ["start 200", "flush"]


def test_no_heartbeat_is_sent_while_the_client_does_not_read() -> None:
    table = Table(heartbeat_s=5).connected().head().data(chunk("one"))
    table.relay.client_paused()
    table.take_log()
    table.wait(60)
    assert table.take_log() == []


def test_comments_of_the_upstream_neither_commit_nor_reset_the_clocks_nor_pass() -> None:
    table = Table(commit_after_s=1000, first_event_s=30).connected().head()
    for _ in range(29):
        table.data(b": PROCESSING\n\n").wait(1)
    assert not table.sink.started
    table.wait(2)
    assert table.sink.status == 504


def test_pings_do_not_keep_a_dead_upstream_alive() -> None:
    table = Table(idle_s=30, heartbeat_s=10).connected().head().data(chunk("one"))
    for _ in range(40):
        table.data(b": ping\n\n").wait(1)
    assert table.relay.finished
    assert in_band_error(table.sink.body)["code"] == "upstream_timeout_idle"
    assert table.record.heartbeats == 2


# ── commit ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_status_leaves_with_the_first_event_not_with_the_upstreams_head() -> None:
    table = Table().connected().head()
    assert not table.sink.started
    table.data(chunk("one"))
    assert table.take_log() == ["start 200", chunk("one")]
    assert table.record.committed_by == "event"


def test_silence_commits_before_the_upstream_answers() -> None:
    table = Table(commit_after_s=10, heartbeat_s=7).connected().wait(10)
    assert table.take_log() == ["start 200", b": beat\n\n"]
    table.wait(7)
    assert table.take_log() == [b": beat\n\n"]
    assert table.record.committed_by == "silence"


def test_commit_after_zero_commits_at_once_even_before_there_is_a_connection() -> None:
    assert Table(commit_after_s=0).take_log() == ["start 200", b": beat\n\n"]


def test_event_streams_carry_the_headers_that_keep_proxies_from_buffering() -> None:
    head = [
        *EVENT_STREAM,
        (b"x-ratelimit-remaining-requests", b"5"),
        (b"set-cookie", b"a=b"),
        (b"server", b"u"),
    ]
    table = Table().connected().head(headers=head).data(chunk("one"))
    assert table.sink.header(b"content-type") == b"text/event-stream"
    assert table.sink.header(b"cache-control") == b"no-cache, no-transform"
    assert table.sink.header(b"x-accel-buffering") == b"no"
    assert table.sink.header(b"x-ratelimit-remaining-requests") == b"5"
    assert table.sink.header(b"x-request-id") == b"req_1"
    assert table.sink.header(b"set-cookie") is None
    assert table.sink.header(b"server") is None


def test_an_upstreams_error_before_commit_keeps_status_body_and_useful_headers() -> None:
    headers = [*JSON, (b"retry-after", b"3"), (b"x-request-id", b"up-9"), (b"connection", b"close")]
    table = Table().connected().head(429, headers, 13).data(b'{"error":"no"').end()
    assert (table.sink.status, table.sink.body, table.sink.length) == (429, b'{"error":"no"', 13)
    assert table.sink.header(b"retry-after") == b"3"
    assert table.sink.header(b"x-request-id") == b"up-9"
    assert table.sink.header(b"connection") is None
    assert table.record.upstream_status == 429


def test_an_upstreams_error_after_commit_goes_in_band_with_its_message() -> None:
    table = Table(commit_after_s=1).connected().wait(2).head(429, JSON)
    table.data(b'{"error":{"message":"slow down","type":"rate_limit","code":"r"}}').end()
    assert in_band_error(table.sink.body)["message"] == "slow down"
    assert table.sink.ended


def test_an_error_head_whose_body_is_late_is_committed_by_silence_and_goes_in_band() -> None:
    table = (
        Table(commit_after_s=5).connected().head(500, JSON).wait(6).data(b'{"error":{"message":"m"}}').end()
    )
    assert table.sink.status == 200
    assert in_band_error(table.sink.body)["message"] == "m"


def test_no_heartbeat_falls_into_an_error_body() -> None:
    table = Table(commit_after_s=5, heartbeat_s=5).connected().head(500, JSON).data(b'{"error":').wait(30)
    table.data(b'"x"}').end()
    assert table.sink.body == b'{"error":"x"}'


def test_an_error_as_the_first_event_becomes_a_real_http_error() -> None:
    table = Table().connected().head().data(b'data: {"error":{"message":"quota","code":429}}\n\n')
    assert table.sink.status == 429
    assert table.sink.json()["error"]["message"] == "quota"
    assert "abort upstream" in table.log


def test_an_error_event_after_the_first_one_passes_and_is_not_told_twice() -> None:
    error = b'data: {"error":{"message":"boom","code":"x"}}\n\n'
    table = Table().connected().head().data(chunk("one"), error).end()
    assert table.sink.body == chunk("one") + error
    assert table.sink.ended
    assert table.record.error_message == "boom"
    again = Table().connected().head().data(chunk("one"), error).broken(UpstreamTruncated("cut"))
    assert again.sink.body == chunk("one") + error
    assert again.sink.ended


# ── the four clocks ─────────────────────────────────────────────────────────────────────────────────


def test_no_first_event_in_time_is_a_504_before_commit() -> None:
    table = Table(first_event_s=30, commit_after_s=100).connected().wait(31)
    assert table.sink.status == 504
    assert table.sink.json()["error"]["code"] == "upstream_timeout_first_event"
    assert "first_event_s" in table.sink.json()["error"]["message"]
    assert table.turns == [None]


def test_the_first_event_clock_runs_from_the_request_through_the_response_head() -> None:
    table = Table(first_event_s=30, commit_after_s=100).connected().wait(20).head().wait(11)
    assert table.sink.status == 504


def test_an_idle_upstream_ends_in_band_after_the_first_event() -> None:
    table = Table(idle_s=20, heartbeat_s=0).connected().head().data(chunk("one")).wait(19)
    assert not table.relay.finished
    table.data(chunk("two")).wait(19)
    assert not table.relay.finished
    table.wait(2)
    assert in_band_error(table.sink.body)["code"] == "upstream_timeout_idle"
    assert "abort upstream" in table.log


def test_the_total_clock_ends_even_a_lively_stream() -> None:
    table = Table(total_s=10).connected().head()
    for _ in range(12):
        table.data(chunk("on")).wait(1)
    assert "total_s" in str(in_band_error(table.sink.body)["message"])


def test_zero_switches_a_clock_off() -> None:
    table = Table(first_event_s=0, idle_s=0, total_s=0, heartbeat_s=0).connected().wait(10**6)
    assert not table.relay.finished
    table.head().data(chunk("one")).wait(10**6)
    assert not table.relay.finished


def test_a_slow_client_does_not_count_against_the_upstream() -> None:
    table = Table(idle_s=20, heartbeat_s=0).connected().head().data(chunk("one"))
    table.relay.client_paused()
    table.wait(19)
    table.relay.client_resumed()
    table.wait(19)
    assert not table.relay.finished


def test_a_client_that_reads_nothing_for_the_idle_time_is_cut_off() -> None:
    table = Table(idle_s=20, heartbeat_s=0).connected().head().data(chunk("one"))
    table.relay.client_paused()
    table.wait(21)
    assert table.sink.aborted
    assert "abort upstream" in table.log


# ── back-pressure and the client's leaving ──────────────────────────────────────────────────────────


def test_back_pressure_goes_straight_to_the_upstream() -> None:
    table = Table().connected().head().data(chunk("one"))
    table.take_log()
    table.relay.client_paused()
    table.relay.client_resumed()
    assert table.take_log() == ["pause", "resume"]


def test_a_client_that_is_slow_before_there_is_a_connection_pauses_it_from_the_start() -> None:
    table = Table(commit_after_s=0)
    table.relay.client_paused()
    table.connected()
    assert table.log[-1] == "pause"


@pytest.mark.parametrize("phase", ["connecting", "waiting", "head", "mid-event", "events"])
def test_a_client_that_leaves_takes_the_upstream_with_it(phase: str) -> None:
    table = Table()
    if phase != "connecting":
        table.connected()
    if phase in ("head", "mid-event", "events"):
        table.head()
    if phase == "mid-event":
        table.data(chunk("x")[:10])
    if phase == "events":
        table.data(chunk("x"))
    table.relay.client_gone()
    assert table.turns == [None]
    assert ("abort upstream" in table.log) == (phase != "connecting")
    assert table.record.client_left
    assert not [timer for timer in table.clock.timers if not timer.cancelled]
    table.relay.client_gone()
    assert table.turns == [None]


def test_drain_reads_on_for_the_usage_after_the_client_left() -> None:
    table = Table(on_disconnect="drain", drain_after_disconnect_s=60).connected().head().data(chunk("one"))
    table.relay.client_gone()
    assert table.turns == []
    table.data(FINISH, USAGE, DONE)
    assert table.turns == [None]
    assert table.record.usage is not None
    assert table.record.usage.total_tokens == 3
    assert table.sink.body == chunk("one")


def test_drain_gives_up_in_time() -> None:
    table = Table(on_disconnect="drain", drain_after_disconnect_s=60).connected().head().data(chunk("one"))
    table.relay.client_gone()
    for _ in range(70):
        table.data(chunk("more")).wait(1)
    assert "abort upstream" in table.log
    assert table.turns == [None]


def test_keep_reads_to_the_end_however_long_it_takes() -> None:
    table = Table(on_disconnect="keep").connected().head().data(chunk("one"))
    table.relay.client_gone()
    for _ in range(500):
        table.wait(100).data(chunk("more"))
    table.data(FINISH, DONE)
    assert "linger" in table.log


def test_a_paused_client_that_leaves_lets_a_draining_upstream_flow_again() -> None:
    table = Table(on_disconnect="drain").connected().head().data(chunk("one"))
    table.relay.client_paused()
    table.relay.client_gone()
    assert table.log[-1] == "resume"


# ── endings ─────────────────────────────────────────────────────────────────────────────────────────


def test_done_ends_the_answer_before_the_upstream_ends_its_body() -> None:
    table = Table().connected().head().data(chunk("one"), FINISH)
    table.take_log()
    table.data(DONE + b": trailing\n\n")
    assert table.take_log() == [DONE, "end", "linger"]
    assert table.turns == [None]


def test_a_finish_reason_and_the_end_of_the_body_are_an_end_too_and_no_marker_is_invented() -> None:
    table = Table().connected().head().data(chunk("one"), FINISH).end()
    assert table.sink.body == chunk("one") + FINISH
    assert table.sink.ended
    assert table.record.error_code is None


def test_a_clean_end_without_the_terminal_is_one_error_event_and_no_marker() -> None:
    table = Table().connected().head().data(chunk("one")).end()
    assert in_band_error(table.sink.body)["code"] == "upstream_truncated"
    assert b"[DONE]" not in table.sink.body
    assert b'"stop"' not in table.sink.body
    assert table.sink.ended


def test_a_stream_that_ends_before_its_first_event_is_a_502() -> None:
    table = Table().connected().head().end()
    assert table.sink.status == 502
    assert table.sink.json()["error"]["code"] == "upstream_truncated"


def test_an_unreachable_upstream_is_a_502_before_commit_and_in_band_after() -> None:
    before = Table()
    before.relay.stop(UpstreamUnreachable("refused"))
    assert before.sink.status == 502
    assert before.sink.json()["error"]["code"] == "upstream_unreachable"
    after = Table(commit_after_s=0)
    after.relay.stop(UpstreamUnreachable("refused"))
    assert in_band_error(after.sink.body)["code"] == "upstream_unreachable"


def test_draining_ends_a_stream_with_an_in_band_error() -> None:
    table = Table().connected().head().data(chunk("one"))
    table.relay.stop(Draining("bye"))
    assert in_band_error(table.sink.body)["code"] == "draining"
    table.relay.stop(Draining("bye"))
    assert table.turns == [None]


def test_an_event_over_the_limit_drops_the_upstream() -> None:
    table = Table(max_event_bytes=1000).connected().head().data(chunk("one"))
    for _ in range(30):
        table.data(b"data: " + b"x" * 100)
    assert in_band_error(table.sink.body)["code"] == "event_too_large"
    assert "abort upstream" in table.log


def test_a_stale_connection_asks_for_another_attempt_and_only_if_that_is_safe() -> None:
    table = Table().connected().broken(StaleConnection("dead"))
    assert [type(turn) for turn in table.turns] == [StaleConnection]
    assert not table.relay.finished
    table.connected().head().data(chunk("one"), FINISH, DONE)
    assert table.turns[1:] == [None]
    assert table.record.retries == 1
    once = Table(replayable=False).connected().broken(StaleConnection("dead"))
    assert once.sink.status == 502


def test_everything_is_released_exactly_once_however_often_it_ends() -> None:
    table = Table().connected().head().data(chunk("one"), FINISH, DONE)
    table.relay.client_gone()
    table.relay.stop(Draining("bye"))
    assert table.turns == [None]
    assert table.log.count("linger") == 1
    assert not [timer for timer in table.clock.timers if not timer.cancelled]


# ── usage ───────────────────────────────────────────────────────────────────────────────────────────


def test_usage_that_the_client_did_not_ask_for_is_recorded_and_hidden() -> None:
    table = Table(hide_usage=True).connected().head().data(chunk("one"), FINISH, USAGE, DONE)
    assert table.sink.body == chunk("one") + FINISH + DONE
    assert table.record.usage is not None
    assert table.record.usage.output_tokens == 2


def test_usage_that_the_client_asked_for_passes() -> None:
    table = Table(include_usage=True).connected().head().data(chunk("one"), FINISH, USAGE, DONE)
    assert USAGE in table.sink.body


# ── crossings: JSON and events ──────────────────────────────────────────────────────────────────────

ANSWER = msgspec.json.encode(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
)


def test_a_json_answer_passes_byte_for_byte_in_one_piece_with_its_length() -> None:
    table = Table(stream=False).connected().head(200, JSON, len(ANSWER)).data(ANSWER[:50], ANSWER[50:]).end()
    assert table.log == ["start 200", ANSWER, "end"]
    assert table.sink.length == len(ANSWER)
    assert table.record.usage is not None


def test_a_truncated_json_answer_is_a_502_and_nothing_of_it_is_passed() -> None:
    table = Table(stream=False).connected().head(200, JSON, len(ANSWER)).data(ANSWER[:50])
    table.broken(UpstreamTruncated("cut"))
    assert table.sink.status == 502
    assert table.sink.json()["error"]["code"] == "upstream_truncated"


def test_a_large_json_answer_is_streamed_and_cut_off_if_it_breaks() -> None:
    table = Table(stream=False).connected().head(200, JSON, 9 * HOLD_BYTES)
    table.data(b'{"a":"' + b"x" * HOLD_BYTES)
    assert table.sink.started
    table.data(b"y" * 100)
    assert table.sink.body.endswith(b"y" * 100)
    table.broken(UpstreamTruncated("cut"))
    assert table.sink.aborted
    assert not table.sink.ended


def test_a_never_ending_json_answer_meets_its_limit() -> None:
    table = Table(stream=False, max_answer_bytes=3 * HOLD_BYTES).connected().head(200, JSON)
    for _ in range(10):
        table.data(b"{" * HOLD_BYTES)
    assert table.sink.aborted
    assert "abort upstream" in table.log


def test_a_stream_to_a_client_that_wants_json_is_collected() -> None:
    table = Table(stream=False).connected().head().data(chunk("h"), chunk("i"), FINISH, USAGE, DONE)
    assert table.sink.status == 200
    assert table.sink.header(b"content-type") == b"application/json"
    answer = table.sink.json()
    assert answer["choices"][0]["message"]["content"] == "hi"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == 3


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([chunk("h")], "ended"),
        ([chunk("h"), b'data: {"error":{"message":"boom"}}\n\n'], "boom"),
        ([chunk("h"), b"data: {nonsense\n\n", DONE], "JSON"),
    ],
)
def test_a_stream_that_went_wrong_is_never_made_into_an_answer(pieces: list[bytes], message: str) -> None:
    table = Table(stream=False).connected().head().data(*pieces).end()
    assert table.sink.status == 502
    assert message in table.sink.json()["error"]["message"]


def test_json_to_a_client_that_wants_a_stream_becomes_a_stream() -> None:
    table = Table(include_usage=True).connected().head(200, JSON).data(ANSWER[:9], ANSWER[9:]).end()
    assert table.sink.header(b"content-type") == b"text/event-stream"
    assert table.sink.body.endswith(DONE)
    assert b'"content":"hi"' in table.sink.body
    assert table.record.usage is not None


def test_json_that_is_late_joins_a_stream_that_silence_began() -> None:
    table = Table(commit_after_s=5).connected().wait(6).head(200, JSON).data(ANSWER).end()
    assert table.sink.body.startswith(b": beat\n\ndata: ")
    assert table.sink.body.endswith(DONE)


def test_an_event_stream_with_a_false_label_is_recognised() -> None:
    for label in (b"text/plain", b"application/json", b""):
        table = Table().connected().head(200, [(b"content-type", label)]).data(chunk("one"), FINISH, DONE)
        assert table.sink.body == chunk("one") + FINISH + DONE


def test_what_is_neither_events_nor_json_is_a_502() -> None:
    table = Table().connected().head(200, [(b"content-type", b"text/html")]).data(b"<html>")
    assert table.sink.status == 502
    assert table.sink.json()["error"]["code"] == "upstream_invalid"


def test_an_empty_answer_is_a_502() -> None:
    table = Table(stream=False).connected().head(200, JSON, 0).end()
    assert table.sink.status == 502


def test_an_answer_that_is_compressed_in_an_unknown_way_is_a_502() -> None:
    table = Table().connected().head(200, [*EVENT_STREAM, (b"content-encoding", b"br")])
    assert table.sink.status == 502
    assert "br" in table.sink.json()["error"]["message"]


# ── white space before JSON ─────────────────────────────────────────────────────────────────────────


def test_white_space_keeps_a_json_request_alive_and_then_comes_the_answer() -> None:
    table = Table(stream=False, json_heartbeat_s=10).connected().wait(25)
    assert table.log == ["start 200", b"\n", b"\n"]
    assert table.sink.length is None
    table.head(200, JSON, len(ANSWER)).data(ANSWER).end()
    assert msgspec.json.decode(table.sink.body) == msgspec.json.decode(ANSWER)


def test_a_late_error_is_the_dialects_json_under_the_committed_200_and_the_record_says_so() -> None:
    table = Table(stream=False, json_heartbeat_s=10).connected().wait(15).head(429, JSON)
    table.data(b'{"error":{"message":"slow down","code":"rate"}}').end()
    assert table.sink.status == 200
    assert table.sink.json()["error"]["message"] == "slow down"
    assert (table.record.status, table.record.upstream_status) == (200, 429)
    assert table.record.error_code == "upstream_429"  # by its status, whatever words the upstream has for it


def test_white_space_stops_at_its_limit_and_inside_an_answer() -> None:
    table = (
        Table(stream=False, json_heartbeat_s=10, json_heartbeat_max_s=35, first_event_s=0)
        .connected()
        .wait(500)
    )
    assert table.log == ["start 200", b"\n", b"\n", b"\n"]
    table.head(200, JSON).data(b'{"a":"' + b"x" * HOLD_BYTES)
    table.take_log()
    table.wait(100)
    assert table.take_log() == []


def test_white_space_is_off_by_default() -> None:
    table = Table(stream=False).connected().wait(100)
    assert table.log == []


# ── paths without a dialect ─────────────────────────────────────────────────────────────────────────


def test_other_paths_are_relayed_as_they_are() -> None:
    headers = [(b"content-type", b"audio/mpeg"), (b"etag", b'"1"')]
    table = Table(stream=False, dialect=None).connected().head(206, headers, 4).data(b"ab", b"cd").end()
    assert table.log == ["start 206", b"ab", b"cd", "end"]
    assert table.sink.length == 4
    assert table.sink.header(b"etag") == b'"1"'


def test_the_head_of_another_path_does_not_wait_long_for_its_body() -> None:
    table = Table(stream=False, dialect=None).connected().head(200, [], None)
    assert table.log == []
    table.wait(0.1)
    assert table.log == ["start 200", "flush"]
    table.data(b"x").end()
    assert table.log[2:] == [b"x", "end"]


def test_a_broken_body_of_another_path_cuts_the_connection() -> None:
    table = Table(stream=False, dialect=None).connected().head(200, [], 10).data(b"abc")
    table.broken(UpstreamTruncated("cut"))
    assert table.sink.aborted


def test_head_and_empty_responses_have_no_body() -> None:
    head = Table(stream=False, dialect=None, bodiless=True).connected().head(200, [], 77).end()
    assert (head.sink.length, head.sink.body) == (77, b"")
    empty = Table(stream=False, dialect=None).connected().head(204, [], None).end()
    assert (empty.sink.status, empty.sink.length) == (204, None)
    zero = Table(stream=False, dialect=None).connected().head(200, [], 0).end()
    assert zero.sink.length == 0


def test_an_error_that_the_upstream_reported_keeps_its_own_words() -> None:
    table = Table()
    table.relay.stop(
        UpstreamReported("no such deployment", status=404, type="not_found", code="DeploymentNotFound")
    )
    assert table.sink.status == 404
    assert table.sink.json()["error"]["code"] == "DeploymentNotFound"

"""What keeps a silent answer alive, and who ends it."""

from __future__ import annotations

import pytest
from doctor_seen import (
    DONE,
    HEARTBEAT,
    NGINX,
    NGINX_504,
    answered,
    chunk,
    nothing_came,
    refused_by_gateway,
    streamed,
)

from sluiceway.doctor.events import read_stream
from sluiceway.doctor.finding import Finding
from sluiceway.doctor.seen import Piece, Seen
from sluiceway.doctor.silence import json_silence, not_simulated, stream_silence

ANSWER = chunk("x") + DONE


def found(seen: Seen, silence_s: float, *hops: str, buffered: bool = False) -> Finding:
    return stream_silence(seen, read_stream(seen), silence_s, hops, buffered=buffered)


def beats(*times: float) -> list[tuple[float, bytes]]:
    return [(at_s, HEARTBEAT) for at_s in times]


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_that_heartbeats_kept_alive_is_fine_and_their_interval_is_told() -> None:
    finding = found(streamed([*beats(10, 20, 30, 40, 50, 60, 70), (75, ANSWER)]), 75)
    assert finding.severity == "ok"
    assert (finding.figures["heartbeats"], finding.figures["heartbeat_every_s"]) == (7, 10)
    assert (finding.figures["first_byte_s"], finding.figures["longest_silence_s"]) == (10, 10)


def test_a_stream_that_survived_without_heartbeats_was_lucky() -> None:
    finding = found(streamed([(75, ANSWER)]), 75)
    assert finding.severity == "warning"
    assert "no heartbeats" in finding.title
    assert "heartbeat_s" in finding.changes[0].what


def test_heartbeats_may_be_too_seldom() -> None:
    finding = found(streamed([*beats(10, 75), (80, ANSWER)]), 80)
    assert (finding.severity, finding.title.split(" keep ")[0]) == ("warning", "too few heartbeats")


def test_a_short_silence_says_nothing_about_heartbeats() -> None:
    finding = found(streamed([(5, ANSWER)]), 5)
    assert finding.severity == "note"
    assert "--silence 75" in finding.seen


def test_heartbeats_that_come_with_the_answer_were_held_back() -> None:
    finding = found(streamed([(20, HEARTBEAT * 9 + ANSWER)]), 20, "nginx", buffered=True)
    assert (finding.severity, finding.changes[0].what) == ("error", "proxy_buffering off;")
    assert "held back" in finding.title


def test_nginx_that_lost_patience_is_told_with_its_limit_and_both_remedies() -> None:
    finding = found(answered(504, NGINX_504, NGINX, at_s=5.0), 20, "nginx")
    assert finding.severity == "error"
    assert finding.title == "a silent stream is cut after 5.0 s: nginx's proxy_read_timeout (5 s, status 504)"
    said = [change.what for change in finding.changes]
    assert said == ["heartbeat_s = 1 and commit_after_s = 1", "proxy_read_timeout 660s;"]


def test_a_cut_behind_a_buffer_is_the_buffers_fault() -> None:
    finding = found(nothing_came(end_s=60.0), 75, "nginx", buffered=True)
    assert finding.changes[0].what == "proxy_buffering off;"


def test_a_stream_that_is_cut_a_while_after_its_last_byte_was_silent_for_that_long() -> None:
    finding = found(streamed(beats(10), end="closed", end_s=70.2), 75)
    assert finding.title.startswith("a silent stream is cut after 60.2 s: a limit of 60 s")


def test_a_stream_that_is_cut_among_heartbeats_met_a_limit_of_the_whole() -> None:
    finding = found(streamed(beats(2, 4, 6, 8, 10, 12, 14), end="reset", end_s=15.0), 20)
    assert finding.title.startswith("streams are cut after 15.0 s, however lively they are: Envoy")
    assert "the connection was reset" in finding.seen


def test_an_answer_that_never_ends_is_told() -> None:
    finding = found(streamed(beats(1, 2), end="waited", end_s=50.0), 20)
    assert finding.title.startswith("the answer did not end")


@pytest.mark.parametrize("in_band", [True, False])
def test_the_gateways_own_clock_is_told_from_others(in_band: bool) -> None:
    event = b'data: {"error": {"message": "no event", "code": "upstream_timeout_first_event"}}\n\n'
    seen = (
        streamed([*beats(10), (20, event)])
        if in_band
        else refused_by_gateway(504, "upstream_timeout_first_event", "no event")
    )
    finding = found(seen, 75)
    assert (finding.severity, finding.seen) == ("warning", "upstream_timeout_first_event: no event")
    assert "first_event_s" in finding.changes[0].what


def test_a_refusal_is_no_silence() -> None:
    finding = found(refused_by_gateway(429, "rate_limited"), 75)
    assert finding.stops


def test_of_a_real_model_silence_is_not_looked_at_and_that_is_said() -> None:
    assert not_simulated().severity == "note"


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_json_answer_that_comes_is_fine_with_or_without_white_space() -> None:
    quiet = json_silence(answered(200, {}, at_s=20.0), 20, ())
    assert (quiet.severity, quiet.figures["spaces"]) == ("ok", 0)
    spaced = Seen(
        status=200, head_s=5, pieces=(Piece(5, b"\n"), Piece(10, b"\n"), Piece(20, b"{}")), end_s=20.0
    )
    assert json_silence(spaced, 20, ()).figures["spaces"] == 2


def test_a_json_answer_that_is_cut_has_a_remedy_of_its_own() -> None:
    finding = json_silence(answered(504, NGINX_504, NGINX, at_s=60.0), 75, ("nginx",))
    assert finding.severity == "warning"
    assert "nginx's proxy_read_timeout (60 s" in finding.title
    assert [change.what for change in finding.changes] == [
        "json_heartbeat_s = 20",
        "proxy_read_timeout 660s;",
    ]
    assert finding.seen == "status 504"


def test_a_json_answer_that_is_cut_after_white_space_was_silent_since_then() -> None:
    seen = Seen(status=200, head_s=10, pieces=(Piece(10, b"\n"),), end="closed", end_s=70.0)
    assert "a limit of 60 s" in json_silence(seen, 75, ()).title

"""Clumps are told from an even stream, whatever the way costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from doctor_seen import DONE, chunk, streamed

from sluiceway.doctor.events import Stream, read_stream
from sluiceway.doctor.finding import Finding
from sluiceway.doctor.pace import buffering, lateness, measure
from sluiceway.doctor.seen import Link


def stream_of(came: Callable[[int], float], events: int = 25, *, stamped: bool = True) -> Stream:
    """Events that were due every 100 ms, and came when `came` says (s)."""
    pieces = [(came(number), chunk("x", number * 100.0 if stamped else None)) for number in range(events)]
    return read_stream(streamed([*pieces, (came(events - 1), DONE)]))


def found(stream: Stream, *hops: str) -> Finding:
    return buffering(stream, measure(stream), hops)


def test_events_that_come_as_they_are_sent_are_fine_however_far_the_way_is() -> None:
    for way_s in (0.001, 0.3, 2.0):
        finding = found(stream_of(lambda number, way_s=way_s: way_s + number * 0.1))  # type: ignore[misc]
        assert finding.severity == "ok"
        assert finding.figures["held_ms"] == pytest.approx(0, abs=0.1)
        assert finding.figures["least_late_ms"] == pytest.approx(way_s * 1000, abs=0.1)


def test_an_answer_that_comes_at_once_at_its_end_was_held_back() -> None:
    finding = found(stream_of(lambda _: 2.5), "nginx")
    assert (finding.severity, finding.title) == ("error", "the answer is held back until it is whole")
    assert finding.figures["held_ms"] == pytest.approx(2400)
    assert finding.changes[0].what == "proxy_buffering off;"


@pytest.mark.parametrize("size", [3, 5, 12])
def test_clumps_are_told_from_an_even_stream(size: int) -> None:
    finding = found(stream_of(lambda number: 0.01 + (number // size + 1) * size * 0.1))
    assert (finding.severity, finding.title) == ("error", "events are collected and come in clumps")


def test_a_beginning_that_is_held_back_is_a_fault_of_its_own() -> None:
    finding = found(stream_of(lambda number: max(1.21, number * 0.1 + 0.01), events=40))
    assert (finding.severity, finding.title) == ("error", "the beginning of the answer is held back")
    assert finding.figures["start_bytes"] > 0


def test_one_stop_in_the_middle_is_no_fault() -> None:
    def came(number: int) -> float:
        return 2.0 if 9 <= number < 20 else 0.01 + number * 0.1

    finding = found(stream_of(came, events=60))
    assert finding.severity == "note"


def test_events_that_are_due_together_may_come_together() -> None:
    pieces = [(number * 0.1, chunk("a", number * 100.0) + chunk("b", number * 100.0)) for number in range(10)]
    assert found(read_stream(streamed(pieces))).severity == "ok"


def test_of_a_real_model_only_an_answer_that_comes_at_once_is_suspicious() -> None:
    late = stream_of(lambda _: 4.0, stamped=False)
    assert measure(late) is None
    assert (found(late).severity, found(late).code) == ("warning", "buffering")
    assert found(stream_of(lambda number: 1 + number * 0.02, stamped=False)).severity == "ok"
    assert found(stream_of(lambda _: 0.05, stamped=False)).severity == "ok"
    assert found(stream_of(lambda _: 4.0, events=3, stamped=False)).severity == "note"


def test_how_late_each_hops_first_byte_is_is_told_in_figures() -> None:
    refused = streamed([(0.002, b"{}")])
    finding = lateness(
        Link(connect_s=0.001, tls_s=0.004), refused, stream_of(lambda number: 0.003 + number * 0.1)
    )
    assert finding.figures == {
        "connect_ms": 1.0,
        "tls_ms": 4.0,
        "gateway_ms": 2.0,
        "first_event_ms": 3.0,
    }
    assert "TLS" not in lateness(Link(connect_s=0.001), refused, Stream()).seen

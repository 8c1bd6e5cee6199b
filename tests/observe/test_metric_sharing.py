"""Figures of several workers: added up, never lost with a worker, never going back."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from metric_records import WHOLE, like

from sluiceway import __version__
from sluiceway.observe.metric_series import Histogram, Series, Totals
from sluiceway.observe.metric_sharing import (
    FRESH_S,
    Sharing,
    Snapshot,
    decode,
    encode,
    merge_counters,
    merge_gauges,
    merge_totals,
    process_lives,
    total,
)

LOST = ("sluiceway_store_lost_records_total", "no_room")
IN_FLIGHT = ("sluiceway_requests_in_flight", "")
WORST_LAG = ("sluiceway_loop_lag_max_seconds", "")


def totals(times: int, model: str = "gpt-4o") -> Totals:
    series = Series(10)
    for _ in range(times):
        series.count(like(WHOLE, model=model))
    series.lag.observe((0.001,), 0.0)
    return series.totals


def snapshot(worker: int, times: int = 1, *, pid: int = 1, at: float = 100.0, lag: float = 0.0) -> Snapshot:
    return Snapshot(
        __version__,
        worker,
        pid,
        at,
        totals(times),
        {LOST: float(times)},
        {IN_FLIGHT: 2.0, WORST_LAG: lag},
    )


def test_a_snapshot_survives_its_encoding() -> None:
    one = snapshot(3, 2)
    assert decode(encode(one)) == one


def test_totals_add_up_row_by_row_and_bucket_by_bucket() -> None:
    merged = merge_totals([totals(2), totals(3), totals(1, "claude")])
    assert {row.model: row.requests for row in merged.requests} == {"gpt-4o": 5, "claude": 1}
    (flow,) = merged.flows
    assert flow.events == 6 * WHOLE.events
    assert sum(flow.first_event.counts) == 6
    assert flow.first_event.total == pytest.approx(6 * 0.15)
    assert merged.attempts == {("openai", "ok"): 6}
    assert sum(merged.lag.counts) == 3


def test_errors_add_up() -> None:
    series = Series(10)
    series.count(like(WHOLE, outcome="truncated", error_code="upstream_truncated"))
    other = Series(10)
    other.count(like(WHOLE, outcome="truncated", error_code="upstream_truncated"))
    merged = merge_totals([series.totals, other.totals])
    assert merged.errors == {("upstream_truncated", "chat", "openai"): 2}


def test_nothing_adds_up_to_nothing() -> None:
    assert merge_totals([]) == Totals()


def test_histograms_of_different_lengths_are_never_added() -> None:
    with pytest.raises(ValueError, match="zip"):
        Histogram([0, 0]).add(Histogram([0]))


def test_counters_add_up_and_gauges_do_as_they_are_defined() -> None:
    assert merge_counters([{LOST: 1.0}, {LOST: 2.0}]) == {LOST: 3.0}
    assert merge_gauges([{IN_FLIGHT: 1.0, WORST_LAG: 0.1}, {IN_FLIGHT: 2.0, WORST_LAG: 0.3}]) == {
        IN_FLIGHT: 3.0,
        WORST_LAG: 0.3,
    }


def test_of_a_dead_worker_counters_count_and_gauges_do_not() -> None:
    both = [snapshot(1, 2, pid=11, lag=9.0), snapshot(2, 4, pid=12, lag=0.2)]
    figures = total(snapshot(0, 1, pid=10), both, 101.0, lives=lambda pid: pid != 11)
    assert figures.totals.requests[0].requests == 7
    assert figures.readings == {LOST: 7.0, IN_FLIGHT: 4.0, WORST_LAG: 0.2}
    assert figures.living == [(0, 10), (2, 12)]


def test_of_a_worker_that_is_stuck_gauges_do_not_count() -> None:
    stuck = snapshot(1, 1, pid=11, at=100.0 - FRESH_S - 1)
    figures = total(snapshot(0, 1, pid=10), [stuck], 100.0, lives=lambda _pid: True)
    assert figures.readings[IN_FLIGHT] == 2.0
    assert figures.readings[LOST] == 2.0


def test_a_process_lives_until_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process_lives(process.pid)
        process.communicate(b"\n")
    assert not process_lives(process.pid)
    assert process_lives(os.getpid())


def test_a_process_that_may_not_be_signalled_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert process_lives(1)


def test_each_worker_sees_what_the_others_left_but_not_its_own(tmp_path: Path) -> None:
    first, second = Sharing(tmp_path, 0), Sharing(tmp_path, 1)
    first.save(1, encode(snapshot(0, 3)))
    second.save(1, encode(snapshot(1, 5)))
    assert [one.worker for one in first.others()] == [1]
    assert [one.worker for one in second.others()] == [0]
    assert first.others()[0].totals.requests[0].requests == 5


def test_an_older_snapshot_never_replaces_a_newer_one(tmp_path: Path) -> None:
    first = Sharing(tmp_path, 0)
    first.save(2, encode(snapshot(0, 9)))
    first.save(1, encode(snapshot(0, 1)))
    assert Sharing(tmp_path, 1).others()[0].totals.requests[0].requests == 9


def test_a_worker_finds_what_the_one_before_it_left(tmp_path: Path) -> None:
    assert Sharing(tmp_path, 0).predecessor() is None
    Sharing(tmp_path, 0).save(1, encode(snapshot(0, 4)))
    before = Sharing(tmp_path, 0).predecessor()
    assert before is not None
    assert before.totals.requests[0].requests == 4


def test_however_often_a_worker_is_replaced_there_is_one_file(tmp_path: Path) -> None:
    for _ in range(5):
        sharing = Sharing(tmp_path, 0)
        sharing.predecessor()
        sharing.save(1, encode(snapshot(0)))
    assert [path.name for path in tmp_path.iterdir()] == ["0.metrics"]


def test_a_file_that_makes_no_sense_is_said_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1.metrics").write_bytes(b"\xc1 nonsense")
    assert Sharing(tmp_path, 0).others() == []
    assert "can't be read" in caplog.text


def test_what_another_version_of_the_program_left_is_left_out(tmp_path: Path) -> None:
    old = snapshot(1)
    old.version = "0.0.0"
    (tmp_path / "1.metrics").write_bytes(encode(old))
    assert Sharing(tmp_path, 0).others() == []


def test_a_folder_that_is_gone_is_said_once_and_hurts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sharing = Sharing(tmp_path / "gone", 0)
    with caplog.at_level(logging.WARNING):
        sharing.save(1, encode(snapshot(0)))
        sharing.save(2, encode(snapshot(0)))
    assert caplog.text.count("can't be shared") == 1
    assert sharing.others() == []
    (tmp_path / "gone").mkdir()
    sharing.save(3, encode(snapshot(0)))
    assert len(Sharing(tmp_path / "gone", 1).others()) == 1

"""The report: tables, verdicts and the page between its markers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import BEGIN, END, insert, render
from bench.results import Results, Run, load, save
from bench.targets import verdicts


def results(*runs: Run, skipped: dict[str, str] | None = None) -> Results:
    return Results(
        date="2026-01-02T03:04:05+00:00",
        command="python -m bench run",
        quick=False,
        rounds=3,
        machine={"CPU": "a fast one"},
        versions={"nginx": "1.0"},
        skipped=skipped or {},
        runs=list(runs),
    )


def per_event(peer: str, *costs: float) -> list[Run]:
    return [Run("streams", peer, number, metrics={"cpu_us": cost}) for number, cost in enumerate(costs, 1)]


def outcome(measured: Results, beginning: str) -> str:
    return next(verdict.outcome for verdict in verdicts(measured) if verdict.target.startswith(beginning))


def test_a_row_gives_median_range_and_ratio_to_nginx() -> None:
    page = render(results(*per_event("nginx", 10, 30, 20), *per_event("envoy", 50, 25, 30)))
    assert "| nginx | 20.0 | 10.0–30.0 | 1.00 |" in page
    assert "| envoy | 30.0 | 25.0–50.0 | 1.50 |" in page


def test_a_gateway_without_figures_has_dashes_and_its_reason() -> None:
    failed = Run("streams", "smg", 1, error="status 500")
    page = render(results(*per_event("nginx", 10), failed, skipped={"envoy": "absent (envoy not found)"}))
    assert "| smg | – | – | – |" in page
    assert "- smg: 1 failed: `status 500`" in page
    assert "- envoy skipped: `absent (envoy not found)`" in page


def test_a_ratio_needs_nginx() -> None:
    assert "| envoy | 30.0 | 30.0–30.0 | – |" in render(results(*per_event("envoy", 30)))


def test_what_limits_cost_is_told_against_the_gateway_without_them_and_nginx() -> None:
    measured = results(*per_event("nginx", 10), *per_event("sluiceway", 20), *per_event("sluiceway-team", 22))
    assert "| 200 streams, an event every 20 ms: CPU µs per event | 20.0 | 22.0 | 1.10 | 2.20 |" in render(
        measured
    )
    assert "two upstreams cost" not in render(results(*per_event("sluiceway", 20)))


def test_a_reason_cannot_become_markup() -> None:
    page = render(results(skipped={"envoy": "`rm` <b>\n| x |"}))
    assert "- envoy skipped: `'rm' <b> | x |`" in page


def test_targets_are_met_missed_or_not_measured_by_the_figures() -> None:
    measured = results(
        *per_event("nginx", 10), *per_event("sluiceway", 12.9), *per_event("envoy", 20), *per_event("smg", 12)
    )
    assert outcome(measured, "CPU per event at most 1.3") == "met"
    assert outcome(measured, "CPU per event below envoy") == "met"
    assert outcome(measured, "CPU per event below smg") == "missed"
    assert outcome(measured, "CPU per JSON request") == "not measured"


def test_an_abort_that_went_unnoticed_misses_its_target() -> None:
    quick = {"abort_p99_ms": 1.0, "unnoticed": 0.0}
    assert outcome(results(Run("abort", "sluiceway", 1, metrics=quick)), "the upstream aborted") == "met"
    unnoticed = {**quick, "unnoticed": 1.0}
    assert outcome(results(Run("abort", "sluiceway", 1, metrics=unnoticed)), "the upstream ab") == "missed"


def test_streams_that_could_not_be_opened_miss_their_target() -> None:
    failed = Run("idle-5000", "sluiceway", 1, error="connection lost")
    assert outcome(results(failed), "5,000 open streams") == "missed"


def test_the_page_keeps_what_stands_outside_the_markers() -> None:
    page = f"# Title\n{BEGIN}\nold\n{END}\nfoot\n"
    assert insert(page, "new\n") == f"# Title\n{BEGIN}\n\nnew\n\n{END}\nfoot\n"
    with pytest.raises(ValueError, match="bench:begin"):
        insert("# Title\n", "new\n")


def test_saved_results_come_back_as_they_were(tmp_path: Path) -> None:
    measured = results(*per_event("nginx", 10, 11))
    save(measured, tmp_path / "deep" / "results.json")
    assert load(tmp_path / "deep" / "results.json") == measured

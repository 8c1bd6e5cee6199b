"""The targets that Sluiceway set itself, held against what was measured."""

from __future__ import annotations

from typing import NamedTuple

from bench.peers import DIRECT
from bench.results import Results

OURS = "sluiceway"


class Verdict(NamedTuple):
    """`outcome`: "met", "missed" or "not measured"."""

    target: str
    measured: str
    outcome: str


def verdicts(results: Results) -> list[Verdict]:
    """One for each target."""
    return [
        _ratio(results, "CPU per event at most 1.3 × nginx", "streams", "nginx", 1.3),
        *(
            _ratio(results, f"CPU per event below {peer}", "streams", peer, 1.0)
            for peer in ("envoy", "smg", "vllm-router")
        ),
        _ratio(results, "CPU per JSON request at most 3 × nginx", "json", "nginx", 3.0),
        # At 200 streams LiteLLM is saturated, and what it costs is not what an event costs.
        _ratio(
            results,
            "CPU per event at least 30 × cheaper than LiteLLM (20 streams)",
            "few-streams",
            "litellm",
            1 / 30,
        ),
        _first_byte(results),
        _abort(results),
        *(_idle_memory(results, scenario) for scenario in ("idle-1000", "idle-5000")),
        _idle_open(results),
    ]


def _judge(target: str, measured: str, met: bool) -> Verdict:
    return Verdict(target, measured, "met" if met else "missed")


def _unmeasured(target: str) -> Verdict:
    return Verdict(target, "–", "not measured")


def _ratio(results: Results, target: str, scenario: str, peer: str, limit: float) -> Verdict:
    ours, theirs = (results.median(scenario, name, "cpu_us") for name in (OURS, peer))
    if ours is None or theirs is None:
        return _unmeasured(target)
    ratio = f"{ours / theirs:.2f} ×" if limit >= 1 else f"{theirs / ours:.0f} × cheaper"
    return _judge(target, f"{ours:.1f} µs against {theirs:.1f} µs: {ratio}", ours <= theirs * limit)


def _first_byte(results: Results) -> Verdict:
    target = "time to first byte: less than 0.5 ms added at the median"
    ours, floor = (results.median("latency", name, "ttfb_p50_ms") for name in (OURS, DIRECT))
    if ours is None or floor is None:
        return _unmeasured(target)
    return _judge(target, f"{ours - floor:.3f} ms", ours - floor < 0.5)


def _abort(results: Results) -> Verdict:
    target = "the upstream aborted within 50 ms of the client leaving"
    slowest = results.values("abort", OURS, "abort_p99_ms")
    unnoticed = sum(results.values("abort", OURS, "unnoticed"))
    if not slowest and not unnoticed:
        return _unmeasured(target)
    worst = max(slowest, default=float("inf"))
    measured = f"{worst:.2f} ms (p99 of the worst run), {unnoticed:.0f} unnoticed"
    return _judge(target, measured, worst <= 50 and not unnoticed)


def _idle_memory(results: Results, scenario: str) -> Verdict:
    target = f"at most 24 KiB per idle stream, with {int(scenario.removeprefix('idle-')):,} open"
    held = results.median(scenario, OURS, "kib_per_stream")
    if held is None:
        return _unmeasured(target)
    return _judge(target, f"{held:.1f} KiB", held <= 24)


def _idle_open(results: Results) -> Verdict:
    target = "5,000 open streams on one process"
    values = results.values("idle-5000", OURS, "open")
    if not values and not results.errors("idle-5000", OURS):
        return _unmeasured(target)
    least = min(values, default=0.0)
    return _judge(target, f"{least:,.0f} open", least >= 5000)

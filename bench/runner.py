"""Runs the scenarios: round after round, in each round every gateway once, each time in a new process.

A new process per run costs a second and buys independence: no run inherits another's memory, and no
gateway idles beside the one that is measured.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import peers, procs, scenarios
from bench.driver import Job
from bench.results import Results, Run, machine

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench"
DRIVER_GRACE_S = 30.0
"""Beyond a job's own limit: the driver is then stuck, and killed."""
SETTLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Options:
    """`only`, `scenario_names`: empty for all."""

    rounds: int
    quick: bool
    only: Sequence[str]
    scenario_names: Sequence[str]


def run(options: Options) -> Results:
    """The whole bench. Every process it starts has ended when this returns or raises."""
    chosen = [s for s in scenarios.SCENARIOS if s.name in (options.scenario_names or scenarios.NAMES)]
    taking_part = [peer for peer in peers.PEERS if peer.name in (options.only or peers.NAMES)]
    with_direct = peers.DIRECT in (options.only or peers.NAMES)
    results = Results(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=" ".join(["python -m bench", *sys.argv[1:]]),
        quick=options.quick,
        rounds=options.rounds,
        machine=machine(),
        versions={},
        skipped={},
        runs=[],
    )
    with upstream() as upstream_port:
        for scenario in chosen:
            job = scenario.quick if options.quick else scenario.job
            job = msgspec.structs.replace(job, upstream_port=upstream_port, key=peers.KEY)
            for number in range(1, options.rounds + 1):
                if with_direct:
                    running = peers.Running(upstream_port, 0, None)
                    _note(results, drive(scenario.name, peers.DIRECT, number, running, job))
                for peer in taking_part:
                    if peer.name not in results.skipped and number <= peer.max_rounds:
                        _one(results, peer, scenario.name, number, job)
    return results


def _one(results: Results, peer: peers.Peer, scenario: str, number: int, job: Job) -> None:
    site = peers.Site(
        home=HOME / "run" / peer.name,
        venvs=HOME,
        port=procs.free_port(),
        spare_port=procs.free_port(),
        upstream_port=job.upstream_port,
        models=scenarios.models(),
    )
    try:
        running = peers.start(peer, site)
    except peers.Skipped as reason:
        if peer.name in results.versions:
            # It came up before: this run failed, the peer is still part of the bench.
            _note(results, Run(scenario, peer.name, number, error=str(reason)))
        else:
            results.skipped[peer.name] = str(reason)
            print(f"{peer.name}: skipped: {reason}", file=sys.stderr, flush=True)
        return
    try:
        results.versions[peer.name] = peer.version(HOME)
        time.sleep(SETTLE_S)
        _note(results, drive(scenario, peer.name, number, running, job))
    finally:
        running.stop()


def drive(scenario: str, peer: str, number: int, running: peers.Running, job: Job) -> Run:
    """One run of the driver against a running gateway."""
    job = msgspec.structs.replace(job, port=running.port, watch=running.pid)
    command = [sys.executable, "-m", "bench.driver", msgspec.json.encode(job).decode()]
    limit_s = job.limit_s + DRIVER_GRACE_S
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return Run(scenario, peer, number, error=f"driver not done within {limit_s:.0f} s")
    if done.returncode:
        return Run(scenario, peer, number, error=f"driver: {done.stderr.strip().rpartition(chr(10))[2]}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        return Run(scenario, peer, number, error=answer["error"])
    return Run(scenario, peer, number, metrics=answer)


def _note(results: Results, run: Run) -> None:
    results.runs.append(run)
    column = next(s.columns[0] for s in scenarios.SCENARIOS if s.name == run.scenario)
    value = run.metrics.get(column.metric)
    told = run.error or ("-" if value is None else f"{value:.{column.digits}f} {column.heading}")
    print(f"{run.scenario} {run.round} {run.peer}: {told}", file=sys.stderr, flush=True)


@contextmanager
def upstream() -> Iterator[int]:
    """The fake upstream's port, while it runs. Raises `peers.Skipped` if it doesn't come up."""
    (HOME / "run").mkdir(parents=True, exist_ok=True)
    port = procs.free_port()
    command = [sys.executable, "-m", "bench.upstream", str(port), *scenarios.models()]
    process = procs.Process(command, log=HOME / "run" / "upstream.log", cwd=ROOT)
    try:
        peers.await_ready(process, port, "bench-json", within_s=10.0)
        yield port
    finally:
        process.stop()

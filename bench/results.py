"""What a bench leaves behind: every single run, and where it was made."""

from __future__ import annotations

import platform
import statistics
from pathlib import Path

import msgspec


class Run(msgspec.Struct, frozen=True):
    """One gateway in one scenario in one round. `error`: why its figures can't be counted, or ""."""

    scenario: str
    peer: str
    round: int
    metrics: dict[str, float] = {}
    error: str = ""


class Results(msgspec.Struct):
    """`machine` and `versions`: name to text. `skipped`: peer to reason. `date`: ISO 8601, UTC."""

    date: str
    command: str
    quick: bool
    rounds: int
    machine: dict[str, str]
    versions: dict[str, str]
    skipped: dict[str, str]
    runs: list[Run]

    def values(self, scenario: str, peer: str, metric: str) -> list[float]:
        """This metric of every good run, in order of rounds."""
        return [
            run.metrics[metric]
            for run in self.runs
            if run.scenario == scenario and run.peer == peer and metric in run.metrics
        ]

    def median(self, scenario: str, peer: str, metric: str) -> float | None:
        """The median over all good runs, None without any."""
        values = self.values(scenario, peer, metric)
        return statistics.median(values) if values else None

    def errors(self, scenario: str, peer: str) -> list[str]:
        """Why runs of this peer in this scenario failed."""
        return [run.error for run in self.runs if run.scenario == scenario and run.peer == peer and run.error]

    def peers(self, scenario: str) -> list[str]:
        """Who took part, in order of appearance."""
        return list(dict.fromkeys(run.peer for run in self.runs if run.scenario == scenario))


def load(path: Path) -> Results:
    """Read saved results. Raises `OSError`, or `msgspec.DecodeError` if it is something else."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def save(results: Results, path: Path) -> None:
    """Write results as readable JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def machine() -> dict[str, str]:
    """This machine, as far as it bears on the figures."""
    cpu = _field(Path("/proc/cpuinfo"), "model name")
    total_kib = int(_field(Path("/proc/meminfo"), "MemTotal").split()[0])
    cores = Path("/proc/cpuinfo").read_text().count("processor\t:")
    virtual = " (virtual machine)" if "hypervisor" in _field(Path("/proc/cpuinfo"), "flags").split() else ""
    return {
        "CPU": f"{cpu}, {cores} cores{virtual}",
        "memory": f"{total_kib / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"  # not every architecture names its CPU

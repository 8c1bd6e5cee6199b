"""Figures of several workers on one page: each leaves its own in a file, whoever is asked adds them up.

One file for each worker, in a folder that the supervisor makes anew for each life of the service. A worker replaces
its file about once a second, when it is asked for the page, and when it ends. So what was ever shown is on disk,
and no counter goes back while the service lives, whoever is asked next and whoever has died. A worker that takes the
place of one that died goes on counting from its predecessor's file (`Series.restore`): nothing piles up.

Gauges are of the present: those of a worker that is gone, or silent for `FRESH_S`, do not count.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sluiceway import __version__
from sluiceway.observe.metric_definitions import DEFINITIONS
from sluiceway.observe.metric_series import FLOW_FIGURES, ROW_FIGURES, Flow, Histogram, Row, Totals

log = logging.getLogger("sluiceway.metrics")

# How often a worker leaves its figures, in seconds: what a worker that is killed can lose.
SAVE_S: Final = 1.0

# A worker that has left none for so long is stuck; what it says of the present is not true any more.
FRESH_S: Final = 10.0

Reading = tuple[str, str]
"""The name of a metric that is asked for when it is needed, and the value of its label; empty without one."""


class Snapshot(msgspec.Struct):
    """What one worker knows. `at`: monotonic seconds, the same clock for all processes of a machine. `version`: of
    the program; it may change while the service lives, by an upgrade after which a worker dies."""

    version: str
    worker: int
    pid: int
    at: float
    totals: Totals
    counters: dict[Reading, float]
    gauges: dict[Reading, float]


class Sum(msgspec.Struct):
    """What all of them know. `living`: worker and process id of those that still do something."""

    totals: Totals
    readings: dict[Reading, float]
    living: list[tuple[int, int]]


class Sharing:
    """The folder, as one worker sees it. `save` and `others` do I/O, and may be called from any thread."""

    def __init__(self, folder: str | os.PathLike[str], worker: int) -> None:
        self._folder = Path(folder)
        self.worker = worker
        self._path = self._path_of(worker)
        self._lock = threading.Lock()
        self._saved = 0
        self._failing = False

    def predecessor(self) -> Snapshot | None:
        """What the worker knew that was here before; None if it is the first. Before anything is saved."""
        return _read(self._path)

    def save(self, number: int, snapshot: bytes) -> None:
        """Leave it for the others. `number`: those with a lower one are older, and never replace it."""
        with self._lock:
            if number <= self._saved:
                return
            draft = self._path.with_suffix(".new")
            try:
                draft.write_bytes(snapshot)
                draft.replace(self._path)
            except OSError as error:
                if not self._failing:
                    log.warning("the metrics of this worker can't be shared: %s", error)
                self._failing = True
            else:
                self._saved, self._failing = number, False

    def others(self) -> list[Snapshot]:
        """What all other workers have left, living or not."""
        paths = sorted(path for path in self._folder.glob("*.metrics") if path != self._path)
        return [snapshot for path in paths if (snapshot := _read(path)) is not None]

    def _path_of(self, worker: int) -> Path:
        return self._folder / f"{worker}.metrics"


def total(
    own: Snapshot, others: Sequence[Snapshot], now: float, lives: Callable[[int], bool] | None = None
) -> Sum:
    """All of it together. `now`: as `Snapshot.at`. `lives`: whether there is a process of that id. `own` and
    `others` are used up."""
    alive = lives or process_lives
    living = [own, *(one for one in others if now - one.at <= FRESH_S and alive(one.pid))]
    every = [own, *others]
    readings = merge_counters(one.counters for one in every)
    readings.update(merge_gauges(one.gauges for one in living))
    return Sum(merge_totals(one.totals for one in every), readings, [(one.worker, one.pid) for one in living])


def merge_totals(every: Iterable[Totals]) -> Totals:
    """Their sum. Uses them up."""
    result = Totals()
    rows: dict[tuple[str, ...], Row] = {}
    flows: dict[tuple[str, ...], Flow] = {}
    for totals in every:
        for row in totals.requests:
            _add(rows.setdefault(row.labels, row), row)
        for flow in totals.flows:
            _add(flows.setdefault(flow.labels, flow), flow)
        for error, count in totals.errors.items():
            result.errors[error] = result.errors.get(error, 0) + count
        for attempt, count in totals.attempts.items():
            result.attempts[attempt] = result.attempts.get(attempt, 0) + count
        result.lag.add(totals.lag)
    result.requests, result.flows = list(rows.values()), list(flows.values())
    return result


def merge_counters(every: Iterable[dict[Reading, float]]) -> dict[Reading, float]:
    """Their sum."""
    result: dict[Reading, float] = {}
    for counters in every:
        for reading, value in counters.items():
            result[reading] = result.get(reading, 0.0) + value
    return result


def merge_gauges(every: Iterable[dict[Reading, float]]) -> dict[Reading, float]:
    """The sum or the highest, as each metric's definition says."""
    result: dict[Reading, float] = {}
    for gauges in every:
        for reading, value in gauges.items():
            if reading not in result:
                result[reading] = value
            elif DEFINITIONS[reading[0]].merge == "max":
                result[reading] = max(result[reading], value)
            else:
                result[reading] += value
    return result


def process_lives(pid: int) -> bool:
    """Whether there is a process of that id, somebody else's included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _add(into: Row | Flow, more: Row | Flow) -> None:
    if into is more:
        return
    for name in ROW_FIGURES if isinstance(into, Row) else FLOW_FIGURES:
        mine, theirs = getattr(into, name), getattr(more, name)
        if isinstance(mine, Histogram):
            mine.add(theirs)
        else:
            setattr(into, name, mine + theirs)


def _read(path: Path) -> Snapshot | None:
    try:
        snapshot = decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("the metrics of another worker can't be read: %s", error)
        return None
    return snapshot if snapshot.version == __version__ else None  # others may count otherwise


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """Fast enough for the loop: 0.1 ms for a hundred models."""
    return _encoder.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """The value. Raises `msgspec.DecodeError`."""
    return _decoder.decode(data)

"""Which state a process has, as the configuration says."""

from __future__ import annotations

from pathlib import Path

from sluiceway.config.server_settings import StateSettings
from sluiceway.state.base import State
from sluiceway.state.memory import MemoryState


def state_of(settings: StateSettings, *, worker: int = 0, workers: int = 1) -> State:
    """The state of one process, not yet started.

    `worker`: its number, from 0, among `workers` that share the port. Without Redis each gets its part of every
    limit, and a file of its own: `state.json`, then `state.1.json` and so on.
    """
    if settings.redis:
        from sluiceway.state.shared import SharedState  # the client library is only loaded where it is used

        return SharedState(settings)
    return MemoryState(parts=workers, file=_own_file(settings.file, worker))


def _own_file(file: str, worker: int) -> Path | None:
    if not file:
        return None
    path = Path(file)
    return path.with_stem(f"{path.stem}.{worker}") if worker else path

"""What the API works on: the gateway it belongs to, and the seams to what is built beside it.

Everything here belongs to one process. Where several share a port, each request reaches one of them, and sees and
changes that one's streams and upstreams; records, usage and keys are everybody's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.source import Loaded
from sluiceway.console.seams import Store
from sluiceway.gateway import Gateway
from sluiceway.observe.inspector import Inspector
from sluiceway.policy.limits import Meter
from sluiceway.reload import Result


class Reloader(Protocol):
    """The part of `reload.Reloader` that is needed here."""

    loaded: Loaded
    last_result: Result | None

    def request(self, reason: str) -> None:
        """Read the configuration again, soon."""
        ...


class Deps:
    """See the module. `started`: Unix seconds; `event_streams`: live views that are open now."""

    __slots__ = (
        "event_streams",
        "files",
        "gateway",
        "inspector",
        "reloader",
        "started",
        "store",
        "used",
        "worker",
        "workers",
    )

    def __init__(
        self,
        gateway: Gateway,
        *,
        reloader: Reloader | None = None,
        files: Callable[[], tuple[Path, ...]] = tuple,
        store: Store | None = None,
        inspector: Inspector | None = None,
        used: Callable[[Sequence[KeySettings]], Awaitable[Mapping[str, Meter]]] | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """`reloader`: None where this process can't reload. `files`: what the configuration is read from. `store`:
        None if nothing is kept. `inspector`: None if no timelines are. `used`: what keys have used of their limits,
        by name; None where the state can't tell. `worker`: which of `workers` processes this is, from 0."""
        self.gateway = gateway
        self.reloader = reloader
        self.files = files
        self.store = store
        self.inspector = inspector
        self.used = used
        self.worker = worker
        self.workers = workers
        self.started = time.time()
        self.event_streams = 0

"""What the API works on: the gateway it belongs to, and the seams to what is built beside it.

Everything here belongs to one process. Where several share a port, each request reaches one of them; the others are
`peers`, which `parts` asks for their part.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.settings import Settings
from sluiceway.console.questions import Questions
from sluiceway.console.seams import Store
from sluiceway.gateway import Gateway
from sluiceway.observe.inspector import Inspector
from sluiceway.policy.limits import Meter
from sluiceway.reload import Result


class Reloader(Protocol):
    """The part of `reload.Reloader` that is needed here."""

    last_result: Result | None

    async def reload(self, reason: str) -> Result:
        """Read the configuration again; how it went."""
        ...


class Peers(Protocol):
    """The other processes of this gateway."""

    async def ask(self, worker: int, part: str, question: bytes) -> bytes | None:
        """What that one answers for its part; None if it can't be heard in time."""
        ...


class Deps:
    """See the module. `started`: Unix seconds; `event_streams`: live views that are open now; `questions`: put to the
    store."""

    __slots__ = (
        "event_streams",
        "files",
        "gateway",
        "inspector",
        "peers",
        "questions",
        "reloader",
        "set_drained",
        "settings",
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
        peers: Peers | None = None,
        settings: Callable[[], Settings] | None = None,
        set_drained: Callable[[str, bool], Awaitable[None]] | None = None,
    ) -> None:
        """`reloader`: None where nothing is there to read. `files`: what the configuration is read from. `store`:
        None if nothing is kept. `inspector`: None if no timelines are. `used`: what keys have used of their limits,
        by name; None where the state can't tell. `worker`: which of `workers` processes this is, from 0. `peers`:
        None where there are no others. `settings`: what is configured, where this process has its part of it.
        `set_drained`: has an upstream drained, or enabled, by all processes; None where this is the only one."""
        self.gateway = gateway
        self.reloader = reloader
        self.files = files
        self.store = store
        self.inspector = inspector
        self.used = used
        self.worker = worker
        self.workers = workers
        self.peers = peers
        self.settings = settings if settings is not None else lambda: gateway.runtime.settings
        self.set_drained = set_drained
        self.started = time.time()
        self.event_streams = 0
        self.questions = Questions()

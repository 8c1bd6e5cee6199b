"""The configuration, read again while the gateway runs: on SIGHUP, and when a file of it changes.

Read, check, hand over, say what changed. What can't be read or is not valid changes nothing, and is reported
with all that is wrong. Requests that are running keep the runtime that they began with (invariant 8).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.config.changes import changes, needs_restart
from sluiceway.config.problems import ConfigError
from sluiceway.config.source import Loaded, Source
from sluiceway.config.watch import ticks

log = logging.getLogger("sluiceway.reload")

# The log line of a reload names this many changes; a configuration that is wholly another one is no diff.
MAX_LOGGED_CHANGES = 50


class Result(msgspec.Struct, frozen=True):
    """How a reload went. `at`: Unix seconds; `ok`: whether what was read is in force; `changes`: what is
    different, in words; `needs_restart`: settings that wait for a restart; `problems`: why it is not in force.
    """

    at: float
    reason: str
    ok: bool
    changes: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Reloader:
    """Reloads, one at a time, when it is asked to; whoever asks during a reload has another one after it."""

    def __init__(
        self,
        source: Source,
        loaded: Loaded,
        apply: Callable[[Loaded], None],
        report: Callable[[Result], None] = lambda result: None,
    ) -> None:
        """`loaded`: what the process runs with; `apply`: called in the loop with what is to be in force; `report`:
        with how each reload went."""
        self.loaded = loaded
        self.last_result: Result | None = None
        self._began_with = loaded.settings
        self._source = source
        self._apply = apply
        self._report = report
        self._reason = ""
        self._asking: list[asyncio.Future[Result]] = []  # for the result of the next reload
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Obey SIGHUP, and watch the files if `server.watch_config` says so. In the loop."""
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():  # others can't have signals
            self._loop.add_signal_handler(signal.SIGHUP, self.request, "SIGHUP")
        if self._began_with.server.watch_config and self._source.files:
            self._watcher = self._loop.create_task(self._watch(), name="config-watch")

    async def close(self) -> None:
        """Reload no more; wait for a reload that is running."""
        if self._loop is not None and threading.current_thread() is threading.main_thread():
            self._loop.remove_signal_handler(signal.SIGHUP)
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        self._reason = ""
        if self._task is not None:
            await asyncio.wait([self._task])

    def request(self, reason: str) -> None:
        """Reload soon. `reason`: for the log."""
        self._reason = reason
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="reload")

    async def reload(self, reason: str) -> Result:
        """Reload, and tell how it went. It is a reload that began after this was called; what ran already may have
        read too early."""
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asking.append(told)
        self.request(reason)
        return await told

    async def _run(self) -> None:
        while reason := self._reason:
            self._reason = ""
            asking, self._asking = self._asking, []
            self.last_result = result = await self._reload(reason)
            self._report(result)
            for told in asking:
                if not told.done():  # who asked may have gone
                    told.set_result(result)

    async def _reload(self, reason: str) -> Result:
        was = self.loaded
        try:
            new = await asyncio.to_thread(self._source.load)
            if new != was:
                self._apply(new)
        except ConfigError as error:
            return self._failed(reason, error.source, map(str, error.problems))
        except Exception as error:
            log.exception("the configuration could not be put in force; nothing has changed")
            return Result(time.time(), reason, ok=False, problems=(f"internal error: {error!r}",))
        self.loaded = new
        return self._succeeded(reason, changes(was.settings, new.settings, was.stored, new.stored))

    def _failed(self, reason: str, source: str, problems: Iterable[str]) -> Result:
        result = Result(time.time(), reason, ok=False, problems=tuple(problems))
        log.error(
            "configuration not reloaded, nothing has changed",
            extra={"reason": reason, "source": source, "problems": result.problems},
        )
        return result

    def _succeeded(self, reason: str, changed: list[str]) -> Result:
        waiting = needs_restart(self._began_with, self.loaded.settings)
        shown = changed[:MAX_LOGGED_CHANGES]
        if len(changed) > len(shown):
            shown.append(f"and {len(changed) - len(shown)} more")
        fields: dict[str, Any] = {"reason": reason, "changes": shown}
        if waiting:
            fields["needs_restart"] = waiting
        log.info("configuration reloaded", extra=fields)
        return Result(time.time(), reason, ok=True, changes=tuple(changed), needs_restart=tuple(waiting))

    # ── watching ────────────────────────────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        try:
            while True:
                await self._watch_files(self._source.files)
        except (OSError, RuntimeError) as error:  # the system's watches may be used up
            log.warning(
                "configuration files can't be watched; SIGHUP still reloads them",
                extra={"reason": str(error)},
            )

    async def _watch_files(self, files: tuple[Path, ...]) -> None:
        """Until they are others: a reload may have named another keys file."""
        async with contextlib.aclosing(ticks(files)) as watching:
            async for _ in watching:
                if self._task is not None and not self._task.done():
                    await asyncio.wait([self._task])  # what it reads now, it would be asked to read again
                if await asyncio.to_thread(self._source.has_changed):
                    self.request("a file changed")
                if self._source.files != files:
                    return

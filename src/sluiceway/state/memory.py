"""The state of a single process: everything in memory, budgets also in a file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sluiceway.config.key_settings import KeySettings
from sluiceway.policy.limits import Meter, billionths, milliseconds, rate_headers, refusal
from sluiceway.state.base import MAX_NAMES, KnownLimits, Scope
from sluiceway.state.file import encode_meters, read_meters, write_whole
from sluiceway.wire.http import Headers

log = logging.getLogger("sluiceway.state")

# How much of what was spent a crash may forget.
SAVE_S: Final = 5.0


class MemoryState:
    """See `state.base.State`.

    `parts`: among how many processes the limits are divided, since none knows of the others. `file`: where
    budgets outlive a restart, None for nowhere; no two processes may share it.
    """

    shared: Final = False

    def __init__(self, *, parts: int = 1, file: Path | None = None) -> None:
        self._limits = KnownLimits(parts=parts)
        self._meters: dict[str, Meter] = {}
        self._file = file
        self._changed = False
        self._unwritable = False
        self._closing = asyncio.Event()
        self._saver: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._file is not None:
            self._meters = read_meters(self._file)
            self._saver = asyncio.create_task(self._save_until_closed(self._file), name="state-file")

    async def close(self) -> None:
        self._closing.set()
        if self._saver is not None:
            await self._saver

    async def take(self, key: KeySettings, now: float) -> Headers:
        limits = self._limits.of(key)
        if limits is None:
            return []
        meter = self._meters.get(key.name) or self._new_meter(key.name)
        if not meter.take(limits, milliseconds(now)):
            raise refusal(limits, meter)
        return rate_headers(limits, meter)

    def charge(self, key: KeySettings, tokens: int, cost: float, now: float) -> None:
        limits = self._limits.of(key)
        if limits is None:
            return
        meter = self._meters.get(key.name) or self._new_meter(key.name)
        meter.charge(limits, tokens, billionths(cost), milliseconds(now))
        self._changed = True

    async def used(self, keys: Sequence[KeySettings]) -> Mapping[str, Meter]:
        return {key.name: meter for key in keys if (meter := self._meters.get(key.name)) is not None}

    async def lease(self, scopes: Sequence[Scope]) -> str | None:
        return None

    def release(self, scopes: Sequence[Scope]) -> None:
        pass

    @property
    def names(self) -> int:
        """How many keys it counts for; at most `MAX_NAMES`."""
        return len(self._meters)

    def _new_meter(self, name: str) -> Meter:
        if len(self._meters) >= MAX_NAMES:
            # An eighth at once, so that the sorting is paid for by many. Those were not used for longest.
            by_age = sorted(self._meters, key=lambda name: self._meters[name].at)
            for oldest in by_age[: MAX_NAMES // 8]:
                del self._meters[oldest]
        meter = self._meters[name] = Meter()
        return meter

    async def _save_until_closed(self, file: Path) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_S):
                    await self._closing.wait()
            await self._save(file)
        await self._save(file)

    async def _save(self, file: Path) -> None:
        if not self._changed:
            return
        self._changed = False
        try:
            # What is encoded here is a moment's picture; only the disk may take its time.
            await asyncio.to_thread(write_whole, file, encode_meters(self._meters))
        except OSError as error:
            self._changed = True
            if not self._unwritable:
                log.warning(
                    "the state file can't be written; budgets are forgotten at the end",
                    extra={"file": str(file), "reason": error.strerror or str(error)},
                )
            self._unwritable = True
        else:
            self._unwritable = False

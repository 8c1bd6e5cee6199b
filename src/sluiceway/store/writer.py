"""The writer: takes records and captured bodies from the loop at once, and writes them from a thread of its own.

    loop ──append──► waiting ──every flush_s──► database
                                    │              ▲
                                    └─ it is away ─► files ─┘ when it is back

The loop only ever appends to a bounded queue. What has left the queue is in the database or in a file, or is counted
as dropped.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from sluiceway.config.observe_settings import CaptureSettings, StoreSettings
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.store.inserting import Inserter, Item, Written
from sluiceway.store.migrations import upgrade
from sluiceway.store.opening import Store, StoreError
from sluiceway.store.retention import clean
from sluiceway.store.rows import size_of
from sluiceway.store.spill import Spill, SpilledFile

log = logging.getLogger("sluiceway.store")

# Rows in one transaction. More would not be cheaper, and hold the interpreter longer against the loop.
BATCH: Final = 250

# Records that wait wake the writer before its time when they are this many.
EARLY: Final = 2_000

# Captured bodies that wait for the writer; more are dropped.
MAX_WAITING_BYTES: Final = 67_108_864

# While the database is away, it is tried again after about this long, twice as long each time, up to that.
FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 15.0

# Cleaning up begins some time after the start, then goes on this often, a chunk at a time.
CLEAN_EVERY_S: Final = 300.0

# Between batches read from files, and between chunks that are cleaned up, others get to the database, too.
PAUSE_S: Final = 0.02


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How a writer stands. written, captured: records and captures that it brought into the database. waiting: in
    memory. spilled: put into files since the start, whether or not they have left them. spill_bytes: what all files
    take now. dropped: lost because there was no room. refused: lost because the database does not take them.
    broken: lines of files that made no sense. failing: why the database can't be used, None if it can.
    """

    written: int = 0
    captured: int = 0
    waiting: int = 0
    spilled: int = 0
    spill_bytes: int = 0
    dropped: int = 0
    refused: int = 0
    broken: int = 0
    failing: str | None = None


class Writer:
    """See the module. `writer(record)` is for the loop, `writer.capture(captured)` for one other thread at most; all
    else may block."""

    def __init__(
        self,
        store: Store,
        settings: StoreSettings,
        capture: CaptureSettings | None = None,
        *,
        clean_every_s: float = CLEAN_EVERY_S,
    ) -> None:
        """Starts its thread, which migrates the database first. `capture`: for how long bodies are kept."""
        self._store = store
        self._settings = settings
        self._capture = capture or CaptureSettings()
        self._clean_every_s = clean_every_s
        self._waiting: deque[Item] = deque()
        self._room = settings.max_waiting
        self._early = min(EARLY, max(1, settings.max_waiting // 2))
        # Numbers that only one thread changes each, so that none needs a lock: the loop, that of the captures, ours.
        self._turned_away = 0
        self._captures_turned_away = self._bytes_in = 0
        self._bytes_out = 0
        self._dropped = self._spilled = self._broken = 0
        self._written = Written()
        self._failing: str | None = None
        self._held: list[Item] = []  # what failed, where there are no files
        self._in_hand: list[Item] = []  # what the thread is about to write
        self._spill = Spill(settings.spill_folder, settings.spill_bytes)
        self._replaying: SpilledFile | None = None
        self._cleaning: Iterator[int] | None = None
        self._clean_at = time.monotonic()
        self._ready = False
        self._retry_at = 0.0
        self._retry_s = FIRST_RETRY_S
        self._wake = threading.Event()
        self._turn = threading.Condition()
        self._asked = self._answered = 0
        self._closing = False
        self._inserter = Inserter(store)
        self._thread = threading.Thread(target=self._run, name="sluiceway-store", daemon=True)
        self._thread.start()

    # ── for the loop ────────────────────────────────────────────────────────────────────────────────

    def __call__(self, record: Record) -> None:
        """Keep this record. Never blocks, never raises."""
        waiting = self._waiting
        count = len(waiting)
        if count >= self._room:
            self._turned_away += 1
            return
        waiting.append(record)
        if count == self._early:
            self._wake.set()

    def capture(self, captured: Captured) -> None:
        """Keep these bodies. Never blocks, never raises."""
        size = size_of(captured)
        waiting_bytes = self._bytes_in - self._bytes_out + size
        if len(self._waiting) >= self._room or waiting_bytes > MAX_WAITING_BYTES:
            self._captures_turned_away += 1
            return
        self._bytes_in += size
        self._waiting.append(captured)
        if waiting_bytes > MAX_WAITING_BYTES // 2:
            self._wake.set()

    # ── for other threads ───────────────────────────────────────────────────────────────────────────

    @property
    def counts(self) -> Counts:
        """How it stands. Looks at the folder of files."""
        return Counts(
            written=self._written.records,
            captured=self._written.captures,
            waiting=len(self._waiting) + len(self._in_hand) + len(self._held),
            spilled=self._spilled,
            spill_bytes=self._spill.used_bytes,
            dropped=self._turned_away + self._captures_turned_away + self._dropped,
            refused=self._written.refused,
            broken=self._broken,
            failing=self._failing,
        )

    def flush(self, timeout_s: float) -> bool:
        """Have all that waits now written, or put into files: whether that was done in time."""
        with self._turn:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            return self._turn.wait_for(lambda: self._answered >= asked, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """The same, and take no more. What is not written in time goes to a file: false if that was impossible."""
        self._room = 0
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            return True
        rest = [*self._in_hand, *self._held, *self._waiting]  # some may get there all the same: never twice
        files = Spill(self._settings.spill_folder, self._settings.spill_bytes)
        kept = 0
        with contextlib.suppress(OSError):
            kept = files.append(rest)
        files.close()
        self._spilled += kept
        self._dropped += len(rest) - kept
        return kept == len(rest)

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        more = True
        while True:
            self._wake.wait(PAUSE_S if more else self._settings.flush_s)
            self._wake.clear()
            closing, asked = self._closing, self._asked
            try:
                more = self._work(closing=closing)
            except Exception:
                log.exception("records were lost")
                self._dropped += len(self._in_hand)
                self._in_hand = []
            with self._turn:
                self._answered = asked
                self._turn.notify_all()
            if closing:
                break
        self._spill.close()
        if self._replaying is not None:
            self._replaying.close()

    def _work(self, *, closing: bool) -> bool:
        """Everything that is to be done now. Whether there is more, for soon."""
        again = bool(self._held)
        self._in_hand = [*self._held, *self._taken()]
        self._held = []
        more = False
        try:
            if time.monotonic() >= self._retry_at or (closing and not self._settings.spill_bytes):
                self._prepare()
                self._write(again=again)
                more = not closing and (self._replay() or self._clean())
                self._is_back()
        except Exception as error:  # whatever it is: what comes later must be kept, too
            self._is_away(error)
        if self._in_hand:
            self._set_aside(last=closing)
        return more

    def _taken(self) -> list[Item]:
        waiting = self._waiting
        items = [waiting.popleft() for _ in range(len(waiting))]
        self._bytes_out += sum(size_of(item) for item in items if isinstance(item, Captured))
        return items

    def _prepare(self) -> None:
        if self._store.is_gone:
            log.error("the file of records is gone or was replaced; it is made anew")
            self._store.engine.dispose()
            self._ready = False
        if not self._ready:
            upgrade(self._store)
            self._ready = True

    def _write(self, *, again: bool) -> None:
        while self._in_hand:
            batch = self._in_hand[:BATCH]
            self._count(self._inserter.write(batch, again=again))
            self._in_hand = self._in_hand[BATCH:]

    def _replay(self) -> bool:
        """One batch from a file. Whether there may be more."""
        if self._replaying is None:
            self._replaying = self._spill.take()
            if self._replaying is None:
                return False
            log.info("records of %s go into the database", self._replaying.path.name)
        file, self._replaying = self._replaying, None
        try:
            items = file.read(BATCH)
            if items:
                self._count(self._inserter.write(items, again=True))
                self._replaying = file
            else:
                file.remove()
                self._broken += file.broken
        except BaseException:
            file.close()  # it is read again from its beginning, and nothing is written twice
            raise
        return True

    def _clean(self) -> bool:
        """One chunk of what is too old or too much. Whether there may be more."""
        now = time.monotonic()
        if self._cleaning is None:
            if now < self._clean_at:
                return False
            self._clean_at = now + self._clean_every_s * _jitter()  # not all workers at once
            self._cleaning = clean(self._store, self._settings, self._capture, time.time())
        try:
            next(self._cleaning)
        except StopIteration:
            self._cleaning = None
            return False
        except Exception:
            self._cleaning = None
            raise
        return True

    def _is_away(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, StoreError) else self._store.in_words(error)
        if self._failing is None:
            log.error("the database of records can't be used, it is tried again and again: %s", reason)
        self._failing = reason
        self._ready = False  # it may come back empty, or as an older copy
        self._retry_at = time.monotonic() + self._retry_s * _jitter()
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def _is_back(self) -> None:
        if self._failing is not None:
            log.info("the database of records can be used again")
        self._failing, self._retry_s = None, FIRST_RETRY_S

    def _set_aside(self, *, last: bool) -> None:
        """What could not be written: into files, or kept in memory where there are none."""
        items, kept = self._in_hand, 0
        if self._settings.spill_bytes:
            try:
                kept = self._spill.append(items)
            except OSError as error:
                log.error("records can't be put into files: %s", error.strerror or error)
            self._spilled += kept
        elif not last:
            kept = self._settings.max_waiting
            self._held = items[:kept]
        if kept < len(items):
            if not self._dropped:
                log.error("there is no room for more records; they are dropped, and counted")
            self._dropped += len(items) - kept
        self._in_hand = []

    def _count(self, written: Written) -> None:
        self._written = self._written.plus(written)


def _jitter() -> float:
    return random.uniform(0.75, 1.25)  # noqa: S311 - not a secret

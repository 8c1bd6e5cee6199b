"""What the provider received, and how each answer ended: the other end of a test's assertions."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Literal

import msgspec

KEPT_REQUESTS = 256
KEPT_BODY_BYTES = 64 * 1024

Outcome = Literal["running", "complete", "broken", "aborted"]


class Record(msgspec.Struct, kw_only=True):
    """One request. Times are `time.monotonic()` in s.

    `body`: the first 64 KiB, as text; `body_bytes`: how many came. `bytes_written`: handed to the socket,
    head and framing included. `outcome`: `complete` (whole answer sent), `broken` (ended by its fault),
    `aborted` (the client left first, at `aborted_at`). `peer`: the client's address and port, which tells
    connections apart. Credentials in `headers` are kept: tests have to see what was sent.
    """

    number: int
    method: str
    path: str
    peer: str
    headers: list[tuple[str, str]]
    received_at: float
    body: str = ""
    body_bytes: int = 0
    fault: str = ""
    stream: bool = False
    bytes_written: int = 0
    first_byte_at: float | None = None
    ended_at: float | None = None
    aborted_at: float | None = None
    outcome: Outcome = "running"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.outcome != "running"

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def end(self, outcome: Outcome) -> None:
        """Note how it ended; only the first word counts."""
        if self.outcome == "running":
            self.outcome = outcome
            self.ended_at = time.monotonic()
            if outcome == "aborted":
                self.aborted_at = self.ended_at


class Journal:
    """The last requests, oldest first; `dropped` counts the older ones that were let go."""

    def __init__(self, keep: int = KEPT_REQUESTS) -> None:
        self._records: deque[Record] = deque(maxlen=keep)
        self._count = 0
        self._cleared = 0

    @property
    def records(self) -> list[Record]:
        """A copy, safe to take from another thread."""
        return list(self._records)

    @property
    def dropped(self) -> int:
        """How many records fell out at the old end since the last `clear`."""
        return self._count - self._cleared - len(self._records)

    def clear(self) -> None:
        """Forget all records; running requests go on."""
        self._records.clear()
        self._cleared = self._count

    def begin(self, scope: Any) -> Record:
        """A record for a request that has just come."""
        self._count += 1
        host, port = scope.get("client") or ("", 0)
        record = Record(
            number=self._count,
            method=scope["method"],
            path=scope["path"],
            peer=f"{host}:{port}",
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            received_at=time.monotonic(),
        )
        self._records.append(record)
        return record

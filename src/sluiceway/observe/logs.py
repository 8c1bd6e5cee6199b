"""Logs: structured lines on stderr for operators, one optional line per request on stdout.

structlog formats; the standard library carries. Request lines do not go through either: they are
encoded by msgspec and written in batches, since they are the only log that runs at the rate of requests.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque

import msgspec
import structlog

from sluiceway.observe.record import Record

# Lines wait this long for company before they are written.
FLUSH_S = 0.5
# What may wait when the reader of the log is slow; older lines win, the rest is counted.
MAX_WAITING_LINES = 10_000


def configure_logging(level: str, *, json: bool | None = None) -> None:
    """Send the package's and uvicorn's logs to stderr: readable on a terminal, JSON lines elsewhere."""
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.ExtraAdder(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    final: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        final.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sluiceway").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # It warns of every malformed form, which is the client's mistake and answered as such: anybody could fill
    # the log with it.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


_log = logging.getLogger("sluiceway.logs")
_requests = logging.getLogger("sluiceway.requests")


def log_failures(record: Record) -> None:
    """An observer: one line for each request that the gateway or an upstream failed."""
    if record.error_code is None or (record.status < 500 and record.committed_by == "error"):
        return
    if record.client_left or record.error_code.startswith("upstream_4"):
        return
    fields = {name: value for name, value in record.as_log().items() if name != "started"}
    _requests.warning("request failed", extra=fields)


class AccessLog:
    """An observer: one JSON line per request, written in batches by a thread of its own. `dropped`: lines.

    Whoever reads the log may be slow, or stop: lines then wait up to a bound, and what is dropped
    beyond it is counted, and said in the log once there is room (invariants 6 and 9).
    """

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._lines: deque[bytes] = deque()  # appended to here, taken from there: both atomic
        self._encoder = msgspec.json.Encoder()
        self._closing = threading.Event()
        self.dropped = 0
        self._writer = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._writer.start()

    def __call__(self, record: Record) -> None:
        """Take one record. Writes nothing, and so can't block."""
        if len(self._lines) >= MAX_WAITING_LINES:
            self.dropped += 1
        else:
            self._lines.append(self._encoder.encode(record.as_log()))

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, if its reader takes it in that time."""
        self._closing.set()
        self._writer.join(timeout_s)

    def _run(self) -> None:
        closing, told = False, 0
        while not closing:
            closing = self._closing.wait(FLUSH_S)
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if dropped := self.dropped - told:
                told += dropped
                lines.append(self._encoder.encode({"event": "lines dropped", "lines": dropped}))
            if lines:
                self._write(b"\n".join(lines) + b"\n")

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            _log.warning("the access log can't be written", exc_info=True)

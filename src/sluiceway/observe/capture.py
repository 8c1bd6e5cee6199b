"""Capture: keeping what was asked and answered, where the operator wants that.

While a request runs, the event loop only collects references to bytes that exist anyway, up to bounds for one body
and for all together. Redaction and the making of a `Captured` happen in a thread (`CaptureWorker`), slice by slice,
so that the loop never waits long for the interpreter's lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.observe_settings import CaptureSettings
from sluiceway.observe.captured import Captured
from sluiceway.observe.feed import Feed
from sluiceway.observe.redact import EDGE_BYTES, Redacted, Redactor, credentials_in, cut, kind_of
from sluiceway.wire.http import Headers, get_header

HEADER: Final = b"x-sluiceway-capture"

# Where images are replaced by their hashes, so much of a body is looked at, to get to what stands behind them.
LOOK_BYTES: Final = 16 * 1024 * 1024

# What all captures together may hold while they run or wait. Beyond it bodies are cut.
HELD_BYTES: Final = 128 * 1024 * 1024

# Captures that may wait for the worker.
MAX_WAITING: Final = 256

# Pieces of one answer that are held, each with its time: an hour of three a second, or minutes of a fast model.
MAX_PIECES: Final = 10_000

# What a piece of an answer costs in memory besides its bytes.
PIECE_BYTES: Final = 160

# The worker works so long, then lets others run for as long, and gives a capture up after the last of these.
WORK_S: Final = 0.0005
REST_S: Final = 0.0005
GIVE_UP_S: Final = 30.0

Sink = Callable[[Captured], object]


class CaptureWorker:
    """Makes captures presentable, one after the other, and passes them on. One for a process.

    `feed` counts: `given`, `dropped` (too many waited), `failed` (redaction took too long or raised, or the sink did;
    the capture is then not kept at all).
    """

    __slots__ = ("_given_up", "_put_back", "_sink", "_taken", "feed", "short")

    def __init__(self, sink: Sink, *, max_waiting: int = MAX_WAITING) -> None:
        """`sink`: gets each capture, in the worker's thread."""
        self._sink = sink
        self.short = 0  # bodies that were cut because all captures together held too much
        # Three numbers, so that each is changed by one thread only.
        self._taken = 0
        self._given_up = 0
        self._put_back = 0
        self.feed: Feed[Capturing] = Feed(self._finish, max_items=max_waiting, name="capture")

    @property
    def held(self) -> int:
        """Bytes that captures hold, those that run included."""
        return self._taken - self._given_up - self._put_back

    def take(self, size: int) -> bool:
        """Ask for room for that many bytes."""
        taken = self._taken + size
        if taken - self._given_up - self._put_back > HELD_BYTES:
            self.short += 1
            return False
        self._taken = taken
        return True

    def give(self, capturing: Capturing) -> None:
        """Take over a request that is over. Never blocks, never raises."""
        if not self.feed.feed(capturing):
            self._given_up += capturing.held

    def close(self, timeout_s: float = 5.0) -> bool:
        """Finish what waits, if it can be done in that time; false if something was left."""
        return self.feed.close(timeout_s)

    def _finish(self, capturing: Capturing) -> None:
        try:
            captured = capturing.captured()
        finally:
            self._put_back += capturing.held
        self._sink(captured)


class Capture:
    """What one configuration wants kept."""

    __slots__ = ("_all", "_worker", "look_bytes", "max_bytes", "redactor")

    def __init__(
        self, settings: CaptureSettings, worker: CaptureWorker, *, known: Iterable[bytes] = ()
    ) -> None:
        """For a mode that is not `off`: then there is no `Capture`, and nothing to pay. `known`: credentials that
        no body may show, as the upstreams' keys."""
        self._all = settings.mode == "all"
        self._worker = worker
        self.max_bytes = settings.max_bytes
        enough = settings.max_bytes + EDGE_BYTES
        self.look_bytes = enough if settings.images else max(enough, LOOK_BYTES)
        self.redactor = Redactor(settings.redact, images=settings.images, known=known)

    def wanted(self, headers: Headers, key: KeySettings | None) -> bool:
        """Whether this request is kept. `x-sluiceway-capture: off` always is obeyed, `on` where asking is."""
        asked = get_header(headers, HEADER).strip().lower()
        if asked == b"off":
            return False
        return self._all or asked == b"on" or (key is not None and key.capture)

    def begin(
        self,
        *,
        request_id: str,
        started: float,
        arrived_at: float,
        method: str,
        path: bytes,
        headers: Headers,
        body: bytes,
    ) -> Capturing:
        """The request is here. `started`: Unix seconds; `arrived_at`: the same on the loop's clock. `path`: with its
        query. `body`: as far as it was received."""
        return Capturing(self, self._worker, request_id, started, arrived_at, method, path, headers, body)


class Capturing:
    """One request and its answer, as they pass: a `relay.observe.Listener`."""

    __slots__ = (
        "_arrived_at",
        "_body",
        "_body_size",
        "_capture",
        "_full",
        "_headers",
        "_method",
        "_path",
        "_pieces",
        "_request_id",
        "_room",
        "_size",
        "_started",
        "_timing",
        "_type",
        "_worker",
        "held",
    )

    def __init__(
        self,
        capture: Capture,
        worker: CaptureWorker,
        request_id: str,
        started: float,
        arrived_at: float,
        method: str,
        path: bytes,
        headers: Headers,
        body: bytes,
    ) -> None:
        self._capture = capture
        self._worker = worker
        self._request_id = request_id
        self._started = started
        self._arrived_at = arrived_at
        self._method = method
        self._path = path
        self._headers = headers
        self._body_size = len(body)
        self._body = body
        self._type = b""
        self._pieces: list[bytes] = []
        self._timing: list[tuple[float, int]] = []
        self._size = 0
        self._room = capture.look_bytes
        self._full = False
        self.held = 0  # bytes that were asked of the worker
        if worker.take(len(body)):
            self.held = len(body)
        else:
            self._body = b""

    def wrote(self, at: float, data: bytes) -> None:
        """See `relay.observe.Listener`."""
        size = len(data)
        self._size += size
        if self._full:
            return
        has_room = self._room > 0
        cost = size + PIECE_BYTES if has_room else PIECE_BYTES
        if len(self._timing) >= MAX_PIECES or not self._worker.take(cost):
            self._full = True  # for good: an answer with a hole would be worse than one that is cut
            return
        self.held += cost
        self._timing.append((at, size))
        if has_room:
            self._pieces.append(data)
            self._room -= size

    def finish(self, content_type: bytes = b"", *, request_size: int = 0) -> None:
        """The answer is over; called once. `content_type`: the answer's; without it, the bytes tell.
        `request_size`: of the request's body, where not all of it was at hand when it began."""
        self._type = content_type
        self._body_size = max(self._body_size, request_size)
        self._worker.give(self)

    # ── in the worker's thread ──────────────────────────────────────────────────────────────────────

    def captured(self) -> Captured:
        """The value. Takes its time; raises `TimeoutError` if it takes too long."""
        redactor, pause = self._capture.redactor, Pacer(GIVE_UP_S)
        known = credentials_in(self._headers)
        asked_type = get_header(self._headers, b"content-type")
        request = self._kept(self._body, self._body_size, asked_type, known, pause)
        answer = b"".join(self._pieces)
        response = self._kept(answer, self._size, self._type, known, pause)
        began = self._arrived_at
        return Captured(
            request_id=self._request_id,
            started=self._started,
            method=self._method,
            path=redactor.path(self._path, known=known),
            headers=redactor.headers(self._headers, known=known),
            request=request.body,
            request_size=self._body_size,
            response=response.body,
            response_size=self._size,
            response_type=self._type.decode("latin-1") or _TYPES.get(kind_of(answer, b""), ""),
            timing=tuple([(round((at - began) * 1000, 3), size) for at, size in self._timing]),
            redacted=request.replaced + response.replaced,
        )

    def _kept(
        self, data: bytes, size: int, content_type: bytes, known: list[bytes], pause: Pacer
    ) -> Redacted:
        """A body, of which `data` is the beginning, as it is kept."""
        capture = self._capture
        if not capture.max_bytes:
            return Redacted(b"", 0)
        looked_at = data[: capture.look_bytes]
        body, count = capture.redactor.body(looked_at, content_type, known=known, pause=pause)
        unseen = len(looked_at) < size
        return Redacted(cut(body, kind_of(looked_at, content_type), capture.max_bytes, unseen=unseen), count)


_TYPES: Final = {"events": "text/event-stream", "json": "application/json"}


class Pacer:
    """Called often by whoever works beside the event loop: rests when it is time, so that the loop can run.

    A thread that wants the interpreter's lock otherwise waits for 5 ms (`sys.getswitchinterval`) each time.
    """

    __slots__ = ("_give_up_at", "_rested_at")

    def __init__(self, give_up_s: float) -> None:
        self._rested_at = time.perf_counter()
        self._give_up_at = self._rested_at + give_up_s

    def __call__(self) -> None:
        """Go on, after a rest if it is time for one. Raises `TimeoutError` when all of the time is used up."""
        now = time.perf_counter()
        if now - self._rested_at < WORK_S:
            return
        if now > self._give_up_at:
            raise TimeoutError("a capture took too long to redact")
        time.sleep(REST_S)
        self._rested_at = time.perf_counter()

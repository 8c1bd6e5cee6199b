"""Everyone who looks on: told when a request comes, when its answer may begin and when it is over; never asked.

All of them are called in the loop, once per request each, and none may take its time there: who has more to do, or
may be slow, has a thread of its own (`observe.feed`). What one of them fails with is logged, and changes nothing
(invariant 9).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.settings import Settings
from sluiceway.dialects.base import Usage
from sluiceway.dialects.glance import LAST_WRITES, finish_reason
from sluiceway.observe.capture import Capture, CaptureWorker, Capturing
from sluiceway.observe.draft import Draft
from sluiceway.observe.inspector import Inspector
from sluiceway.observe.record import Record
from sluiceway.observe.trace_ids import Trace
from sluiceway.observe.tracing import Tracer
from sluiceway.outbound import Request
from sluiceway.relay.observe import Listener, Tape

Observer = Callable[[Record], object]

# Who wants to see every event of every stream: given a request's id, its listener. See `observe.feed.EventFeed`.
Watcher = Callable[[str], Listener]

# OpenAI's rule of thumb for English text: https://help.openai.com/en/articles/4936856
BYTES_PER_TOKEN = 4

log = logging.getLogger("sluiceway.observe")


class Onlookers:
    """Those of one process. They outlive a configuration; `reconfigure` tells them of another one."""

    def __init__(
        self,
        settings: Settings,
        observers: Sequence[Observer] = (),
        *,
        watchers: Sequence[Watcher] = (),
        tracer: Tracer | None = None,
        captures: CaptureWorker | None = None,
    ) -> None:
        """`observers`: who gets each record. `captures`: None if there is nowhere to keep bodies."""
        self.inspector = Inspector(settings.inspector)
        self._observers = tuple(observers)
        self._watchers = tuple(watchers)
        self._tracer = tracer
        self._captures = captures
        self._capture: Capture | None = None
        self._capturing: dict[str, Capturing] = {}
        self.reconfigure(settings)

    def reconfigure(self, settings: Settings) -> None:
        """Go by these from the next request on."""
        self.inspector.reconfigure(settings.inspector)
        self._estimates = settings.store.estimate_tokens
        if self._tracer is not None:
            self._tracer.know(settings.upstreams)
        self._capture = None
        if self._captures is not None and settings.capture.mode != "off":
            self._capture = Capture(settings.capture, self._captures, known=_secrets(settings))

    def trace(self, draft: Draft, request: Request) -> Trace | None:
        """A request came: its place in a trace, if it has one."""
        if self._tracer is None:
            return None
        trace = self._tracer.begin(request.headers)
        if trace is not None:
            draft.traceparent = trace.traceparent
        return trace

    def begin(self, draft: Draft, request: Request, key: KeySettings | None) -> Tape:
        """It was read and may be asked: where what goes to its client is noted from now on."""
        listeners: list[Listener] = []
        capture = self._capture
        if capture is not None and capture.wanted(request.headers, key):
            path, query = request.scope["raw_path"], request.scope["query_string"]
            capturing = self._capturing[draft.request_id] = capture.begin(
                request_id=draft.request_id,
                started=draft.started,
                arrived_at=draft.arrived_at,
                method=request.method,
                path=path + b"?" + query if query else path,
                headers=request.headers,
                body=request.body,
            )
            listeners.append(capturing)
        if self._watchers:
            listeners += [watcher(draft.request_id) for watcher in self._watchers]
        return self.inspector.begin(draft, draft.dialect, tuple(listeners))

    def end(self, draft: Draft, tape: Tape | None) -> Record:
        """It is over. `tape`: None if it never got so far."""
        reason = None
        own_end = draft.error_code is not None and draft.own_error  # whose reason is the gateway's
        if tape is not None and tape.entries and draft.status < 300 and not own_end:
            reason = finish_reason(draft.dialect, tape.tail(LAST_WRITES), stream=draft.stream)
        if (
            self._estimates
            and draft.usage is None
            and draft.dialect is not None
            and 200 <= draft.status < 300
        ):
            draft.usage, draft.usage_estimated = _estimated(draft, tape), True
        record = draft.finish(tape or Tape(0), reason)
        if tape is not None:
            self.inspector.end(record, tape)
        if self._capturing and (capturing := self._capturing.pop(record.request_id, None)) is not None:
            capturing.finish(request_size=record.bytes_in)
        for observer in self._observers:
            try:
                observer(record)
            except Exception:
                log.exception("an observer failed on request %s", record.request_id)
        return record


def _secrets(settings: Settings) -> list[bytes]:
    """What upstreams are asked with, in case one repeats it."""
    return [
        str(secret).encode()
        for upstream in settings.upstreams
        for secret in (*upstream.api_keys, *upstream.headers.values())
    ]


def _estimated(draft: Draft, tape: Tape | None) -> Usage:
    events = tape.events if tape is not None else 0
    return Usage(
        input_tokens=draft.bytes_in // BYTES_PER_TOKEN,
        output_tokens=events or draft.bytes_out // BYTES_PER_TOKEN,
    )

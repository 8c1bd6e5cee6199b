"""One attempt at an answer: the upstream's half of a relay.

It is what an upstream connection reports to. It finds out what the answer is (events, JSON, an error), runs it
through its body, and hands whole pieces on: straight to the client once it is the one that answers, to
the relay wherever something has to be decided.

    connection ── on_head, on_body, on_end, on_broken ──►┌─────────┐── write ───────────────────► sink
                                                         │ Attempt │
    relay ── pause, resume, drop ───────────────────────►└─────────┘── first, complete, failed ──► relay

`notify(error)` is called once when the attempt is over, for whoever sent the request: None when the answer
is (or another attempt has won), `StaleConnection` when the request is to be sent again as it was, any
other error when another attempt may follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.dialects.base import Follower
from sluiceway.dialects.crossing import Crossing
from sluiceway.errors import (
    EventTooLarge,
    FirstEventTimeout,
    GatewayError,
    StaleConnection,
    UpstreamError,
    UpstreamInvalid,
)
from sluiceway.relay.bodies import (
    AggregatedBody,
    Body,
    ErrorBody,
    EventsBody,
    ExplodedBody,
    HeldBody,
    OpaqueBody,
    skip_blank,
    sniff_events,
)
from sluiceway.relay.clocks import NEVER
from sluiceway.relay.plan import Upstream
from sluiceway.relay.sinks import NOWHERE
from sluiceway.upstream.connection import ResponseHead
from sluiceway.wire.http import error_headers, get_header

if TYPE_CHECKING:
    from sluiceway.observe.draft import TryDraft
    from sluiceway.policy.selection import Pick
    from sluiceway.relay.relay import Relay

# RFC 9110 section 15: a status code is a three-digit number, and no class above 5 exists.
MAX_STATUS = 599

# How long the body of an HTTP error may take that is read for its message only: another upstream may be
# waiting to be asked, and an error without its message is better than none.
ERROR_BODY_S = 2.0


class Attempt:
    """See the module. `began`: its first real event, or first bytes of JSON, came. `open`: some of it was written.
    `ended`: its body came to a clean end."""

    __slots__ = (
        "_answer_by",
        "_blank_bytes",
        "_clocks",
        "_relay",
        "_start",
        "_time",
        "_upstream",
        "began",
        "began_at",
        "body",
        "crossing",
        "ended",
        "entry",
        "error",
        "first_event_by",
        "follower",
        "head",
        "head_at",
        "note",
        "notify",
        "open",
        "over",
        "pick",
        "preface",
        "settings",
        "started",
        "told",
        "write",
    )

    def __init__(
        self,
        relay: Relay,
        crossing: Crossing | None,
        settings: StreamSettings,
        notify: Callable[[GatewayError | None], None],
        *,
        started: float,
        answer_by: float = NEVER,
        preface: bytes = b"",
    ) -> None:
        """`crossing` None: the answer is relayed as it is. `answer_by`: the client's own limit on `first_event_s`.
        `preface`: what goes to the client ahead of its first event."""
        self._relay = relay
        self._clocks = relay.clocks
        self._time = relay.time
        self.crossing = crossing
        self.settings = settings
        self.notify = notify
        self.started = started
        self._answer_by = answer_by
        self.first_event_by = self._first_event_by()
        self.write = relay.write
        self.note: Callable[[float, bytes], None] = relay.tape.wrote_bytes
        self.preface = preface
        self.body: Body | None = None
        self.began = False
        self.began_at: float | None = None
        self.open = False
        self.ended = False
        self.over = False
        self.error: GatewayError | None = None  # why it failed
        self.follower: Follower | None = None
        self.head: ResponseHead | None = None
        self.head_at = 0.0
        # Who is asked, where the record says so, whether the state of the upstream has heard: all for `Failover`.
        self.pick: Pick | None = None
        self.entry: TryDraft | None = None
        self.told = False
        self._upstream: Upstream | None = None
        self._start = b""  # of a body whose kind is not known yet
        self._blank_bytes = 0

    def attach(self, upstream: Upstream) -> None:
        """The request is about to be sent on this connection."""
        if self.over:
            upstream.abort()
            return
        self._upstream = upstream
        if self._clocks.paused:
            upstream.pause()

    # ── from whoever sends the request ──────────────────────────────────────────────────────────────

    def awaits_client(self) -> None:
        """The client has more to send: until it does, the upstream can't answer, and its clock stands still."""
        if not isinstance(self.body, ErrorBody):
            self.first_event_by = self._answer_by

    def goes_on(self) -> None:
        """More of the request came, and goes up: the upstream's time begins anew, unless it answers already."""
        if not self.began and not isinstance(self.body, ErrorBody):
            self.started = self._time()
            self.first_event_by = self._first_event_by()
            self._relay.rearm()

    def _first_event_by(self) -> float:
        first_event_s = self.settings.first_event_s
        return min(self._answer_by, self.started + first_event_s if first_event_s else NEVER)

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def on_head(self, head: ResponseHead) -> None:
        """The upstream's status and headers. What becomes of the body is decided with its first bytes."""
        self.head = head
        self.head_at = self._time()
        relay, crossing = self._relay, self.crossing
        relay.tape.mark(self.head_at, "head", str(head.status))
        relay.heard(self)
        if head.status > MAX_STATUS:
            message = f"the upstream answered with status {head.status}, which HTTP does not have"
            self._fail(UpstreamInvalid(message))
        elif crossing is not None and 300 <= head.status < 400:
            self._fail(_redirected(head))
        elif not 200 <= head.status < 300:
            if relay.needs_words(self):
                reader = relay.plan.errors if crossing is None else crossing
                self.body = ErrorBody(reader, head.status, error_headers(head.headers))
                self.first_event_by = min(self.first_event_by, self.head_at + ERROR_BODY_S)
                relay.rearm()
            else:
                self.body = OpaqueBody(self.settings.max_answer_bytes)
        elif crossing is None:
            self.body = OpaqueBody()
            relay.rearm()
        elif coding := get_header(head.headers, b"content-encoding"):
            name = coding.decode("latin-1")[:40]
            self._fail(UpstreamInvalid(f"the upstream compressed its answer unasked, with {name}"))

    def on_body(self, data: bytes) -> None:
        """A piece of the upstream's body: the hot path, once per network read."""
        try:
            body = self.body
            if body is None:
                body, data = self._choose_body(data)
                if body is None:
                    return
            out = body.feed(data)
        except GatewayError as error:
            self._fail(error)
            return
        if out:
            if body.ended:
                self._relay.complete(self, out)
                return
            if not self.open and not self._relay.first(self):
                return
            clocks = self._clocks
            clocks.last_event = clocks.last_write = now = self._time()
            self.write(out)
            self.note(now, out)
        elif body.progressed:
            self._clocks.last_event = self._time()
            if not self.began:
                self._relay.begin(self)

    def on_end(self) -> None:
        """The upstream's body ended cleanly; its connection is free already."""
        self._upstream = None
        self.ended = True
        body = self.body
        if body is None or (isinstance(body, OpaqueBody) and not self.open):
            self._relay.ended_without_body(self)
            return
        try:
            out, error = body.finish()
        except GatewayError as failure:
            self._fail(failure)
            return
        if error is None:
            self._relay.complete(self, out)
            return
        if out:
            if not self.open and not self._relay.first(self):
                return
            self.write(out)
            self.note(self._time(), out)
        self._fail(error)

    def on_broken(self, error: UpstreamError) -> None:
        """The connection failed; it is gone already."""
        self._upstream = None
        if isinstance(error, StaleConnection) and self._relay.plan.replayable:
            self._relay.record.retries += 1
            self.notify(error)
            return
        self._fail(error)

    # ── from the relay ──────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """The client does not keep up."""
        if self._upstream is not None:
            self._upstream.pause()

    def resume(self) -> None:
        """It does again."""
        if self._upstream is not None:
            self._upstream.resume()

    def committed(self) -> None:
        """The status line has left without it: an HTTP error whose body still comes can only go in-band now."""
        if isinstance(self.body, OpaqueBody) and self.crossing is not None and self.head is not None:
            self.body = ErrorBody(self.crossing, self.head.status, [])

    @property
    def reported(self) -> GatewayError | None:
        """What the upstream itself reported within its answer, and the client was told."""
        return self.body.error if self.body is not None else None

    def own_error(self, error: GatewayError) -> bytes | None:
        """The body of the upstream's HTTP error that `error` was read from, if it may go to the client as it is."""
        body, crossing = self.body, self.crossing
        if error is not self.error or not isinstance(body, ErrorBody):
            return None
        return body.whole if crossing is None or crossing.passes_errors else None

    @property
    def attached(self) -> bool:
        """Whether an upstream is at work on it."""
        return self._upstream is not None

    def too_late(self) -> None:
        """`first_event_by` has passed."""
        if isinstance(self.body, ErrorBody):
            self._fail(self.body.so_far())
        else:
            waited_s = self.first_event_by - self.started
            self._fail(FirstEventTimeout(f"no event came within first_event_s ({waited_s:g} s)"))

    def let_go(self, linger_s: float = 0.0) -> None:
        """Over: close the connection, or let it come to its end for so long if that is soon. Once only."""
        self.over = True
        self.write = NOWHERE.write
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            if linger_s:
                upstream.linger(linger_s)
            else:
                upstream.abort()

    def _fail(self, error: GatewayError) -> None:
        self._relay.failed(self, error)

    def _choose_body(self, data: bytes) -> tuple[Body | None, bytes]:
        """A 2xx answer of a dialect: what it is, and what the client wants, decide how it crosses.

        Also gives the bytes to begin with. None while they do not tell: blank lines are no progress.
        """
        settings, crossing, head = self.settings, self.crossing, self.head
        assert crossing is not None
        assert head is not None
        self._blank_bytes += len(data)
        start = skip_blank(self._start + data)
        self._start = b""
        is_events = sniff_events(get_header(head.headers, b"content-type").lower(), start)
        if is_events is None:
            self._start = start
            if self._blank_bytes > settings.max_answer_bytes > 0:
                raise EventTooLarge(f"{self._blank_bytes} bytes came, and no answer in them")
            return None, b""
        wants_stream = self._relay.plan.wants_stream
        if is_events:
            if wants_stream:
                self.follower = crossing.follow()
                self.body = EventsBody(self.follower, settings.max_event_bytes)
            else:
                self.body = AggregatedBody(crossing.collect(), settings.max_event_bytes)
        elif wants_stream:
            self.body = ExplodedBody(crossing, settings.max_answer_bytes)
        else:
            self.body = HeldBody(crossing, settings.max_answer_bytes)
        return self.body, start


def _redirected(head: ResponseHead) -> UpstreamInvalid:
    """No answer of these APIs is elsewhere: clients would go there without the gateway, and mostly with a GET."""
    location = get_header(head.headers, b"location").decode("latin-1")[:200]
    if not location:
        return UpstreamInvalid(f"the upstream answered with status {head.status}")
    return UpstreamInvalid(f"the upstream redirects to {location}: its base_url has to lead there by itself")

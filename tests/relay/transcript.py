"""A relay on a table: a clock that only moves when told, an upstream and a sink that write down what they are told.

A test reads as a transcript: what the relay was told, then what it did.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import msgspec

from sluiceway.client_transport import TransportListener
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.dialects.base import Dialect, DialectRequest
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.errors import GatewayError, UpstreamError
from sluiceway.observe.draft import Draft
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Failover, NoFailover, Plan
from sluiceway.relay.relay import Relay
from sluiceway.upstream.connection import ResponseHead
from sluiceway.wire.http import Headers

EVENT_STREAM = [(b"content-type", b"text/event-stream")]
JSON = [(b"content-type", b"application/json")]


class FakeTimer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def __lt__(self, other: FakeTimer) -> bool:
        return self.when < other.when


class FakeClock:
    """Time stands still until `advance`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[FakeTimer] = []
        self.armed = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> FakeTimer:
        timer = FakeTimer(when, callback)
        self.armed += 1
        heapq.heappush(self.timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0].when <= end:
            timer = heapq.heappop(self.timers)
            self.now = max(self.now, timer.when)
            if not timer.cancelled:
                timer.callback()
        self.now = end


class FakeUpstream:
    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def pause(self) -> None:
        self.log.append("pause")

    def resume(self) -> None:
        self.log.append("resume")

    def abort(self) -> None:
        self.log.append("abort upstream")

    def linger(self, seconds: float) -> None:
        self.log.append("linger")


class FakeSink:
    """Keeps the body as the client would see it, and the calls in order."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.started = False
        self.bytes_out = 0
        self.status: int | None = None
        self.headers: Headers = []
        self.length: int | None = None
        self.body = b""
        self.ended = False
        self.aborted = False
        self.listener: TransportListener | None = None

    def listen(self, listener: TransportListener | None) -> None:
        self.listener = listener

    def watch(self) -> None: ...

    def start(self, status: int, headers: Headers, length: int | None = None) -> None:
        assert not self.started, "the head was sent twice"
        self.started = True
        self.status, self.headers, self.length = status, headers, length
        self.log.append(f"start {status}")

    def write(self, data: bytes) -> None:
        assert self.started, "a body before its head"
        assert not self.ended, "a write after the end"
        assert data, "an empty write"
        self.body += data
        self.bytes_out += len(data)
        self.log.append(data)

    def flush(self) -> None:
        self.log.append("flush")

    def end(self, data: bytes = b"") -> None:
        assert self.started
        assert not self.ended, "ended twice"
        if data:
            self.body += data
            self.bytes_out += len(data)
            self.log.append(data)
        self.ended = True
        self.log.append("end")

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        self.start(status, headers, len(body))
        self.end(body)

    def abort(self) -> None:
        self.aborted = True
        self.log.append("abort client")

    async def drained(self) -> None: ...

    def header(self, name: bytes) -> bytes | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name!r} was sent {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Table:
    """A relay and everything around it. `log` is all that happened, in order."""

    def __init__(
        self,
        *,
        stream: bool = True,
        dialect: Dialect | None = CHAT,
        hide_usage: bool = False,
        include_usage: bool = False,
        replayable: bool = True,
        bodiless: bool = False,
        saw_heartbeat: Callable[[bool], bytes] | None = None,
        failover: Failover | None = None,
        tape: Tape | None = None,
        **settings: Any,
    ) -> None:
        self.log: list[Any] = []
        self.turns: list[GatewayError | None] = []
        self.clock = FakeClock()
        self.sink = FakeSink(self.log)
        self.upstream = FakeUpstream(self.log)
        self.record = Draft(
            request_id="req_1", started=0.0, method="POST", path="/v1/x", arrived_at=self.clock.time()
        )
        stream_settings = StreamSettings(**settings)
        asked = DialectRequest(body=b"{}", fields={}, model="m", stream=stream, wants_usage=include_usage)
        crossing = (
            None
            if dialect is None
            else Direct(dialect, asked, hide_usage=hide_usage, max_bytes=stream_settings.max_answer_bytes)
        )
        plan = Plan(
            settings=stream_settings,
            crossing=None if crossing is None else lambda: crossing,
            errors=dialect or CHAT,
            wants_stream=stream,
            heartbeat=saw_heartbeat or (lambda saw_id: b": beat\n" if saw_id else b": beat\n\n"),
            replayable=replayable,
            request_id="req_1",
            headers=[(b"x-request-id", b"req_1")],
            bodiless=bodiless,
        )
        self.relay = Relay(plan, self.sink, self.clock, self.record, failover or NoFailover(), tape)
        self.relay.start()
        self.attempt = self.ask()

    def ask(self, upstream: FakeUpstream | None = None, crossing: Crossing | None = None) -> Attempt:
        """Another attempt, which what follows is told to."""
        plan = self.relay.plan
        self.attempt = Attempt(
            self.relay,
            crossing or (plan.crossing() if plan.crossing is not None else None),
            plan.settings,
            self.turns.append,
            started=self.clock.time(),
        )
        self.relay.ask(self.attempt)
        if upstream is not None:
            self.attempt.attach(upstream)
        return self.attempt

    def connected(self) -> Table:
        self.attempt.attach(self.upstream)
        return self

    def head(self, status: int = 200, headers: Headers = EVENT_STREAM, length: int | None = None) -> Table:
        self.attempt.on_head(ResponseHead(status=status, headers=list(headers), length=length))
        return self

    def data(self, *pieces: bytes) -> Table:
        for piece in pieces:
            if self.relay.finished:
                break
            self.attempt.on_body(piece)
        return self

    def end(self) -> Table:
        if not self.relay.finished:
            self.attempt.on_end()
        return self

    def broken(self, error: UpstreamError) -> Table:
        self.attempt.on_broken(error)
        return self

    def wait(self, seconds: float) -> Table:
        self.clock.advance(seconds)
        return self

    def take_log(self) -> list[Any]:
        log = list(self.log)
        self.log.clear()
        return log


def chunk(content: str = "x", *, finish: str | None = None, **extra: Any) -> bytes:
    """One chat.completion.chunk event."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **extra,
    }
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


DONE = b"data: [DONE]\n\n"

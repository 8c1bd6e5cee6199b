"""The front: uvicorn's httptools protocol, opened just wide enough for a push relay.

The ASGI interface costs one task wake-up per message. A relay that is handed the transport instead
writes in the same call in which the upstream's bytes came (docs/design/data-plane.md has the
measurement). This subclass hands out what `client_transport` describes and tells
its `listener` of the three things a writer must know: stop, go on, gone. It also keeps the limits on
slow and oversized requests that uvicorn leaves to others, and refuses what it can't read in JSON.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluiceway.client_transport import EXTENSION, ClientTransport, Refusal, TransportListener
from sluiceway.errors import Draining
from sluiceway.observe.draft import new_request_id

# After a response that came before the request's body was read: how long the rest of that body is
# read and thrown away before the connection is closed. Closing at once would make the kernel reset the
# connection, and the client could lose the response (RFC 9112 section 9.6).
LINGER_S = 2.0

# After our last byte to a client that did not expect it to be our last: how long what it sent meanwhile is
# read and thrown away, for the same reason. Its bytes are under way for half a round trip, ours as long.
FAREWELL_S = 1.0


class Limits(msgspec.Struct, frozen=True):
    """What a client may take its time for. Seconds and bytes; 0 is unlimited."""

    head_timeout_s: float = 30.0
    body_timeout_s: float = 60.0
    max_head_bytes: int = 65536


class Flow(FlowControl):
    """uvicorn's, but for the event that it makes for each connection, which takes 900 bytes and is of use only to
    responses that go through ASGI: here they make it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._writable: asyncio.Event | None = None

    async def drain(self) -> None:
        """Wait until the transport takes more."""
        if self.write_paused:
            self._writable = self._writable or asyncio.Event()
            await self._writable.wait()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """It is not any more."""
        self.write_paused = False
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()


class FrontProtocol(HttpToolsProtocol):
    """One client connection. `listener` is set by whoever writes the current response."""

    listener: TransportListener | None = None
    limits = Limits()
    draining = False  # set on the class: every answer that begins from now on tells its client to leave

    _reading: str | None = "head"  # the part of a request that is still to come: head, body or None
    _read_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _trailer_bytes = 0
    _refusal: tuple[int, str] | None = None
    refused: Refusal | None = None
    _lingering = False
    _deaf = False  # our side of the connection has ended

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that connects and says nothing is a slow head too."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._arm(self.limits.head_timeout_s)

    def data_received(self, data: bytes) -> None:
        """Parse, and keep the clock on whatever part of a request is incomplete after it."""
        if self._deaf:
            return
        self._head_bytes += len(data)
        if self._reading != "body" and b"pgrade" in data:
            data = _hide_upgrade(data)
        super().data_received(data)
        reading = self._reading
        if reading is None:
            if self._read_timer is not None:
                self._read_timer.cancel()
                self._read_timer = None
        elif reading == "body":
            self._arm(self.limits.body_timeout_s)  # between two pieces
        else:
            if self._read_timer is None:
                self._arm(self.limits.head_timeout_s)  # for the whole head
            if self._head_bytes > self.limits.max_head_bytes > 0 and not self.transport.is_closing():
                self._refuse(431, "the request head is over server.max_head_bytes")

    def on_message_begin(self) -> None:
        """A new request begins."""
        super().on_message_begin()
        self._reading = "head"

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; trailer fields end here (RFC 9110 section 6.5.1), within the same limit."""
        if self._reading == "body":
            self._trailer_bytes += len(name) + len(value)
            if self._trailer_bytes > self.limits.max_head_bytes > 0:
                raise ValueError("trailers too large")  # stops the parser; see send_400_response
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((b"upgrade" if name == _HIDDEN else name, value))

    def on_headers_complete(self) -> None:
        """Start a request; see `HttpToolsProtocol`. Its task runs later, so the scope may still grow."""
        limit = self.limits.max_head_bytes
        if limit and self._head_bytes > limit:  # perhaps only because its body came in the same read
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > limit:
                self._refusal = (431, "the request head is over server.max_head_bytes")
                raise ValueError("request head too large")  # stops the parser; see send_400_response
        self._head_bytes = self._trailer_bytes = 0
        super().on_headers_complete()  # may refuse the URL
        if self.draining:
            self.cycle.keep_alive = False
        self._reading = "body"
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {EXTENSION: ClientTransport(self)}

    def on_message_complete(self) -> None:
        """The request is here, whole."""
        self._reading = None
        self._head_bytes = 0
        super().on_message_complete()
        if self._lingering:
            self.transport.close()

    def _arm(self, seconds: float) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
        if seconds:
            self._read_timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._read_timer = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:  # it is we who are slow
            self._arm(self.limits.body_timeout_s)
        elif self._reading == "head":
            cycle: Any = self.cycle
            if self._head_bytes == 0 and cycle is None:
                self.transport.close()  # nothing was ever said: no one to answer
            else:
                self._refuse(408, "the request head took longer than server.head_timeout_s")
        else:
            self._refuse(408, "the request body stalled for longer than server.body_timeout_s")

    # ── refusing ────────────────────────────────────────────────────────────────────────────────────

    def send_400_response(self, msg: str) -> None:
        """Called by the base class for what llhttp can't read, smuggling attempts included."""
        status, text = self._refusal or (400, "the request is not valid HTTP/1.1")
        self._refuse(status, text)

    def _refuse(self, status: int, message: str, code: str = "invalid_request") -> None:
        """Answer in the shape of the OpenAI API, since no dialect is known yet, and close."""
        if self._deaf:
            return
        cycle = self.cycle
        if self._may_speak(cycle):
            kind = "invalid_request_error" if status < 500 else Draining.type
            body = msgspec.json.encode(
                {"error": {"message": message, "type": kind, "param": None, "code": code}}
            )
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
                f"x-request-id: {new_request_id()}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.refused = Refusal(status, message, code, len(body))
            self._say_goodbye()
        else:
            self.transport.close()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # whoever waits for the rest of the body learns that none will come
            cycle.message_event.set()

    def _may_speak(self, cycle: Any) -> bool:
        """Whether a refusal would be taken for the response to what is refused, and not speak into another."""
        if self._reading == "body":  # the refusal is about the request that `cycle` answers
            return not cycle.response_started
        return cycle is None or cycle.response_complete

    def _unsupported_upgrade_warning(self) -> None:
        """Such requests are answered as if they had not asked (RFC 9110 section 7.8), without a log line."""

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────

    def pause_writing(self) -> None:
        """Forward the transport's back-pressure."""
        super().pause_writing()
        if self.listener is not None:
            self.listener.client_paused()

    def resume_writing(self) -> None:
        """Forward the end of back-pressure."""
        super().resume_writing()
        if self.listener is not None:
            self.listener.client_resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener first: an upstream that nobody reads has to go at once."""
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.client_gone()
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
        super().connection_lost(exc)

    def close_gently(self) -> None:
        """Close after the response; if the request is still coming, read on for a moment first."""
        if self.transport.is_closing():
            return
        if self._reading is None:
            if self.draining:
                self._say_goodbye()
            else:
                self.transport.close()  # it was the client's wish
            return
        self._lingering = True
        self.flow.resume_reading()
        self.loop.call_later(LINGER_S, self.transport.close)

    # ── draining ────────────────────────────────────────────────────────────────────────────────────

    def ask_to_leave(self) -> None:
        """An answer whose head is not written yet says `connection: close`.

        One that has begun without it must not end so: its client may send the next request at once, and has
        to be told by the answer to that one.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    @property
    def is_busy(self) -> bool:
        """A request is being received, or a response has not left yet. For a running one see the server's tasks."""
        is_receiving = self._reading == "body" or self._head_bytes > 0
        return not self._deaf and (is_receiving or self.transport.get_write_buffer_size() > 0)

    def leave(self) -> None:
        """Nothing is waited for any more: refuse what is still being received, and say goodbye.

        An answer that is being written ends first; ask again.
        """
        cycle = self.cycle
        if self._deaf or self._lingering or self.pipeline or self.transport.is_closing():
            return
        is_answered = cycle is None or cycle.response_complete
        half_a_head = is_answered and self._head_bytes > 0
        half_a_body = self._reading == "body" and not cycle.response_started
        if half_a_head or half_a_body:
            self._refuse(Draining.status, "the gateway is shutting down", Draining.code)
        elif is_answered:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """End our side, and read on until the client has ended its own (RFC 9112 section 9.6)."""
        self._deaf = True
        self._arm(0)
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.client_gone()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(FAREWELL_S, self.transport.close)


_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


# llhttp hands a connection over as soon as a request wishes to upgrade, and its body is lost; Java's HttpClient
# and curl --http2 wish so with every first request. Under another name of any length the wish does no harm.
_HIDDEN = b"x-upgrade-wish"
_UPGRADE = re.compile(rb"(?i)(?<=\n)upgrade(?=[ \t]*:)")


def _hide_upgrade(data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(_HIDDEN, head) + end + rest

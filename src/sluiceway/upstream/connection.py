"""One connection to an upstream: an asyncio protocol over httptools' response parser.

It carries one exchange at a time. Requests are written as bytes; responses are pushed to a
`ResponseHandler` as they are parsed, in the same call in which they were received. Between exchanges it
waits in its pool.

    idle ── send ──► busy ── clean end, keep-alive ──► idle (in the pool)
                      │──── clean end, else ─────────► closed
                      │──── linger ──► the same, without a handler, for a limited time
                      └──── abort, failure ──────────► closed

A handler may call `pause`, `resume`, `abort` and `linger` from within any of its callbacks. So nothing
ends inside the parser's callbacks: they only note that a message is complete, and `_finish` acts on it
once the parser has returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import httptools

from sluiceway.errors import (
    StaleConnection,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.upstream.dial import Target
from sluiceway.upstream.response import ResponseHandler, ResponseHead, read_head
from sluiceway.wire.coding import Decoder
from sluiceway.wire.http import Headers

__all__ = ["ResponseHandler", "ResponseHead", "UpstreamConnection"]

log = logging.getLogger("sluiceway.upstream")

# A response head, all 1xx before it included, may not be larger: nginx's default is 4 to 8 KiB, real
# providers send 1 to 3 KiB, and an upstream that never ends its head has to be dropped. The same holds for
# whatever else may come without a byte of body in it: trailers, chunk extensions.
MAX_HEAD_BYTES = 64 * 1024

# What may still come of a body that nobody needs any more, for the sake of reusing its connection.
MAX_LINGER_BYTES = 64 * 1024

# A request up to this size leaves in one write, and so mostly in one packet. Beyond it, joining head and
# body would cost a copy of the body, and the packets are many in any case.
MAX_JOINED_BYTES = 64 * 1024


class UpstreamConnection(asyncio.Protocol):
    """See the module. Made by `Pool`; `reused` once it has served a response before.

    `release(connection)` is called when it has become idle, and when it has been closed.
    """

    __slots__ = (
        "_chunked_upload",
        "_complete",
        "_decoder",
        "_deliver",
        "_drain_waiter",
        "_error",
        "_handler",
        "_head_bytes",
        "_headers",
        "_held",
        "_in_head",
        "_interim",
        "_no_body",
        "_parser",
        "_paused",
        "_progress",
        "_received",
        "_release",
        "_reusable",
        "_served",
        "_transport",
        "_until_eof",
        "_uploading",
        "_write_paused",
        "closed",
        "idle_since",
        "reused",
        "target",
    )

    def __init__(self, target: Target, release: Callable[[UpstreamConnection], None]) -> None:
        self.target = target
        self.reused = False
        self.closed = False
        self.idle_since = 0.0
        self._served = False
        self._release = release
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # until connection_made
        self._parser = httptools.HttpResponseParser(self)
        self._drain_waiter: asyncio.Future[None] | None = None
        self._write_paused = False
        self._paused = False
        self._held: deque[bytes] = deque()  # of the read during which the handler paused
        self._let_go()

    def _let_go(self) -> None:
        """Forget the exchange."""
        self._handler: ResponseHandler | None = None
        self._deliver: Callable[[bytes], None] = _ignore
        self._decoder: Decoder | None = None
        self._held.clear()
        self._complete = False  # the exchange is over, well or with _error; the handler may not know yet
        self._error: UpstreamError | None = None
        self._uploading = False

    def __repr__(self) -> str:
        state = "closed" if self.closed else "idle" if self._handler is None else "busy"
        return f"<UpstreamConnection {self.target.name} {state}{' reused' if self.reused else ''}>"

    # ── for the gateway ─────────────────────────────────────────────────────────────────────────────

    def send(
        self,
        head: bytes,
        body: bytes,
        handler: ResponseHandler,
        *,
        no_body: bool = False,
        more: bool = False,
        chunked: bool = False,
    ) -> None:
        """Begin an exchange: head and body leave in one write.

        `no_body`: the request was HEAD, so its response has none whatever its headers say. `more`: the
        rest of the body follows by `write_body` and `finish_body`, framed in chunks if `chunked`.
        """
        self.reused = self._served
        self._handler = handler
        self._uploading = more
        self._chunked_upload = chunked
        self._no_body = no_body
        self._in_head = True
        self._interim = False
        self._until_eof = False
        self._reusable = False
        self._headers: Headers = []
        self._head_bytes = 0
        self._received = 0  # bytes of this response, as they came from the transport
        self._progress = 0  # `_received` as of the last byte that was of use
        self._choose_delivery()
        if self.closed:  # between being handed out and now; told later, as every other failure is
            asyncio.get_running_loop().call_soon(self._end, self._lost(None))
            return
        if chunked and body:
            body = _chunk(body)
        if len(body) <= MAX_JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def write_body(self, data: bytes) -> None:
        """A further piece of the request's body, not empty. Ignored if the exchange is over already."""
        if self._uploading and not self.closed:
            self._transport.write(_chunk(data) if self._chunked_upload else data)

    def finish_body(self) -> None:
        """The request's body is complete."""
        if self._uploading and not self.closed:
            self._uploading = False
            if self._chunked_upload:
                self._transport.write(b"0\r\n\r\n")

    async def drain(self) -> None:
        """Wait until the upstream takes more of the request. Raises `UpstreamError` if it never will."""
        if self._write_paused and not self.closed:
            self._drain_waiter = asyncio.get_running_loop().create_future()
            await self._drain_waiter
        if self.closed or self._handler is None:
            raise UpstreamUnreachable("the upstream takes no more of the request")

    def pause(self) -> None:
        """Deliver nothing until `resume`, not even the end; the kernel's buffers hold the upstream back."""
        if not self._paused:
            self._paused = True
            self._choose_delivery()
            if not self.closed:
                self._transport.pause_reading()

    def resume(self) -> None:
        """Deliver again, what was held here first."""
        if not self._paused:
            return
        self._paused = False
        self._choose_delivery()
        try:
            if self._decoder is not None:
                self._decode(b"")
            while self._held and not self._paused:
                self._deliver(self._held.popleft())
        except Exception as error:
            self._callback_failed(error)
        if self._paused:
            return
        if self._complete:
            self._finish()
        elif not self.closed:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once. Nothing more is told to the handler. Not after `on_end`: it may serve another."""
        self._let_go()
        self._close()

    def linger(self, seconds: float) -> None:
        """Let go of the handler, read quietly to the end of the response, then be reused; else close."""
        if self._handler is None:
            return
        if self._uploading or self._until_eof or self.closed:
            self.abort()
            return
        self._handler = _Nobody(self, seconds)
        self._choose_delivery()
        self.resume()

    def break_off(self, error: UpstreamError) -> None:
        """Close, and tell the handler of an exchange that is not over, if there is one."""
        if self._handler is None:
            self._close()
        elif not self._complete:
            self._end(error)

    # ── from the transport ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """The hot path: parse, and so deliver."""
        if self._handler is None:
            # RFC 9112 section 9.2: not an answer to anything, so nothing after it could be told apart either.
            self._close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._parser_stopped(error)
            return
        if self._complete:
            self._finish()
        elif self._received - self._progress > MAX_HEAD_BYTES:
            self._end(self._too_much())

    def eof_received(self) -> None:
        """Not left to `connection_lost`, which comes only when everything is sent: never, perhaps."""
        self._ended_by_peer(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whose doing it was shows in what is still open."""
        self._ended_by_peer(exc)
        self._close()
        del self._parser  # it refers back to this object, and the pair would wait for the garbage collector

    def pause_writing(self) -> None:
        """The upstream is slow to take the request's body."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._write_paused = False
        self._wake_drain()

    # ── from the parser ─────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """Bytes of one more response."""
        if self._complete:
            raise ValueError  # stops the parser; see _parser_stopped

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field, or a trailer: those are counted, and dropped with the list they are put in."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._stop(self._too_much())
        self._headers.append((name.lower(), value.rstrip(b" \t")))  # llhttp leaves the space at the end

    def on_headers_complete(self) -> None:
        """A head is complete: an interim one, or the response's."""
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if status < 200:
            if status < 100 or status == 101:  # 101: nobody asked for another protocol
                self._stop(UpstreamInvalid(f"the upstream answered with status {status}"))
            self._interim = True
            return
        try:
            framing = read_head(status, headers, no_body=self._no_body)
        except UpstreamInvalid as error:
            self._stop(error)
        self._decoder = framing.decoder
        self._until_eof = framing.until_eof
        self._in_head = False
        self._progress = self._received
        self._choose_delivery()
        handler = self._handler
        if handler is not None:
            handler.on_head(framing.head)
        # llhttp would wait for the body that an answer to HEAD announces and does not have.
        self._complete = self._complete or self._no_body

    def on_body(self, data: bytes) -> None:
        """A piece of the body, as it was sent."""
        self._progress = self._received
        self._deliver(data)

    def on_message_complete(self) -> None:
        """The message ended by its own framing."""
        if self._interim:
            self._interim = False
            return
        self._complete = True
        self._reusable = self._parser.should_keep_alive() and not self._no_body

    # ── delivery ────────────────────────────────────────────────────────────────────────────────────

    def _choose_delivery(self) -> None:
        """Where the body's pieces go. Decided where something changes, not for each piece."""
        if self._handler is None or self._no_body:
            self._deliver = _ignore
        elif self._paused:
            self._deliver = self._held.append
        elif self._decoder is not None:
            self._deliver = self._decode
        else:
            self._deliver = self._handler.on_body

    def _decode(self, data: bytes) -> None:
        """Hand out what the decoder makes of it, until it is empty or the handler has enough for now."""
        decoder = self._decoder
        assert decoder is not None
        decoder.feed(data)
        while not self._paused and self._handler is not None:
            try:
                piece = decoder.read()
            except ValueError as error:
                self._stop(UpstreamInvalid(f"{error}, {self._received} bytes into the upstream's answer"))
            if not piece:
                return
            self._handler.on_body(piece)

    # ── endings ─────────────────────────────────────────────────────────────────────────────────────

    def _finish(self) -> None:
        """Tell the handler that the exchange is over. A connection that can be used again goes back first."""
        handler = self._handler
        if handler is None or self._paused:  # resume() comes back here
            return
        error = self._error
        if error is None and self._decoder is not None:
            try:
                self._decoder.finish()
            except ValueError as truncated:
                error = UpstreamTruncated(f"{truncated}, {self._received} bytes into the upstream's answer")
        reusable = (
            self._reusable
            and error is None
            and not self.closed
            and not self._uploading  # else the next request would start in the middle of this one
            and self._transport.get_write_buffer_size() == 0
        )
        self._let_go()
        if reusable:
            self._served = True
            self._release(self)
        else:
            self._close()
        try:
            if error is None:
                handler.on_end()
            else:
                handler.on_broken(error)
        except Exception:
            log.exception("a response handler failed at the end of an answer")

    def _end(self, error: UpstreamError | None) -> None:
        """The exchange is over, though not by its framing: by EOF, or with an error."""
        if self._handler is None:
            return
        self._complete = True
        self._reusable = False
        self._error = error
        if error is not None:
            self._close()
        self._finish()

    def _ended_by_peer(self, exc: Exception | None) -> None:
        if self._handler is None:
            self._close()
        elif not self._complete:
            clean = self._until_eof and exc is None
            self._end(None if clean else self._lost(exc))

    def _stop(self, error: UpstreamError) -> NoReturn:
        """From within a callback of the parser: stop it, and end the exchange so."""
        self._error = error
        raise error

    def _parser_stopped(self, error: httptools.HttpParserError) -> None:
        if self._complete:  # the answer is whole; what came after it was never asked for
            self._reusable = False
            self._finish()
        elif isinstance(error, httptools.HttpParserCallbackError):
            self._callback_failed(error.__context__ or error)
        else:
            self._end(
                UpstreamInvalid(
                    f"the upstream's answer is not valid HTTP, {self._received} bytes in: {error}"
                )
            )

    def _callback_failed(self, cause: BaseException) -> None:
        if cause is self._error:
            self._end(self._error)
            return
        # A defect in the gateway must not end a stream quietly.
        log.error("a response handler failed", exc_info=cause)
        self._held.clear()
        self._paused = False
        self._end(UpstreamInvalid("the gateway failed on the upstream's answer; its log has the details"))

    def _lost(self, exc: Exception | None) -> UpstreamError:
        how = f"the connection broke ({exc})" if exc is not None else "the upstream closed the connection"
        if self._received:
            return UpstreamTruncated(f"{how} before its answer was complete, {self._received} bytes in")
        if self.reused:
            return StaleConnection(f"{how} before it answered, as kept ones may")
        return UpstreamUnreachable(f"{how} before it answered")

    def _too_much(self) -> UpstreamInvalid:
        what = (
            "the upstream's response head is"
            if self._in_head
            else "what the upstream sends around its body is"
        )
        return UpstreamInvalid(f"{what} over {MAX_HEAD_BYTES} bytes")

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self._wake_drain()
            self._transport.abort()
            self._release(self)

    def _wake_drain(self) -> None:
        waiter, self._drain_waiter = self._drain_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class _Nobody:
    """Reads the rest of a response whose client has all it needs; not for long, and not much."""

    def __init__(self, connection: UpstreamConnection, seconds: float) -> None:
        self._connection = connection
        self._left = MAX_LINGER_BYTES
        self._timer = asyncio.get_running_loop().call_later(seconds, connection.abort)

    def on_head(self, head: ResponseHead) -> None: ...

    def on_body(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._timer.cancel()
            self._connection.abort()

    def on_end(self) -> None:
        self._timer.cancel()

    def on_broken(self, error: UpstreamError) -> None:
        self._timer.cancel()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _ignore(_data: bytes) -> None:
    """Nobody listens."""

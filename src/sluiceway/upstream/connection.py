"""One connection to an upstream: an asyncio protocol over httptools' response parser.

It carries one exchange at a time. Requests are written as bytes; responses are pushed to a
`ResponseHandler` as they are parsed, in the same call in which they were received. Between exchanges it
waits in its pool.

    idle ── send ──► busy ── clean end, keep-alive ──► idle (in the pool)
                      │──── clean end, else ─────────► closed
                      │──── linger ──► the same, without a handler, for a limited time
                      └──── abort, failure ──────────► closed
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

import httptools
import msgspec

from sluiceway.errors import (
    StaleConnection,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.upstream.dial import Target
from sluiceway.wire.coding import Decoder, supported

log = logging.getLogger("sluiceway.upstream")

# A response head, all 1xx before it included, may not be larger: nginx's default is 4 to 8 KiB, real
# providers send 1 to 3 KiB, and an upstream that never ends its head has to be dropped.
MAX_HEAD_BYTES = 64 * 1024

# What may still come of a body that nobody needs any more, for the sake of reusing its connection.
MAX_LINGER_BYTES = 64 * 1024


class ResponseHead(msgspec.Struct, frozen=True):
    """`headers`: names in lower case. `length`: how many body bytes will be delivered, None if unknown."""

    status: int
    headers: list[tuple[bytes, bytes]]
    length: int | None


class ResponseHandler(Protocol):
    """Who is told about a response: `on_head`, any number of `on_body`, then one `on_end` or `on_broken`."""

    def on_head(self, head: ResponseHead) -> None:
        """Status and headers of the final response (1xx are skipped)."""
        ...

    def on_body(self, data: bytes) -> None:
        """A piece of the body, decoded, never empty."""
        ...

    def on_end(self) -> None:
        """The body ended cleanly. The connection is not the handler's any more."""
        ...

    def on_broken(self, error: UpstreamError) -> None:
        """The exchange failed; the connection is closed. `StaleConnection`: it is safe to send again."""
        ...


class _Nobody:
    """Reads the rest of a response whose client has all it needs."""

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        self._left = MAX_LINGER_BYTES

    def on_head(self, head: ResponseHead) -> None: ...

    def on_body(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._connection.abort()

    def on_end(self) -> None: ...

    def on_broken(self, error: UpstreamError) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """See the module. Made by `Pool`; `reused` once it has served a response before."""

    def __init__(self, target: Target, release: Callable[[UpstreamConnection], None]) -> None:
        self.target = target
        self.reused = False
        self.closed = False
        self.idle_since = 0.0
        self._release = release
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # until connection_made
        self._parser = httptools.HttpResponseParser(self)
        self._handler: ResponseHandler | None = None
        self._deliver: Callable[[bytes], None] = _ignore
        self._decoder: Decoder | None = None
        self._paused = False
        self._ended_while_paused = False
        self._served = False
        self._upload_chunked = False
        self._linger_timer: asyncio.TimerHandle | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self._write_paused = False
        self._reset(no_body=False, uploading=False)

    def _reset(self, *, no_body: bool, uploading: bool) -> None:
        self._no_body = no_body
        self._uploading = uploading
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0  # of raw input before the head is complete
        self._header_bytes = 0  # of parsed names and values
        self._head_done = False
        self._until_eof = False
        self._received_any = False
        self._interim = False  # the message being parsed is a 1xx
        self._decoder = None
        self._ended_while_paused = False

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
        self._reset(no_body=no_body, uploading=more)
        self._handler = handler
        self._deliver = handler.on_body
        self._upload_chunked = chunked
        if chunked and body:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        self._transport.write(head + body)

    def write_body(self, data: bytes) -> None:
        """A further piece of the request's body."""
        if self._uploading and not self.closed:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._upload_chunked else data)

    def finish_body(self) -> None:
        """The request's body is complete."""
        if self._uploading and not self.closed:
            self._uploading = False
            if self._upload_chunked:
                self._transport.write(b"0\r\n\r\n")

    async def drain(self) -> None:
        """Wait until the upstream takes more of the request. Raises `UpstreamError` if it never will."""
        if self._write_paused and not self.closed:
            self._drain_waiter = asyncio.get_running_loop().create_future()
            await self._drain_waiter
        if self.closed or self._handler is None:
            raise UpstreamUnreachable("the upstream takes no more of the request")

    def pause(self) -> None:
        """Deliver nothing until `resume`; the kernel's buffers then hold the upstream back."""
        if not self._paused and not self.closed:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Deliver again, what was held here first."""
        if not self._paused:
            return
        self._paused = False
        if not self.closed:
            self._transport.resume_reading()
        if self._decoder is not None:
            self._decode()
        if self._ended_while_paused and not self._paused:
            self._end()

    def abort(self) -> None:
        """Close at once. Nothing more is told to the handler."""
        self._handler = None
        self._deliver = _ignore
        self._close()

    def linger(self, seconds: float) -> None:
        """Let go of the handler, read quietly to the end of the response, then be reused; else close."""
        if self.closed or self._handler is None:
            return
        if self._uploading:
            self.abort()
            return
        nobody = _Nobody(self)
        self._handler = nobody
        self._deliver = nobody.on_body
        self._linger_timer = asyncio.get_running_loop().call_later(seconds, self.abort)
        self.resume()

    # ── from the transport ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """The hot path: parse, and so deliver."""
        if self._handler is None:
            self._close()  # nobody asked: whatever this is, the next response could not be told from it
            return
        self._received_any = True
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(UpstreamInvalid("the upstream switched protocols unasked"))
        except httptools.HttpParserCallbackError as error:
            self._callback_failed(error)
        except httptools.HttpParserError as error:
            self._break(UpstreamInvalid(f"the upstream's answer is not valid HTTP ({error})"))
        else:
            if not self._head_done and self._head_bytes > MAX_HEAD_BYTES and self._handler is not None:
                self._break(_head_too_large())

    def eof_received(self) -> None:
        """See `asyncio.Protocol`; the transport closes itself, and `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of an EOF-delimited body, of an idle connection, or of an exchange that broke."""
        was_closed, self.closed = self.closed, True
        self._wake_drain()
        self._stop_lingering()
        if not was_closed:
            self._release(self)
        if self._handler is None:
            return
        if not (self._until_eof and self._head_done and exc is None):
            self._break(self._lost(exc))
        elif self._paused and self._decoder is not None:
            self._ended_while_paused = True
        else:
            self._end()

    def pause_writing(self) -> None:
        """The upstream is slow to take the request's body."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._write_paused = False
        self._wake_drain()

    # ── from the parser ─────────────────────────────────────────────────────────────────────────────

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field (or trailer, which is left out)."""
        if self._head_done:
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEAD_BYTES:
            raise _head_too_large()
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete: an interim one, or the response's."""
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise UpstreamInvalid("the upstream switched protocols unasked")
            self._interim = True
            self._headers = []
            return
        headers = self._headers
        chunked = False
        length: int | None = None
        coding = b""
        for name, value in headers:
            if name == b"content-length":
                length = int(value)  # llhttp has checked it
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"content-encoding":
                coding = value
        if chunked:
            length = None
        elif length is None and status not in (204, 304) and not self._no_body:
            self._until_eof = True
        if supported(coding) and not self._no_body:
            self._decoder = Decoder(coding)
            self._deliver = self._decode_and_deliver
            headers = [h for h in headers if h[0] not in (b"content-encoding", b"content-length")]
            length = None
        self._head_done = True
        handler = self._handler
        if handler is not None:
            handler.on_head(ResponseHead(status, headers, length))
        if self._no_body and self._handler is not None:
            # llhttp waits for a body that a response to HEAD does not have.
            self._until_eof = True
            self._end()

    def on_body(self, data: bytes) -> None:
        """A piece of the body, as it was sent."""
        self._deliver(data)

    def on_message_complete(self) -> None:
        """The message ended by its own framing."""
        if self._interim:
            self._interim = False
            return
        if self._paused and self._decoder is not None:
            self._ended_while_paused = True
            return
        if self._handler is not None:
            self._end()

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _decode_and_deliver(self, data: bytes) -> None:
        assert self._decoder is not None
        self._decoder.feed(data)
        self._decode()

    def _decode(self) -> None:
        """Hand out what the decoder has, until it is empty or the handler has enough for now."""
        decoder = self._decoder
        try:
            while not self._paused and self._handler is not None and decoder is not None:
                piece = decoder.read()
                if not piece:
                    break
                self._handler.on_body(piece)
        except ValueError as error:
            self._break(UpstreamInvalid(str(error)))

    def _end(self) -> None:
        """The body is complete. The connection is given back first, so that the next request can have it."""
        handler = self._handler
        if handler is None:
            return
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except ValueError as error:
                self._break(UpstreamTruncated(str(error)))
                return
        reusable = (
            not (self._until_eof or self._uploading or self.closed) and self._parser.should_keep_alive()
        )
        self._handler = None
        self._deliver = _ignore
        self._stop_lingering()
        if reusable:
            self._served = True
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            self._release(self)
        else:
            self._close()
        handler.on_end()

    def _break(self, error: UpstreamError) -> None:
        """The exchange failed: close, and tell the handler, once."""
        handler = self._handler
        self._handler = None
        self._deliver = _ignore
        self._close()
        if handler is not None:
            handler.on_broken(error)

    def _lost(self, exc: Exception | None) -> UpstreamError:
        how = f"the connection broke ({exc})" if exc is not None else "the upstream closed the connection"
        if self._received_any:
            return UpstreamTruncated(f"{how} before its answer was complete")
        if self.reused:
            return StaleConnection(f"{how} before it answered, as kept ones may")
        return UpstreamUnreachable(f"{how} before it answered")

    def _callback_failed(self, error: httptools.HttpParserCallbackError) -> None:
        cause: Any = error.__context__
        if isinstance(cause, UpstreamError):
            self._break(cause)
            return
        # A defect in the gateway must not end a stream quietly.
        log.error("a response handler failed", exc_info=cause or error)
        self._break(UpstreamInvalid("the gateway failed on the upstream's answer; its log has the details"))

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self._stop_lingering()
            self._wake_drain()
            self._transport.abort()
            self._release(self)

    def _stop_lingering(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _wake_drain(self) -> None:
        waiter, self._drain_waiter = self._drain_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _head_too_large() -> UpstreamInvalid:
    return UpstreamInvalid(f"the upstream's response head is over {MAX_HEAD_BYTES} bytes")


def _ignore(_data: bytes) -> None:
    """Nobody listens."""

"""The probing client: one connection, one request at a time, and the time of every read.

It speaks HTTP/1.1 itself, since what is looked for (how bytes are clumped, whether a connection stays, how it ends)
is what HTTP libraries hide.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Final

import httptools

from sluiceway.doctor.asking import Ask, Target, head_of
from sluiceway.doctor.seen import End, Link, Piece, Seen, Unreachable

CONNECT_S: Final = 10.0
"""For the name, TCP and TLS, each."""

MAX_KEPT_BYTES: Final = 4 * 1024 * 1024
"""Of one answer's body: nothing that is asked for comes near; a web server that answers instead may."""

_READ_BYTES: Final = 64 * 1024


class Line:
    """A connection. Open it with `Line.open`; close it."""

    def __init__(
        self, target: Target, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link
    ) -> None:
        self.link = link
        self._target = target
        self._key = key
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, target: Target, key: str, trust: ssl.SSLContext) -> Line:
        """Connect, and measure it. `trust`: whose certificates are believed. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(CONNECT_S):
                began = time.monotonic()
                reader, writer = await asyncio.open_connection(
                    target.host, target.port, happy_eyeballs_delay=0.25
                )
                connect_s = time.monotonic() - began
        except TimeoutError:
            raise Unreachable("slow", f"no connection within {CONNECT_S:g} s") from None
        except socket.gaierror as error:
            raise Unreachable("name", error.strerror or str(error)) from None
        except OSError as error:
            raise Unreachable("refused", error.strerror or str(error)) from None
        if not target.tls:
            return cls(target, key, reader, writer, Link(connect_s=connect_s))
        try:
            async with asyncio.timeout(CONNECT_S):
                began = time.monotonic()
                await writer.start_tls(trust, server_hostname=target.host)
                tls_s = time.monotonic() - began
        except OSError as error:
            writer.transport.abort()
            raise _tls_trouble(error) from None
        return cls(target, key, reader, writer, _link(writer, connect_s, tls_s))

    async def ask(self, ask: Ask, patience_s: float) -> Seen:
        """Send it, and read until the answer ends in one way or another, or for so long."""
        answer = _Answer()
        began = time.monotonic()
        self._writer.write(head_of(self._target, ask, self._key) + ask.body)
        try:
            async with asyncio.timeout(patience_s):
                end = await self._read(answer, began)
        except TimeoutError:
            end = "waited"
        except OSError:  # ssl.SSLError is one
            end = "reset"
        except httptools.HttpParserError:
            end = "garbage"
        return answer.seen(end, time.monotonic() - began)

    async def _read(self, answer: _Answer, began: float) -> End:
        while not answer.is_whole:
            data = await self._reader.read(_READ_BYTES)
            answer.now_s = time.monotonic() - began
            if not data:
                return "whole" if answer.ends_with_connection else "closed"
            answer.parser.feed_data(data)
        return "whole"

    async def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()
        await asyncio.sleep(0)


class _Answer:
    """What llhttp makes of one response; its callbacks."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.now_s = 0.0
        self.is_whole = False
        self._status = 0
        self._version = ""
        self._keeps = False
        self._head_s = 0.0
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[Piece] = []
        self._kept = 0

    @property
    def ends_with_connection(self) -> bool:
        """RFC 9112 section 6.3: with neither chunks nor a length, the end of the connection is the end."""
        framed = any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)
        return self._status >= 200 and not framed

    def seen(self, end: End, end_s: float) -> Seen:
        return Seen(
            status=self._status,
            version=self._version,
            headers=tuple(self._headers),
            head_s=self._head_s,
            pieces=tuple(self._pieces),
            end=end,
            end_s=end_s,
            keeps=self._keeps and end == "whole",
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:  # 1xx: the response itself is still to come
            self._headers.clear()
            return
        self._status = status
        self._version = self.parser.get_http_version()
        self._keeps = self.parser.should_keep_alive()
        self._head_s = self.now_s

    def on_body(self, data: bytes) -> None:
        if self._kept < MAX_KEPT_BYTES:
            self._kept += len(data)
            last = self._pieces[-1] if self._pieces else None
            if last is not None and last.at_s == self.now_s:  # several chunks of one read
                self._pieces[-1] = Piece(self.now_s, last.data + data)
            else:
                self._pieces.append(Piece(self.now_s, data))

    def on_message_complete(self) -> None:
        self.is_whole = self._status >= 200


def _link(writer: asyncio.StreamWriter, connect_s: float, tls_s: float) -> Link:
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    until = str((tls.getpeercert() or {}).get("notAfter", ""))
    return Link(
        connect_s=connect_s,
        tls_s=tls_s,
        tls_version=tls.version() or "",
        expires=float(ssl.cert_time_to_seconds(until)) if until else 0.0,
    )


def _tls_trouble(error: OSError) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable("certificate", error.verify_message)
    if isinstance(error, TimeoutError):
        return Unreachable("slow", f"no TLS within {CONNECT_S:g} s")
    reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
    return Unreachable("tls", reason or type(error).__name__)

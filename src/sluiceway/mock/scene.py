"""An answer that is ready to be delivered, and the script that delivers it.

A script is an iterator of steps: bytes to write, waits, and ways to end. Scripts are pure, so a fault
is a function from a `Scene` to a script, and a test can read what it would do; `perform.py` plays it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from sluiceway.mock.pace import Pace


class Wait(msgspec.Struct, frozen=True):
    """Silence. `steady` waits follow one another without drift; others count from now."""

    seconds: float
    steady: bool = False


class Act(Enum):
    """How a response ends: every script ends in one of these."""

    DONE = "the response is whole, and the connection stays open"
    LAST = "the response is whole, and the connection is closed, as was said or as its end"
    CLOSE = "the response is broken off: the connection is closed in the ordinary way (FIN)"
    RESET = "the response is broken off: the connection is reset (RST)"
    DOOM = "the response is whole, but the connection will be reset as soon as it is used again"


Step = bytes | Wait | Act
Script = Iterator[Step]
Header = tuple[str, str]


class Framing(Enum):
    """How the end of a body is told: RFC 9112 section 6."""

    CHUNKED = "transfer-encoding: chunked"
    LENGTH = "content-length"
    UNTIL_CLOSE = "connection: close"


class Part(msgspec.Struct, frozen=True):
    """One write of a body, and the silence (s) before it."""

    data: bytes
    wait_s: float = 0.0


class Event(msgspec.Struct, frozen=True):
    """One event of a stream. `kind` tells faults what it is in any API; `data` is JSON, or text as it is.

    `token`: carries a part of the answer, and is waited for. `finish`: says why the answer ends, `end`: that
    it has ended; an API without such an event has none. `role`: all that goes along.
    """

    kind: Literal["role", "token", "finish", "usage", "end", "error"]
    data: dict[str, Any] | str
    name: str = ""

    def encode(self, *, newline: bytes = b"\n", id: str = "") -> bytes:  # noqa: A002 - the field's name
        """The event on the wire, with its blank line."""
        payload = self.data.encode() if isinstance(self.data, str) else msgspec.json.encode(self.data)
        lines = [b"data: " + payload]
        if self.name:
            lines.insert(0, b"event: " + self.name.encode())
        if id:
            lines.insert(0, b"id: " + id.encode())
        return newline.join([*lines, b"", b""])


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP response, whole and well-behaved; faults replace or break what they need.

    `lead_s`: silence before the head. `closing`: the connection ends after this response.
    """

    status: int = 200
    headers: tuple[Header, ...] = ()
    framing: Framing = Framing.CHUNKED
    parts: tuple[Part, ...] = ()
    lead_s: float = 0.0
    closing: bool = False

    def script(self) -> Script:
        """Deliver it properly."""
        yield Wait(self.lead_s)
        yield self.head()
        yield from self.rest(self.parts)

    def head(self) -> bytes:
        """Status line and headers, with those of the framing."""
        headers = list(self.headers)
        if self.framing is Framing.CHUNKED:
            headers.append(("transfer-encoding", "chunked"))
        elif self.framing is Framing.LENGTH:
            headers.append(("content-length", str(sum(len(part.data) for part in self.parts))))
        if self.closing or self.framing is Framing.UNTIL_CLOSE:
            headers.append(("connection", "close"))
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode()

    def rest(self, parts: tuple[Part, ...]) -> Script:
        """These parts, paced, and the proper end of the body."""
        for part in parts:
            yield Wait(part.wait_s, steady=True)
            yield self.framed(part.data)
        yield from self.end()

    def framed(self, data: bytes) -> bytes:
        """Body bytes as they go on the wire."""
        if self.framing is Framing.CHUNKED and data:
            return b"%x\r\n%b\r\n" % (len(data), data)
        return data

    def end(self) -> Script:
        """The end of the body."""
        if self.framing is Framing.CHUNKED:
            yield b"0\r\n\r\n"
        yield Act.LAST if self.closing or self.framing is Framing.UNTIL_CLOSE else Act.DONE

    def until(self, whole: int) -> Script:
        """The head and so many whole parts."""
        yield Wait(self.lead_s)
        yield self.head()
        for part in self.parts[:whole]:
            yield Wait(part.wait_s, steady=True)
            yield self.framed(part.data)

    def halves(self, whole: int) -> tuple[bytes, bytes]:
        """The two halves of the part after so many whole ones, unframed; empty after the last."""
        data = self.parts[whole].data if whole < len(self.parts) else b""
        return data[: len(data) // 2], data[len(data) // 2 :]

    def tweak(self, **changes: Any) -> Response:
        """The same with other fields."""
        return msgspec.structs.replace(self, **changes)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """All that a fault may play with, in terms that hold for every API.

    `events`: the answer as a stream, `answer` as JSON; `stream` is what the client asked for. `arg` is
    the fault's argument (s or events; -1 where it has none). `http10`: the client knows no chunks.
    """

    stream: bool
    events: tuple[Event, ...]
    answer: dict[str, Any]
    pace: Pace
    error_event: Callable[[str, str, str], Event]  # message, type, code
    error_body: Callable[[str, str, str], dict[str, Any]]
    arg: float = -1
    closing: bool = False
    http10: bool = False

    def response(self) -> Response:
        """The proper answer in the form the client asked for."""
        return self.as_stream() if self.stream else self.as_json()

    def waits(self) -> tuple[float, ...]:
        """Seconds before each event."""
        return tuple(self.pace.waits([event.kind == "token" for event in self.events]))

    def as_stream(self, *, newline: bytes = b"\n", ids: bool = False) -> Response:
        """The answer as an event stream, one part per event."""
        parts = tuple(
            Part(event.encode(newline=newline, id=f"mock-{position}" if ids else ""), wait_s)
            for position, (event, wait_s) in enumerate(zip(self.events, self.waits(), strict=True))
        )
        return Response(
            headers=(("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")),
            framing=Framing.UNTIL_CLOSE if self.http10 else Framing.CHUNKED,
            parts=parts,
            closing=self.closing,
        )

    def as_json(self) -> Response:
        """The answer as one JSON body, which comes when the stream would have ended."""
        return self.json(200, self.answer).tweak(lead_s=sum(self.waits()))

    def json(self, status: int, body: dict[str, Any], *headers: Header) -> Response:
        """Any JSON response."""
        return json_response(status, body, *headers).tweak(closing=self.closing)

    def error(self, status: int, message: str, kind: str, code: str, *headers: Header) -> Response:
        """An HTTP error in the shape of this API."""
        return self.json(status, self.error_body(message, kind, code), *headers)

    def failing(self, whole: int, message: str, kind: str, code: str) -> Scene:
        """So many whole events, then an error."""
        error = self.error_event(message, kind, code)
        if isinstance(error.data, dict) and "sequence_number" in error.data:  # the Responses API counts
            error = msgspec.structs.replace(error, data=error.data | {"sequence_number": whole})
        return self.tweak(events=(*self.events[:whole], error))

    def tweak(self, **changes: Any) -> Scene:
        """The same with other fields."""
        return msgspec.structs.replace(self, **changes)


def json_response(status: int, body: Any, *headers: Header) -> Response:
    """A JSON response with its length, at once."""
    return Response(
        status=status,
        headers=(("content-type", "application/json"), *headers),
        framing=Framing.LENGTH,
        parts=(Part(msgspec.json.encode(body)),),
    )

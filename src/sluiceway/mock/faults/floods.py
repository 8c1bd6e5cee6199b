"""Faults without an end, and one without a beginning: each must meet a limit of the reader's."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.mock.faults.base import ENDLESS_BYTES, fault
from sluiceway.mock.scene import Act, Framing, Response, Scene, Script

_PIECE_BYTES = 16 * 1024


@fault("garbage", expect="Reports an upstream that does not speak HTTP; closes the connection.")
def garbage(scene: Scene) -> Script:
    """The answer is not HTTP; then the connection is closed."""
    yield b"220 mock.invalid ESMTP \xff\xfe\x00 this is not the protocol you are looking for\r\n"
    yield Act.CLOSE


@fault("endless-headers", expect="Gives up at its limit for response heads; its memory stays small.")
def endless_headers(scene: Scene) -> Script:
    """Headers without an end (256 MiB)."""
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    yield from _flood(b"x-endless: " + b"h" * 1000 + b"\r\n")
    yield Act.CLOSE


@fault("endless-event", expect="Gives up at its limit for one event; its memory stays below that.")
def endless_event(scene: Scene) -> Script:
    """One event that never ends (256 MiB), after the first or instead of the only one. A JSON answer: one
    string that never ends.
    """
    if scene.stream:
        response = scene.as_stream()
        yield from response.until(min(1, len(response.parts) - 1))  # a picture alone is a whole answer
    else:
        response = scene.as_json().tweak(framing=Framing.CHUNKED, parts=())
        yield from response.until(0)
    opening = b'{"id":"endless","delta":"'
    yield response.framed(_event_opening(scene) + opening if scene.stream else opening)
    yield from _framed_flood(response, b"a" * _PIECE_BYTES)
    yield Act.CLOSE


@fault("endless-body", expect="Gives up at its limit for time, or for an answer that it must hold whole.")
def endless_body(scene: Scene) -> Script:
    """Proper events without an end (256 MiB). A JSON answer: white space without an end."""
    if scene.stream:
        response = scene.as_stream()
        begun = next(i for i, event in enumerate(scene.events) if event.kind in ("token", "finish", "end"))
        token = response.parts[begun].data
        yield from response.until(begun)
        yield from _framed_flood(response, token * max(1, _PIECE_BYTES // len(token)))
    else:
        response = scene.as_json().tweak(framing=Framing.CHUNKED, parts=())
        yield from response.until(0)
        yield from _framed_flood(response, b" " * _PIECE_BYTES)
    yield Act.CLOSE


def _event_opening(scene: Scene) -> bytes:
    """All of a token's event that comes before its data."""
    name = next((event.name for event in scene.events if event.kind == "token"), "")
    return b"event: %b\ndata: " % name.encode() if name else b"data: "


def _framed_flood(response: Response, piece: bytes) -> Iterator[bytes]:
    return _flood(response.framed(piece))


def _flood(piece: bytes) -> Iterator[bytes]:
    for _ in range(ENDLESS_BYTES // len(piece)):
        yield piece


FAULTS = (garbage, endless_headers, endless_event, endless_body)

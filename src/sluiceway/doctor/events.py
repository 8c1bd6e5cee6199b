"""From the bytes of an answer and their times to events and theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sluiceway.doctor.seen import Piece, Seen
from sluiceway.wire.coding import Decoder, supported
from sluiceway.wire.sse import SseEvent, SseParser

_DONE = b"[DONE]"


class Event(msgspec.Struct, frozen=True):
    """One event of the answer. `at_s`: when its last byte was here, since the request was sent. `due_ms`: when the
    simulated provider meant to send it, since it began to answer; None if it does not say."""

    at_s: float
    data: bytes
    due_ms: float | None = None


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """An event stream, read. `heartbeats`: when each came, in seconds. `text`: what the model said. `ended`: its end
    marker came. `broken`: an event that is not JSON, or bytes that can't be decompressed, in words. `error`: code
    and message of an error event."""

    events: tuple[Event, ...] = ()
    heartbeats: tuple[float, ...] = ()
    text: str = ""
    ended: bool = False
    broken: str = ""
    error: tuple[str, str] | None = None


def read_stream(seen: Seen) -> Stream:
    """Read an answer as a chat stream, whatever it says that it is."""
    parser = SseParser(0)
    comments = _Comments()
    raw: list[tuple[float, SseEvent]] = []
    broken = ""
    at_s = 0.0
    try:
        for piece in _decoded(seen):
            at_s = piece.at_s
            comments.feed(piece)
            raw += [(at_s, event) for event in parser.feed(piece.data)]
        raw += [(at_s, event) for event in parser.flush()]
    except ValueError as error:
        broken = str(error)
    events: list[Event] = []
    text: list[str] = []
    ended, failed = False, None
    for came_s, event in raw:
        if not event.data:
            continue
        due_ms = None
        if event.data == _DONE:
            ended = True
        else:
            try:
                chunk = msgspec.json.decode(event.data, type=_Chunk)
            except (msgspec.DecodeError, UnicodeDecodeError):
                broken = broken or f"event {len(events) + 1} is not JSON of a chat answer"
            else:
                due_ms = chunk.mock_due_ms
                text += [choice.delta.content or "" for choice in chunk.choices]
                failed = failed or _error(chunk.error)
        events.append(Event(came_s, event.data, due_ms))
    return Stream(
        events=tuple(events),
        heartbeats=tuple(comments.times),
        text="".join(text),
        ended=ended,
        broken=broken,
        error=failed,
    )


def text_of_json(seen: Seen) -> str | None:
    """What the model said in a JSON answer; None if that can't be read."""
    try:
        body = b"".join(piece.data for piece in _decoded(seen))
        answer = msgspec.json.decode(body, type=_Answer)
    except ValueError:  # msgspec's errors are kinds of it
        return None
    return "".join(choice.message.content or "" for choice in answer.choices) if answer.choices else None


def error_of(seen: Seen) -> tuple[str, str] | None:
    """Code and message of a JSON error body; None if it is none."""
    try:
        body = b"".join(piece.data for piece in _decoded(seen))
        return _error(msgspec.json.decode(body, type=_Chunk).error)
    except ValueError:
        return None


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    message: _Delta = msgspec.field(default_factory=_Delta)


class _Error(msgspec.Struct):
    message: object = ""
    code: object = None
    type: object = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: _Error | None = None
    mock_due_ms: float | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]


def _error(error: _Error | None) -> tuple[str, str] | None:
    return (str(error.code or error.type or ""), str(error.message)) if error is not None else None


class _Comments:
    """When comment lines came. The parser holds one that no blank line follows, so it can't tell."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._at_line_start = True

    def feed(self, piece: Piece) -> None:
        lines = piece.data.splitlines(keepends=True)
        fresh = lines if self._at_line_start else lines[1:]
        if any(line.startswith(b":") for line in fresh):
            self.times.append(piece.at_s)
        self._at_line_start = piece.data.endswith((b"\n", b"\r"))


def _decoded(seen: Seen) -> Iterator[Piece]:
    """The pieces without their compression. Raises `ValueError` where it can't be undone."""
    coding = seen.header("content-encoding").encode("latin-1")
    if coding in (b"", b"identity"):
        yield from seen.pieces
        return
    if not supported(coding):
        raise ValueError(f"it is compressed as {coding.decode('latin-1')}, which was not accepted")
    decoder = Decoder(coding)
    for piece in seen.pieces:
        decoder.feed(piece.data)
        while data := decoder.read():
            yield Piece(piece.at_s, data)

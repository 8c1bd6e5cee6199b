"""What a browser makes of an event stream: the HTML standard, section 9.2.6, followed to the letter.

Slow and obvious on purpose: the whole body at once, one character at a time. Tests and the fuzz target
hold `sluiceway.wire.sse` against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sluiceway.wire.sse import RETRY_DIGITS_MAX, SseEvent


@dataclass(frozen=True, slots=True)
class Dispatched:
    """One event as a page's listener sees it, and the reconnection time (ms) in force at that moment."""

    type: str
    data: str
    last_event_id: str
    reconnection_ms: int | None


def interpret(body: bytes) -> list[Dispatched]:
    """The events that `body` dispatches, in order."""
    return _Interpreter().run(_decode(body))


def observe(events: Iterable[SseEvent]) -> list[Dispatched]:
    """What `interpret` gives, for a body that the codec has already read into events."""
    seen: list[Dispatched] = []
    last_event_id = ""
    reconnection_ms: int | None = None
    for event in events:
        if event.id is not None:
            last_event_id = _text(event.id)
        if event.retry is not None:
            reconnection_ms = event.retry
        if event.data is not None:
            name = _text(event.event) or "message"
            seen.append(Dispatched(name, _text(event.data), last_event_id, reconnection_ms))
    return seen


class _Interpreter:
    """The buffers of the standard, and what was dispatched from them."""

    def __init__(self) -> None:
        self.data_buffer = ""
        self.event_type_buffer = ""
        self.last_event_id_buffer = ""
        self.reconnection_ms: int | None = None
        self.dispatched: list[Dispatched] = []

    def run(self, text: str) -> list[Dispatched]:
        for line in _lines(text):
            self.line(line)
        # What is left in the buffers at the end of the file is discarded.
        return self.dispatched

    def line(self, line: str) -> None:
        if line == "":  # blank: dispatch
            self.dispatch()
        elif line[0] == ":":  # a comment: ignore the line
            pass
        elif ":" in line:
            # The field's name is what stands before the first colon, its value what stands behind it,
            # less one leading space.
            colon = line.index(":")
            field, value = line[:colon], line[colon + 1 :]
            if value and value[0] == " ":
                value = value[1:]
            self.field(field, value)
        else:  # no colon: the whole line is the name, the value is empty
            self.field(line, "")

    def field(self, field: str, value: str) -> None:
        if field == "event":
            self.event_type_buffer = value
        elif field == "data":
            # An LF goes behind each value, so the buffer of an empty data field is not empty.
            self.data_buffer += value
            self.data_buffer += "\n"
        elif field == "id":
            if "\0" not in value:
                self.last_event_id_buffer = value
        elif field == "retry":
            only_ascii_digits = value != "" and all(character in "0123456789" for character in value)
            # How large an integer may be is the reader's to say; the codec counts digits.
            if only_ascii_digits and len(value) <= RETRY_DIGITS_MAX:
                self.reconnection_ms = int(value)
        else:  # any other field is ignored
            pass

    def dispatch(self) -> None:
        # Step 1: the last event ID is set even if nothing is dispatched; its buffer is never emptied.
        last_event_id = self.last_event_id_buffer
        # Step 2: without data, the type is forgotten and nothing is dispatched.
        if self.data_buffer == "":
            self.event_type_buffer = ""
            return
        # Step 3: one last LF is taken off the data.
        data = self.data_buffer
        if data[-1] == "\n":
            data = data[:-1]
        # Steps 4 to 6: the type is "message" unless one was given.
        event_type = "message"
        if self.event_type_buffer != "":
            event_type = self.event_type_buffer
        # Steps 7 and 8: empty both buffers, dispatch.
        self.data_buffer = ""
        self.event_type_buffer = ""
        self.dispatched.append(Dispatched(event_type, data, last_event_id, self.reconnection_ms))


def _decode(body: bytes) -> str:
    """The standard's "UTF-8 decode", which takes one leading BOM off."""
    if body[:3] == b"\xef\xbb\xbf":
        body = body[3:]
    return _text(body)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _lines(text: str) -> list[str]:
    """The lines that were ended: by CRLF, by LF not preceded by CR, or by CR not followed by LF."""
    lines: list[str] = []
    line = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\r":
            if position < len(text) and text[position] == "\n":
                position += 1
            lines.append(line)
            line = ""
        elif character == "\n":
            lines.append(line)
            line = ""
        else:
            line += character
    return lines

"""The operator's own patterns, applied to what a body says: to the strings of JSON as they are meant, not as they
are escaped. Pure.

A pattern is the operator's, and may be slow. It sees windows of a bounded length, so that one that takes quadratic
time is slow, but not for ever, and between them `pause` may give up. Nothing helps against one that takes exponential
time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from sluiceway.observe.redact_spans import Pause, Span

# Characters that a pattern sees at once, and by how much two such windows overlap: the longest match that is found
# wherever it stands.
WINDOW: Final = 2048
OVERLAP: Final = 512

MARKER: Final = "[redacted]"

# JSON's strings, and its numbers. A string may be cut off at the end.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"?|(-?[0-9][0-9.eE+-]*+)', re.DOTALL)
_JSON_BEGINS: Final = b'{}[]",-0123456789'
_FIELD = re.compile(rb"(?:data|event|id|retry)?: ?")


class Patterns:
    """Some regular expressions, as `re` reads them. Raises `re.error`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def in_json(self, body: bytes, pause: Pause) -> Iterator[Span]:
        """Within the strings and numbers of a JSON document, cut off or not."""
        if _is_json(body[:64].strip()):  # whatever its content type says
            yield from self._in_tokens(body, 0, len(body), pause)
        else:
            yield from self.in_text(body, pause)

    def in_events(self, body: bytes, pause: Pause) -> Iterator[Span]:
        """Within the values of the lines of an event stream, which mostly are JSON."""
        at = 0
        for line in body.splitlines(keepends=True):
            field = _FIELD.match(line)
            start = at + (field.end() if field is not None else 0)
            at += len(line)
            end = at - (len(line) - len(line.rstrip(b"\r\n")))
            if start >= end:
                continue
            if _is_json(body[start : min(start + 8, end)]):
                yield from self._in_tokens(body, start, end, pause)
            else:
                yield from self._in_bytes(body, start, end, pause)

    def in_text(self, body: bytes, pause: Pause, start: int = 0, end: int = -1) -> Iterator[Span]:
        """Anywhere in that part."""
        yield from self._in_bytes(body, start, len(body) if end < 0 else end, pause)

    def _in_tokens(self, body: bytes, start: int, end: int, pause: Pause) -> Iterator[Span]:
        for token in _TOKEN.finditer(body, start, end):
            pause()
            if token[2] is not None:
                if self._replace(token[2].decode(), pause)[1]:
                    yield Span(token.start(), token.end(), f'"{MARKER}"'.encode())
            elif token[1]:
                replaced = self._in_string(token[1], pause)
                if replaced is not None:
                    yield Span(token.start(1), token.end(1), replaced)

    def _in_string(self, escaped: bytes, pause: Pause) -> bytes | None:
        """The content of a JSON string with everything replaced; None where nothing is."""
        try:
            text = escaped.decode()
            meant = json.loads(f'"{text}"', strict=False) if "\\" in text else text
        except ValueError:  # no JSON, and so nothing to be kept
            return self._in_other(escaped, pause)
        changed, count = self._replace(meant, pause)
        if not count:
            return None
        try:
            return json.dumps(changed, ensure_ascii=False)[1:-1].encode()
        except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold as an escape
            return json.dumps(changed)[1:-1].encode()

    def _in_bytes(self, body: bytes, start: int, end: int, pause: Pause) -> Iterator[Span]:
        replaced = self._in_other(body[start:end], pause)
        if replaced is not None:
            yield Span(start, end, replaced)

    def _in_other(self, data: bytes, pause: Pause) -> bytes | None:
        changed, count = self._replace(data.decode(errors="surrogateescape"), pause)
        return changed.encode(errors="surrogateescape") if count else None

    def _replace(self, text: str, pause: Pause) -> tuple[str, int]:
        count = 0
        for pattern in self._patterns:
            text, replaced = _replace(pattern, text, pause)
            count += replaced
        return text, count


def _is_json(begin: bytes) -> bool:
    """Whether what begins so is JSON, or a line of a longer piece of it."""
    return begin[:1] in _JSON_BEGINS or begin in (b"true", b"false", b"null")


def _replace(pattern: re.Pattern[str], text: str, pause: Pause) -> tuple[str, int]:
    """`pattern.sub`, in windows. Empty matches are none."""
    pieces: list[str] = []
    size = len(text)
    at = kept = count = 0
    while at < size:
        end = min(size, at + WINDOW)
        match = pattern.search(text, at, end)
        if at:
            pause()
        if match is None:
            at = size if end == size else end - OVERLAP
        elif match.end() == match.start():
            at = match.end() + 1
        elif match.end() == end < size and match.start() > at:
            at = match.start()  # it may go on: look again, with a whole window before it
        else:
            pieces += (text[kept : match.start()], MARKER)
            at = kept = match.end()
            count += 1
    if not count:
        return text, 0
    pieces.append(text[kept:])
    return "".join(pieces), count

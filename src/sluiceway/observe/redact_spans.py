"""What all redactions share: places in a body and what takes them, looked for in slices. Pure.

Bodies are looked through by a thread beside the event loop, and a search in one call keeps the interpreter's lock
for as long as it takes. So all work is cut into slices, with a call of `pause` between them: there the thread lets
the loop run, and there it may raise to give up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

# Some 0.1 ms of searching.
SLICE: Final = 64 * 1024

Pause = Callable[[], None]


class Span(NamedTuple):
    """`body[start:end]` is to be replaced by `marker`."""

    start: int
    end: int
    marker: bytes


def splice(body: bytes, spans: Iterable[Span]) -> tuple[bytes, int]:
    """The body with the spans replaced, and how many were; of spans that overlap one is made, as the first says."""
    pieces: list[bytes] = []
    count = at = 0
    for span in _merged(spans):
        pieces += (body[at : span.start], span.marker)
        at = span.end
        count += 1
    if not count:
        return body, 0
    pieces.append(body[at:])
    return b"".join(pieces), count


def find_all(
    body: bytes, literals: tuple[bytes, ...], pause: Pause, *, any_case: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Where each literal stands, in order of the offsets. `any_case`: the literals are in lower case, and found in
    any."""
    longest = max(map(len, literals))
    for start in range(0, len(body), SLICE):
        pause()
        piece = body[start : start + SLICE + longest - 1]
        if any_case:
            piece = piece.lower()
        found: list[tuple[int, bytes]] = []
        for literal in literals:
            at = piece.find(literal)
            while 0 <= at < SLICE:  # what begins beyond it is found in the next slice
                found.append((start + at, literal))
                at = piece.find(literal, at + 1)
        yield from sorted(found)


def run_end(pattern: re.Pattern[bytes], body: bytes, at: int, pause: Pause) -> int:
    """How far the pattern goes on from there, taken as often as it fits; it may match nothing."""
    while (match := pattern.match(body, at, at + SLICE)) is not None and match.end() > at:
        at = match.end()
        pause()
    return at


def within_escape(body: bytes, at: int) -> bool:
    """Whether this byte belongs to an escape of a JSON string, as the `n` of `\\n`: a replacement that began here
    would leave a backslash that escapes something else."""
    for back in range(1, 6):  # the letter behind the backslash, or one of the four digits behind `\u`
        place = at - back
        if place < 0:
            return False
        if body[place] == _BACKSLASH:
            if back == 1:
                return body[at] in _ESCAPES and _escapes(body, place)
            return body[place + 1] == _U and _escapes(body, place)
    return False


def begins_word(body: bytes, at: int, *, dashes: bool = False) -> bool:
    """Whether no letter or digit stands before it, but for the end of an escape (`\\n`, `\\u00a0`, `%20`).

    `dashes`: nor `-` or `_`.
    """
    if at == 0 or (before := body[at - 1]) not in (_WORD_OR_DASH if dashes else _WORD):
        return True
    if before in _ESCAPES and body[at - 2 : at - 1] == b"\\":
        return True
    return body[max(at - 6, 0) : max(at - 4, 0)] == b"\\u" or body[max(at - 3, 0) : max(at - 2, 0)] == b"%"


_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_WORD_OR_DASH = _WORD | frozenset(b"-_")
_BACKSLASH = ord("\\")
_U = ord("u")
_ESCAPES = frozenset(b"bfnrtu")  # RFC 8259 section 7, but for those that are no letters


def _escapes(body: bytes, backslash: int) -> bool:
    """Whether it is the first half of an escape, not the second one of `\\\\`."""
    before = backslash
    while before and body[before - 1] == _BACKSLASH:
        before -= 1
    return (backslash - before) % 2 == 0


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for span in sorted(spans):
        if current is not None and span.start < current.end:
            if span.end > current.end:
                current = current._replace(end=span.end)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current

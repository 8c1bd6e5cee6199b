"""What glances read: the data of a block's events, and JSON of which only the beginning and the end are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sluiceway.wire.sse import parse_events

CUT: Final = b"\0"
"""Stands where an observer left out the middle of something long. JSON can't hold this byte, not even in a string
(RFC 8259 section 7), and no provider sends it."""


def event_data(block: bytes) -> Sequence[bytes]:
    """The data of each event in a block of whole events that has any; copies them."""
    # The common block is one event: its data in one line, perhaps behind its name. 13 is CR, a line end too.
    if 13 not in block:
        line = block.find(b"\n") + 1
        if block.startswith(b"data:"):
            if line + 1 == len(block):
                return (block[5:],)
        elif (
            block[line : line + 5] == b"data:"
            and block.startswith(b"event:")
            and block.find(b"\n", line) + 2 == len(block)
        ):
            return (block[line + 5 :],)
    return [event.data for event in parse_events(block) if event.data]


def find_word(text: bytes, key: re.Pattern[bytes], depth: int) -> str | None:
    """The last word that `key` captures where it is a member `depth` levels within this JSON; None if there is none.

    `text` may have lost its middle, see `CUT`. `key` matches a key, a colon and a quoted word, or whole members;
    it has to begin and to end outside strings. Levels are counted from the beginning up to the cut, and from the
    end back to it. So no text can pass for such a member, since its quotes are escaped, and no member of something
    nested deeper (a tool's input, say), since it is not on that level.
    """
    head, cut, rest = text.partition(CUT)
    if cut:
        tail = rest.rpartition(CUT)[2]
        for match in reversed(list(key.finditer(tail))):
            if not _is_escaped(tail, match) and _nesting(tail[match.end() :]) == -depth:
                return match[1].decode()
    for match in key.finditer(head):
        if not _is_escaped(head, match) and _nesting(head[: match.start()]) == depth:
            return match[1].decode()
    return None


def _is_escaped(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether its first quote is one in a longer key that only ends like the one that was looked for."""
    return text.endswith(b"\\", 0, match.start())


def _nesting(text: bytes) -> int:
    """How many brackets more are opened than closed. `text` begins outside strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    bare = b"".join(text.split(b'"')[::2])
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")

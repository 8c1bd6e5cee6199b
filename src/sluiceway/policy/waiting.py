"""What a waiting client is told: heartbeats that say how long the queue is. Pure.

: queued, position 3, about 12 s
"""

from __future__ import annotations


def queued_heartbeat(beat: bytes, position: int, estimate_s: float | None) -> bytes:
    """A heartbeat that tells the place in the queue as a comment.

    `beat`: as the client's dialect and quirks have it. A comment is replaced; in front of a ping's lines
    another line is harmless (WHATWG HTML section 9.2.6: a line that begins with a colon is ignored), and no
    blank line may be added that was not there. No heartbeat stays none.
    """
    if not beat:
        return b""
    note = b": queued, position %d" % position
    if estimate_s is not None:
        note += b", about %d s" % max(1, round(estimate_s))
    if beat.startswith(b":"):
        return note + beat[len(beat.rstrip(b"\n")) :]
    return note + b"\n" + beat

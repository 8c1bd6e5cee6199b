"""Does an answer survive an upstream that says nothing for a long time? Pure: from a stream, and from a JSON answer,
whose upstream was silent for so long."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from sluiceway.doctor.cuts import who_cut
from sluiceway.doctor.events import Stream, error_of
from sluiceway.doctor.finding import Change, Finding
from sluiceway.doctor.hops import changes_for, heartbeats_below, white_space_below
from sluiceway.doctor.seen import Seen

SHORTEST_LIMIT_S: Final = 60.0
"""nginx's and AWS's: whoever lets this much silence through is cut by many others."""

DEFAULT_HEARTBEAT_S: Final = 10.0
"""What `heartbeat_s` and `commit_after_s` are if nobody changes them."""

NEAR_S: Final = 0.5
"""How near to the end of the silence something came that was held until then."""

_GATEWAY: Final = "sluiceway.toml, [stream]"


class Held(msgspec.Struct, frozen=True):
    """How a silent stream went. `first_s`: when the first byte came, 0 if none did. `longest_s`: the longest
    silence on the wire. `every_s`: between two heartbeats, at the median; 0 with fewer than two. `early`: something
    came before the upstream's answer. `survived`: the whole answer came."""

    first_s: float
    longest_s: float
    heartbeats: int
    every_s: float
    early: bool
    survived: bool


def measure(seen: Seen, stream: Stream, silence_s: float) -> Held:
    """What the wire was like while the upstream was silent for `silence_s`."""
    moments = [seen.head_s, *(piece.at_s for piece in seen.pieces)] if seen.status else []
    whole = seen.end == "whole" and stream.ended and not stream.error
    until = [0.0, *moments, *([] if whole else [seen.end_s])]
    gaps = [after - before for before, after in itertools.pairwise(until)]
    beats = sorted(after - before for before, after in itertools.pairwise(stream.heartbeats))
    first_s = moments[0] if moments else 0.0
    return Held(
        first_s=first_s,
        longest_s=max(gaps, default=0.0),
        heartbeats=len(stream.heartbeats),
        every_s=beats[len(beats) // 2] if beats else 0.0,
        early=seen.status == 200 and first_s < silence_s - NEAR_S,
        survived=whole,
    )


def stream_silence(
    seen: Seen, stream: Stream, silence_s: float, hops: tuple[str, ...], *, buffered: bool
) -> Finding:
    """Whether the stream survived, and by what. `buffered`: events were seen to be held back."""
    held = measure(seen, stream, silence_s)
    figures = {
        "silence_s": silence_s,
        "first_byte_s": round(held.first_s, 2),
        "longest_silence_s": round(held.longest_s, 2),
        "heartbeats": held.heartbeats,
        "heartbeat_every_s": round(held.every_s, 2),
        "ended_s": round(seen.end_s, 2),
        "status": seen.status,
    }
    find = partial(Finding, code="silence", figures=figures)
    if not held.survived:
        return _not_survived(seen, stream, silence_s, held, hops, find, buffered=buffered)
    beats = f", then {_counted(held.heartbeats)}" if held.heartbeats else ""
    every = f" every {held.every_s:.1f} s" if held.every_s else ""
    told = (
        f"first byte after {held.first_s:.1f} s{beats}{every}; the longest silence was {held.longest_s:.1f} s"
    )
    if held.early and held.heartbeats and held.longest_s < SHORTEST_LIMIT_S:
        return find(
            severity="ok",
            title=f"a stream survives {silence_s:g} s of a silent upstream, kept alive by heartbeats",
            seen=told,
        )
    if buffered:
        return find(
            severity="error",
            title="heartbeats are held back, so a silent stream looks dead",
            seen=told,
            changes=changes_for("buffering", hops),
        )
    few = "too few heartbeats" if held.heartbeats else "no heartbeats"
    if held.longest_s >= SHORTEST_LIMIT_S or silence_s > 2 * DEFAULT_HEARTBEAT_S:
        return find(
            severity="warning",
            title=f"{few} keep a silent stream alive; somebody else's limit will end it",
            seen=told,
            changes=heartbeats_below(SHORTEST_LIMIT_S / 2),
        )
    return find(
        severity="note",
        title=f"a stream survives {silence_s:g} s, which is too short to see heartbeats",
        seen=f"{told}; look longer with --silence 75",
    )


def json_silence(seen: Seen, silence_s: float, hops: tuple[str, ...]) -> Finding:
    """The same for an answer as JSON, which is silent unless the gateway sends white space ahead of it."""
    ahead = sum(piece.at_s < silence_s - NEAR_S for piece in seen.pieces) if seen.status == 200 else 0
    figures = {
        "silence_s": silence_s,
        "ended_s": round(seen.end_s, 2),
        "status": seen.status,
        "spaces": ahead,
    }
    find = partial(Finding, code="json-silence", figures=figures)
    if seen.status == 200 and seen.end == "whole":
        kept = f"white space came {ahead} times ahead of it" if ahead else "without a byte ahead of it"
        return find(
            severity="ok",
            title=f"a JSON answer survives {silence_s:g} s of a silent upstream",
            seen=kept,
        )
    after_s = seen.end_s - (seen.last_byte_s if ahead else 0.0)
    cut = who_cut(seen, after_s, hops)
    return find(
        severity="warning",
        title=f"a JSON answer is cut after {seen.end_s:.1f} s, where a stream would do: {cut.who}",
        seen=_ending(seen),
        changes=(white_space_below(after_s), *cut.changes),
    )


def not_simulated() -> Finding:
    """A real model can't be asked to be silent."""
    return Finding(
        code="silence",
        severity="note",
        title="what silence does was not looked at",
        seen="it takes the simulated provider behind the gateway: see docs/how-to/doctor.md",
    )


def _not_survived(
    seen: Seen,
    stream: Stream,
    silence_s: float,
    held: Held,
    hops: tuple[str, ...],
    find: Callable[..., Finding],
    *,
    buffered: bool,
) -> Finding:
    error = stream.error or (error_of(seen) if seen.status != 200 else None)
    if error is not None and "timeout" not in error[0]:
        return find(
            severity="error",
            title="what silence does could not be looked at",
            seen=f"status {seen.status}; {error[0]}: {error[1]}",
            stops=True,
        )
    if error is not None:
        code, message = error
        return find(
            severity="warning",
            title=f"the gateway itself ended the silent stream after {seen.end_s:.1f} s, and said so",
            seen=f"{code}: {message}",
            changes=(Change(_GATEWAY, "first_event_s: above the longest time that a model may think"),),
        )
    if seen.end == "waited":
        return find(
            severity="error",
            title=f"the answer did not end, although the upstream was silent for only {silence_s:g} s",
            seen=f"waited {seen.end_s:.0f} s; {_ending(seen)}",
            changes=changes_for("buffering", hops),
        )
    quiet_s = seen.end_s - (seen.last_byte_s if seen.end != "whole" else 0.0)
    if held.heartbeats and quiet_s < seen.end_s / 2:
        cut = who_cut(seen, seen.end_s, hops)
        return find(
            severity="error",
            title=f"streams are cut after {seen.end_s:.1f} s, however lively they are: {cut.who}",
            seen=f"{_counted(held.heartbeats)} came, the last {quiet_s:.1f} s before the end; {_ending(seen)}",
            changes=cut.changes,
        )
    cut = who_cut(seen, quiet_s, hops)
    ours = changes_for("buffering", hops) if buffered else heartbeats_below(quiet_s)
    why = "heartbeats are held back on the way" if buffered else "no heartbeat came before that"
    return find(
        severity="error",
        title=f"a silent stream is cut after {quiet_s:.1f} s: {cut.who}",
        seen=f"{why}; {_ending(seen)}",
        changes=(*ours, *cut.changes),
    )


def _counted(heartbeats: int) -> str:
    return f"{heartbeats} heartbeat{'s' if heartbeats != 1 else ''}"


def _ending(seen: Seen) -> str:
    how = {
        "whole": "the answer ended properly",
        "closed": "the connection was closed",
        "reset": "the connection was reset",
        "garbage": "what came was no HTTP",
        "waited": "nothing ended it",
    }[seen.end]
    if seen.status not in (0, 200):
        return f"status {seen.status}"
    return f"status {seen.status}; {how}" if seen.status else f"no status; {how}"

"""Going on with a stream that broke: the next upstream takes up the answer, and the client sees one stream.

The order of things: `partial_answer` reads what the client has; `resumed_request` asks the next upstream to go on
from there; `Resumed` makes its answer the rest of the client's stream, which `continuation_comment` marks.
Only chat and messages streams can go on, and only where all that was sent is text, and all that is
asked for. Where there is any doubt, the answer to "can it go on?" is no, and the stream ends with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from sluiceway.dialects import resume_chat, resume_messages
from sluiceway.dialects.base import Collector, DialectRequest, Follower, HeartbeatForm, Usage
from sluiceway.dialects.crossing import Crossing
from sluiceway.dialects.resume_text import ECHO_CHARS_MIN, Overlap, Partial, Prefill
from sluiceway.errors import GatewayError, UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import SseEvent, parse_events


class Splice(Protocol):
    """Makes the second stream the rest of the first one. Both are in the client's dialect."""

    def feed(self, event: SseEvent) -> bytes:
        """An event of the second stream, as the client should see it after the first: whole events, or none."""
        ...


class _Api(msgspec.Struct, frozen=True):
    read: Callable[[Iterable[bytes]], Partial | None]
    resume: Callable[[DialectRequest, Partial, Prefill], DialectRequest | None]
    splice: Callable[[Partial, Overlap], Splice]


_APIS: Final[Mapping[str, _Api]] = MappingProxyType(
    {
        "chat": _Api(resume_chat.read_partial, resume_chat.resume, resume_chat.ChatSplice),
        "messages": _Api(
            resume_messages.read_partial, resume_messages.resume, resume_messages.MessagesSplice
        ),
    }
)


def partial_answer(dialect_name: str, sent: Sequence[bytes]) -> Partial | None:
    """What the client has of its answer; None where there is no text yet, or where going on is not safe.

    `dialect_name`: the client's. `sent`: blocks of whole events as they were written to it, comments and pings
    among them. Safe is text alone, with finished thoughts before it or beside it, in an answer
    that has not said why it ends.
    """
    api = _APIS.get(dialect_name)
    return None if api is None else api.read(sent)


def resumed_request(
    dialect_name: str, request: DialectRequest, partial: Partial, prefill: Prefill
) -> DialectRequest | None:
    """The client's request with the partial answer as the assistant's last message; None where that is not safe.

    `prefill`: of the upstream that is to go on. Other members stay byte for byte, limits on tokens too: how many
    the first part had is not known, so that the whole may be longer than asked for by that much.
    """
    api = _APIS.get(dialect_name)
    if api is None or prefill == "off":
        return None
    if _echoes(prefill) and len(partial.text.rstrip()) < ECHO_CHARS_MIN:
        return None
    return api.resume(request, partial, prefill)


def mark_translated(body: bytes, prefill: Prefill) -> bytes:
    """A resumed request that was translated into a chat request, marked as the upstream's `prefill` wants it.

    For clients of the messages API: it has no words for such marks. `resumed_request` marks a chat client's
    request itself, so that one must not be marked again.
    """
    return resume_chat.mark(body, prefill)


def continuation_comment(name: str, form: HeartbeatForm) -> bytes:
    """The comment that marks the seam; `name` is the upstream that goes on.

    `form`: as heartbeats are written to this client. Where they are pings, comments have not been tried on it, so
    that it gets the form that no client breaks on, a line without a blank one. `none`: nothing.
    """
    if form == "none":
        return b""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return b": continued by " + printable.encode() + (b"\n\n" if form == "block" else b"\n")


class Resumed:
    """The crossing of an answer that goes on with one that broke: `inner`, then the seam. See `Crossing`.

    `dialect_name` and `partial`: of the client's stream. `prefill`: as for `resumed_request`.
    """

    __slots__ = ("_api", "_inner", "_partial", "_prefill")
    passes_unread = False

    def __init__(self, dialect_name: str, inner: Crossing, partial: Partial, prefill: Prefill) -> None:
        self._api = _APIS[dialect_name]
        self._inner = inner
        self._partial = partial
        self._prefill = prefill

    @property
    def passes_errors(self) -> bool:
        """See `Crossing`."""
        return self._inner.passes_errors

    def follow(self) -> Follower:
        """See `Crossing`."""
        return _ResumedFollower(self._inner.follow(), self._splice())

    def collect(self) -> Collector:
        """See `Crossing`. Only streams go on, so that there is nothing to be joined."""
        return self._inner.collect()

    def explode(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        events, usage = self._inner.explode(body)
        return _splice(self._splice(), events), usage

    def read_answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        return self._inner.read_answer(body)

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `Crossing`."""
        return self._inner.read_error(status, body)

    def _splice(self) -> Splice:
        overlap = Overlap(self._partial.text, echoes=_echoes(self._prefill))
        return self._api.splice(self._partial, overlap)


class _ResumedFollower:
    """See `base.Follower`. `progressed`: also where all that came is known to the client already."""

    __slots__ = ("_inner", "_splice", "progressed")

    def __init__(self, inner: Follower, splice: Splice) -> None:
        self._inner = inner
        self._splice = splice
        self.progressed = False

    @property
    def ended(self) -> bool:
        return self._inner.ended

    @property
    def error(self) -> UpstreamReported | None:
        return self._inner.error

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage

    def feed(self, block: bytes) -> bytes:
        events = self._inner.feed(block)
        self.progressed = bool(events) or self._inner.progressed
        return _splice(self._splice, events)

    def complete(self) -> bool:
        return self._inner.complete()

    def rest(self) -> bytes:
        return _splice(self._splice, self._inner.rest())

    def error_event(self, error: GatewayError) -> bytes:
        return self._inner.error_event(error)


def _splice(splice: Splice, events: bytes) -> bytes:
    try:
        return b"".join(map(splice.feed, parse_events(events)))
    except RecursionError:
        raise UpstreamInvalid("an event of the upstream's stream is nested too deeply") from None


def _echoes(prefill: Prefill) -> bool:
    return prefill == "prefix"

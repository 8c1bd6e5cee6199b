"""What a dialect is: everything the gateway has to know about one API, as pure functions over bytes.

The relay moves blocks of whole events and asks a dialect only five things: what a request wants, what
of a stream goes on to the client, how an answer ends, how errors and heartbeats look, and how a
stream becomes JSON (and JSON a stream). One dialect is one file beside this one.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from sluiceway.errors import GatewayError, UpstreamReported

HeartbeatForm = Literal["block", "line", "ping", "none"]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the upstream counted them; never estimated.

    `None` means that the upstream did not say. `input_tokens` includes cached ones in the OpenAI
    dialects; each dialect documents its own reading. `image_tokens` are those of images among input and output.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    image_tokens: int | None = None


class DialectRequest(msgspec.Struct, frozen=True):
    """A request body, read only as far as the gateway needs.

    `body`: the bytes as they came. `fields`: top-level members of a JSON body, values unread
    (`msgspec.Raw`); empty for a form. `model`: never empty. `stream`: what the client asked for.
    `wants_usage`: the client will see usage on its stream without our asking for it. `images`: how many
    finished images the answer must hold, for the dialect that counts them.
    """

    body: bytes
    fields: dict[str, msgspec.Raw]
    model: str
    stream: bool
    wants_usage: bool = True
    images: int = 1


class Follower(Protocol):
    """Follows one upstream stream on its way to a streaming client.

    Knows how the answer ends and what was counted; decides which bytes go on. Fed with blocks of
    whole events only (see `wire.sse.EventSplitter`).
    """

    @property
    def ended(self) -> bool:
        """The terminal marker was forwarded: whatever follows is not part of the answer."""
        ...

    @property
    def error(self) -> UpstreamReported | None:
        """The first in-band error of the upstream, if one came."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The last usage seen."""
        ...

    @property
    def progressed(self) -> bool:
        """Asked after `feed` returned nothing: was there progress all the same?"""
        ...

    def feed(self, block: bytes) -> bytes:
        """Whole events in, the bytes for the client out.

        Returns `block` itself where nothing has to change (byte for byte), less where events are
        hidden, and `b""` where nothing in it counts as progress: comments and pings of the upstream
        are never forwarded, since a form that the client can stand is the gateway's to choose.
        Must be cheap: it runs once per network read.
        """
        ...

    def complete(self) -> bool:
        """At the clean end of the upstream's body: did the answer end as its dialect demands?"""
        ...

    def rest(self) -> bytes:
        """After `complete()` said true: whole events that are still owed to the client, mostly none."""
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The one in-band event (or events) that ends a broken stream. Whole, terminated, no marker."""
        ...


class Collector(Protocol):
    """Aggregates one upstream stream into the JSON answer that a non-streaming client expects."""

    @property
    def ended(self) -> bool:
        """The terminal marker came."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The last usage seen."""
        ...

    def feed(self, block: bytes) -> bool:
        """Take a block of whole events; true if any of them was progress (not a comment or ping).

        Raises `UpstreamInvalid` (bad JSON), `UpstreamReported` (an error event) or `EventTooLarge`
        (more than the limit given at creation would have to be held).
        """
        ...

    def result(self) -> bytes:
        """The aggregated JSON; raises `UpstreamTruncated` if the answer did not end properly."""
        ...


class Dialect(Protocol):
    """One API: its requests, answers, errors and heartbeats."""

    name: str
    default_heartbeat: HeartbeatForm  # its own form, before any client's quirk

    def read_request(self, body: bytes, content_type: bytes = b"") -> DialectRequest:
        """Raises `InvalidRequest` that names the field at fault (`param`).

        `content_type`: the header's value; only a dialect that takes forms looks at it.
        """
        ...

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """The body for the upstream: the client's own bytes if nothing changes.

        `model`: the upstream's name for it, None to leave it. `force_stream`: set `stream: true`.
        `ask_usage`: ask for usage on the stream (only meaningful where the upstream will stream).
        Values that are not changed stay byte-exact.
        """
        ...

    def follow(self, request: DialectRequest, *, hide_usage: bool) -> Follower:
        """A follower for the answer to `request`. `hide_usage`: the gateway asked for usage, the client
        did not."""
        ...

    def collect(self, request: DialectRequest, *, max_bytes: int) -> Collector:
        """A collector that holds at most about `max_bytes` of the upstream's stream; 0 is unlimited."""
        ...

    def explode(self, body: bytes, request: DialectRequest, *, include_usage: bool) -> bytes:
        """A JSON answer to `request` as the complete event stream that would have carried it.

        Raises `UpstreamInvalid` if it is not an answer of this dialect, `UpstreamReported` if it is
        an error object under a 2xx status.
        """
        ...

    def read_answer(self, body: bytes) -> Usage | None:
        """Check a JSON answer that is passed on as it is; its usage, None where it has none.

        Raises `UpstreamInvalid` if it is not a JSON object, `UpstreamReported` if it is an error object
        under a 2xx status.
        """
        ...

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """An upstream's HTTP error (any body, also none or HTML) as an error of ours. Never raises."""
        ...

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """The HTTP error body of this dialect (JSON)."""
        ...

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """The bytes of one heartbeat in that form, `b""` for none. Safe between any two events."""
        ...


def comment_heartbeat(form: HeartbeatForm) -> bytes:
    """A heartbeat of a dialect that has no ping of its own: a comment stands in for it."""
    if form == "none":
        return b""
    return b": heartbeat\n" if form == "line" else b": heartbeat\n\n"

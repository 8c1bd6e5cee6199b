"""What a response is: its head, who is told of it, and what its head says of the body to come."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sluiceway.errors import UpstreamError, UpstreamInvalid
from sluiceway.wire.coding import Decoder, supported
from sluiceway.wire.http import Headers


class ResponseHead(msgspec.Struct, frozen=True):
    """`headers`: names in lower case. `length`: how many body bytes will be delivered, None if unknown.

    In the answer to HEAD, which has no body, `length` is what `content-length` says.
    """

    status: int
    headers: Headers
    length: int | None


class ResponseHandler(Protocol):
    """Who is told about a response: `on_head`, any number of `on_body`, then one `on_end` or `on_broken`."""

    def on_head(self, head: ResponseHead) -> None:
        """Status and headers of the final response (1xx are skipped)."""
        ...

    def on_body(self, data: bytes) -> None:
        """A piece of the body, decoded, never empty."""
        ...

    def on_end(self) -> None:
        """The body ended cleanly. The connection is not the handler's any more."""
        ...

    def on_broken(self, error: UpstreamError) -> None:
        """The exchange failed; the connection is closed. `StaleConnection`: it is safe to send again."""
        ...


class Framing(msgspec.Struct, frozen=True):
    """`decoder`: what the body has to go through. `until_eof`: only the connection's end ends the body."""

    head: ResponseHead
    decoder: Decoder | None
    until_eof: bool


def read_head(status: int, headers: Headers, *, no_body: bool) -> Framing:
    """RFC 9112 section 6.3, as far as llhttp leaves it open. `no_body`: the request was HEAD.

    A body in a coding that can be undone is announced as it will be delivered: without
    `content-encoding` and `content-length`. `identity` says in a word too many that nothing was done, so
    only the word goes. Any other coding stays, and so does its header. Raises `UpstreamInvalid` for a
    transfer coding other than chunked: no request ever says `TE`.
    """
    bodiless = status in (204, 304)  # a 304 may have the content-length that a 200 would have
    framed = bodiless or no_body
    length = 0 if bodiless else None
    codings: list[bytes] = []
    for name, value in headers:
        if name == b"content-length":
            framed = True
            if not bodiless:
                length = int(value)  # llhttp has checked it
        elif name == b"transfer-encoding":
            framed = True
            if value.lower() != b"chunked":
                raise UpstreamInvalid("the upstream used a transfer coding that nobody asked for")
        elif name == b"content-encoding":
            codings.append(value)
    decoder = None
    if codings and all(coding.lower() == b"identity" for coding in codings):
        headers = [header for header in headers if header[0] != b"content-encoding"]
    elif len(codings) == 1 and supported(codings[0]) and not no_body:
        decoder = Decoder(codings[0])
        headers = [header for header in headers if header[0] not in (b"content-encoding", b"content-length")]
        length = None
    return Framing(ResponseHead(status, headers, length), decoder, until_eof=not framed)

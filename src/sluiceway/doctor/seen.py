"""What was seen of one HTTP exchange, byte by byte and with the time of each: values, no judgement."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["whole", "closed", "reset", "garbage", "waited"]
"""How an answer ended: `whole`; the connection was closed or reset before its end; it was no HTTP; or our own
patience ran out."""


class Piece(msgspec.Struct, frozen=True):
    """Body bytes of one read, without their framing. `at_s`: since the request was sent."""

    at_s: float
    data: bytes


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Times in seconds since its request was sent.

    `status`: 0 if none came. `headers`: names in lower case. `head_s`: when the head was here. `keeps`: the server
    said that the connection may be used again.
    """

    status: int = 0
    version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    head_s: float = 0.0
    pieces: tuple[Piece, ...] = ()
    end: End = "whole"
    end_s: float = 0.0
    keeps: bool = False

    def header(self, name: str) -> str:
        """All values of a header, joined as RFC 9110 section 5.3 says; `""` if it is absent."""
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return b"".join(piece.data for piece in self.pieces)

    @property
    def last_byte_s(self) -> float:
        """When the last byte of head or body came; 0 if none did."""
        return self.pieces[-1].at_s if self.pieces else self.head_s


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How connecting went. `expires`: of the certificate, in Unix seconds; 0 without TLS."""

    connect_s: float
    tls_s: float = 0.0
    tls_version: str = ""
    expires: float = 0.0


class Unreachable(Exception):
    """There is no connection. `why` is the kind, the message is the system's own."""

    def __init__(self, why: Literal["name", "refused", "slow", "certificate", "tls"], message: str) -> None:
        super().__init__(message)
        self.why = why

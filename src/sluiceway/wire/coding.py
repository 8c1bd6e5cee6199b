"""Content codings: upstreams that compress although they were asked not to (RFC 9110 section 8.4)."""

from __future__ import annotations

import zlib

# One read hands out at most this much, so that a small piece that expands a thousandfold never stands in
# memory whole.
PIECE_BYTES = 256 * 1024

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


def supported(coding: bytes) -> bool:
    """Whether `Decoder` can undo this value of `Content-Encoding`."""
    return coding.strip().lower() in (b"gzip", b"x-gzip", b"deflate")


class Decoder:
    """Bytes as they came in, decoded pieces out: `feed`, then `read` until it gives nothing.

    gzip may have several members. "deflate" is zlib by the standard and raw deflate by some servers;
    the first byte tells which.
    """

    def __init__(self, coding: bytes) -> None:
        self._gzip = coding.strip().lower() in (b"gzip", b"x-gzip")
        self._inflate = zlib.decompressobj(_GZIP) if self._gzip else None
        self._waiting = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take encoded bytes."""
        self._waiting += data

    def read(self) -> bytes:
        """At most `PIECE_BYTES` decoded bytes, `b""` to ask for more input. Raises `ValueError` on bad data."""
        while self._waiting:
            if self._inflate is None:
                # RFC 1950: a zlib stream begins with compression method 8 in the low half of its first byte.
                first = self._waiting[0]
                self._inflate = zlib.decompressobj(_ZLIB if first & 0x0F == 8 else _RAW_DEFLATE)
            elif self._inflate.eof:
                if not self._gzip:
                    raise ValueError("bytes after the end of the compressed body")
                self._inflate = zlib.decompressobj(_GZIP)
            self._begun = True
            try:
                piece = self._inflate.decompress(self._waiting, PIECE_BYTES)
            except zlib.error as error:
                raise ValueError(f"the compressed body is damaged ({error})") from None
            self._waiting = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece:
                return piece
        return b""

    def finish(self) -> None:
        """The encoded body is over, and all was read. Raises `ValueError` if it stops in the middle."""
        if self._begun and (self._inflate is None or not self._inflate.eof):
            raise ValueError("the compressed body is truncated")

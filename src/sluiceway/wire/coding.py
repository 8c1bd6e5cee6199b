"""Content codings: upstreams that compress although they were asked not to (RFC 9110 section 8.4)."""

from __future__ import annotations

import zlib

# One read hands out at most this much, so that a small piece that expands a thousandfold never stands in
# memory whole.
PIECE_BYTES = 256 * 1024

# How much input zlib is shown at a time. It copies what it did not use, at every piece and at every end of
# a gzip member, so with all of a network read before it a bomb would cost quadratic time.
INPUT_BYTES = 16 * 1024

_GZIP_WBITS = 16 + zlib.MAX_WBITS
_ZLIB_WBITS = zlib.MAX_WBITS
_RAW_WBITS = -zlib.MAX_WBITS

_GZIP_NAMES = (b"gzip", b"x-gzip")  # RFC 9110 section 8.4.1.3: the same


def supported(coding: bytes) -> bool:
    """Whether `Decoder` can undo this value of `Content-Encoding`: one coding, not a list of several."""
    return coding.strip().lower() in (*_GZIP_NAMES, b"deflate")


class Decoder:
    """Bytes as they came in, decoded pieces out: `feed`, then `read` until it gives nothing.

    gzip may have several members. "deflate" is zlib by the standard and raw deflate by some servers;
    the first byte tells which.
    """

    __slots__ = ("_gzip", "_inflate", "_input", "_waiting")

    def __init__(self, coding: bytes) -> None:
        self._gzip = coding.strip().lower() in _GZIP_NAMES
        self._inflate: zlib._Decompress | None = None  # none before the first byte
        self._input = b""  # in front of zlib; at most INPUT_BYTES
        self._waiting = bytearray()

    def feed(self, data: bytes) -> None:
        """Take encoded bytes."""
        self._waiting += data

    def read(self) -> bytes:
        """At most `PIECE_BYTES` decoded bytes, `b""` to ask for more input. Raises `ValueError` on bad data."""
        while True:
            if not self._input:
                self._input = self._take(INPUT_BYTES)
            inflate = self._inflate
            if not self._input and (inflate is None or inflate.eof):
                return b""
            if inflate is None or inflate.eof:
                inflate = self._inflate = self._next_member()
            try:
                # Without input too: zlib may have taken all of it, and still owe output.
                piece = inflate.decompress(self._input, PIECE_BYTES)
            except zlib.error as error:
                raise ValueError(f"the compressed body is damaged ({error})") from None
            self._input = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if piece:
                return piece
            if not (self._input or self._waiting):
                return b""

    def finish(self) -> None:
        """The encoded body is over, and all was read. Raises `ValueError` if it stops in the middle."""
        if self._inflate is not None and not self._inflate.eof:
            raise ValueError("the compressed body is truncated")

    def _next_member(self) -> zlib._Decompress:
        if self._gzip:
            return zlib.decompressobj(_GZIP_WBITS)
        if self._inflate is not None:
            raise ValueError("bytes after the end of the compressed body")
        # RFC 1950: a zlib stream begins with compression method 8 in the low half of its first byte. As raw
        # deflate (RFC 1951) that would be a stored block with padding that is not zero, which nobody writes.
        return zlib.decompressobj(_ZLIB_WBITS if self._input[0] & 0x0F == 8 else _RAW_WBITS)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

"""Compressed bodies are survived: in every split, in every form that servers send, and bombs in pieces."""

from __future__ import annotations

import gzip
import time
import zlib

import pytest

from sluiceway.wire.coding import PIECE_BYTES, Decoder, supported

TEXT = b'data: {"delta": "h\xc3\xa4llo"}\n\n' * 3 + b"data: [DONE]\n\n"


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


FORMS = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "its old name": (b"x-gzip", gzip.compress(TEXT)),
    "two gzip members": (b"gzip", gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:])),
    "an empty gzip member between": (
        b"gzip",
        gzip.compress(TEXT[:9]) + gzip.compress(b"") + gzip.compress(TEXT[9:]),
    ),
    "zlib": (b"deflate", zlib.compress(TEXT)),
    "stored zlib": (b"deflate", zlib.compress(TEXT, 0)),
    "raw deflate": (b"deflate", raw_deflate(TEXT)),
    "in capitals, with spaces": (b" GZIP ", gzip.compress(TEXT)),
}


def drain(decoder: Decoder) -> bytes:
    out = b""
    while piece := decoder.read():
        assert len(piece) <= PIECE_BYTES
        out += piece
    return out


@pytest.mark.parametrize("form", FORMS)
def test_every_form_decodes_the_same_however_it_is_cut(form: str) -> None:
    coding, encoded = FORMS[form]
    for cut in range(len(encoded) + 1):
        decoder = Decoder(coding)
        out = b""
        for piece in (encoded[:cut], encoded[cut:]):
            decoder.feed(piece)
            out += drain(decoder)
        decoder.finish()
        assert out == TEXT


@pytest.mark.parametrize("form", FORMS)
def test_every_form_decodes_byte_by_byte(form: str) -> None:
    coding, encoded = FORMS[form]
    decoder = Decoder(coding)
    out = b""
    for index in range(len(encoded)):
        decoder.feed(encoded[index : index + 1])
        out += drain(decoder)
    decoder.finish()
    assert out == TEXT


def test_what_a_compressor_flushed_is_handed_out_at_once() -> None:
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    decoder = Decoder(b"gzip")
    for event in (b"data: a\n\n", b"data: b\n\n"):
        decoder.feed(compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH))
        assert drain(decoder) == event


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_output_that_zlib_owes_when_its_input_is_used_up_is_not_lost(size: int) -> None:
    # Flushed, not finished: no trailing checksum keeps zlib's input from running out before its output.
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    decoder = Decoder(b"deflate")
    decoder.feed(compressor.compress(bytes(size)) + compressor.flush(zlib.Z_SYNC_FLUSH))
    assert len(drain(decoder)) == size


def test_a_bomb_comes_in_bounded_pieces_and_in_linear_time() -> None:
    size = 64 * 1024 * 1024
    decoder = Decoder(b"gzip")
    decoder.feed(gzip.compress(bytes(size)))
    total = 0
    while piece := decoder.read():
        assert len(piece) <= PIECE_BYTES
        total += len(piece)
    decoder.finish()
    assert total == size


def test_a_flood_of_empty_members_takes_linear_time() -> None:
    decoder = Decoder(b"gzip")
    decoder.feed(gzip.compress(b"") * 100_000)  # 2 MB
    started = time.process_time()
    assert decoder.read() == b""
    decoder.finish()
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_stops_in_the_middle_is_truncated(form: str) -> None:
    coding, encoded = FORMS[form]
    decoder = Decoder(coding)
    decoder.feed(encoded[:-1])
    drain(decoder)
    with pytest.raises(ValueError, match="truncated"):
        decoder.finish()


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_an_empty_body_is_whole(coding: bytes) -> None:
    decoder = Decoder(coding)
    assert decoder.read() == b""
    decoder.finish()


@pytest.mark.parametrize(
    ("coding", "garbage"),
    [
        (b"gzip", b"<html>not compressed</html>"),
        (b"gzip", gzip.compress(TEXT) + b"<html>"),
        (b"gzip", gzip.compress(TEXT)[:-8] + bytes(8)),
        (b"deflate", zlib.compress(TEXT)[:-4] + bytes(4)),
        (b"deflate", zlib.compress(TEXT) + b"more"),
        (b"deflate", b"\xff\xff\xff\xff"),
    ],
)
def test_bytes_that_do_not_decode_are_an_error(coding: bytes, garbage: bytes) -> None:
    decoder = Decoder(coding)
    decoder.feed(garbage)
    with pytest.raises(ValueError, match="compressed body"):
        drain(decoder)


def test_only_single_codings_that_can_be_undone_are_supported() -> None:
    assert supported(b"gzip")
    assert supported(b" Deflate")
    for coding in (b"", b"br", b"identity", b"zstd", b"gzip, gzip", b"compress", b"gzip;q=1"):
        assert not supported(coding)

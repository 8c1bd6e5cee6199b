"""Faults of form: the answer is whole, but its bytes come in an unusual shape. Most are legal."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sluiceway.mock.faults.base import fault
from sluiceway.mock.scene import Part, Response, Scene, Script, Wait

_APART_S = 0.001  # between two writes that the peer should see as two reads
_SAME = "Sees the same answer as without the fault."


@fault("split-utf8", expect=_SAME)
def split_utf8(scene: Scene) -> Script:
    """Every write ends inside a character or between CR and LF (lines end in CRLF); all come at once."""
    response = scene.as_stream(newline=b"\r\n") if scene.stream else scene.as_json()
    yield Wait(response.lead_s)
    yield response.head()
    for piece in split_inside(b"".join(part.data for part in response.parts)):
        yield response.framed(piece)
        yield Wait(_APART_S)
    yield from response.end()


def split_inside(data: bytes) -> Iterator[bytes]:
    """Cut between the bytes of every character, and between CR and LF."""
    start = 0
    for position in range(1, len(data)):
        in_character = data[position] & 0xC0 == 0x80
        in_line_end = data[position] == 0x0A and data[position - 1] == 0x0D
        if in_character or in_line_end:
            yield data[start:position]
            start = position
    yield data[start:]


@fault("byte-by-byte", expect=_SAME)
def byte_by_byte(scene: Scene) -> Script:
    """Each byte is its own write: head, chunk sizes and all."""
    for step in scene.response().script():
        if isinstance(step, bytes):
            yield from (bytes([byte]) for byte in step)
        else:
            yield step


@fault("crlf", expect=_SAME)
def crlf(scene: Scene) -> Script:
    """Lines of the event stream end in CRLF."""
    yield from _with_newline(scene, b"\r\n")


@fault("cr", expect=_SAME)
def cr(scene: Scene) -> Script:
    """Lines of the event stream end in CR alone, which the standard allows."""
    yield from _with_newline(scene, b"\r")


def _with_newline(scene: Scene, newline: bytes) -> Script:
    response = scene.as_stream(newline=newline) if scene.stream else scene.as_json()
    yield from response.script()


@fault("no-final-blank-line", expect="Takes the last event all the same; a gateway terminates it.")
def no_final_blank_line(scene: Scene) -> Script:
    """The body ends without the blank line that the last event needs."""
    response = scene.response()
    if scene.stream:
        *parts, last = response.parts
        response = response.tweak(parts=(*parts, Part(last.data.removesuffix(b"\n"), last.wait_s)))
    yield from response.script()


@fault("bom", expect=_SAME)
def bom(scene: Scene) -> Script:
    """The body begins with a byte order mark, which the standard allows once in an event stream."""
    response = scene.response()
    first, *parts = response.parts
    yield from response.tweak(parts=(Part(b"\xef\xbb\xbf" + first.data, first.wait_s), *parts)).script()


@fault("ids", expect=_SAME + " Knows that a comment with a blank line crashes some SDKs after an `id:`.")
def ids(scene: Scene) -> Script:
    """Each event has an `id:` field."""
    yield from (scene.as_stream(ids=True) if scene.stream else scene.as_json()).script()


@fault("one-big-chunk", expect=_SAME)
def one_big_chunk(scene: Scene) -> Script:
    """All events come at once, in one chunk and one write, when the answer is whole."""
    response = scene.response()
    body = b"".join(part.data for part in response.parts)
    wait_s = sum(part.wait_s for part in response.parts)
    yield from response.tweak(parts=(Part(body, wait_s),)).script()


@fault("gzip", expect="Decompresses although it did not ask for it; a gateway passes on plain bytes.")
def gzip(scene: Scene) -> Script:
    """`content-encoding: gzip`, although the request did not accept it; each event is flushed."""
    yield from _compressed(scene.response(), "gzip", 16 + zlib.MAX_WBITS).script()


@fault("deflate", expect="As with gzip.")
def deflate(scene: Scene) -> Script:
    """`content-encoding: deflate` (zlib format), although the request did not accept it."""
    yield from _compressed(scene.response(), "deflate", zlib.MAX_WBITS).script()


def _compressed(response: Response, coding: str, window_bits: int) -> Response:
    compressor = zlib.compressobj(wbits=window_bits)
    parts = [
        Part(compressor.compress(part.data) + compressor.flush(zlib.Z_SYNC_FLUSH), part.wait_s)
        for part in response.parts
    ]
    parts.append(Part(compressor.flush()))
    headers = (*response.headers, ("content-encoding", coding))
    return response.tweak(parts=tuple(parts), headers=headers)


@fault("br-label", expect="Reports an unusable answer; never passes the bytes off as text.")
def br_label(scene: Scene) -> Script:
    """`content-encoding: br` over bytes that are not brotli (nor text)."""
    response = scene.response()
    junk = tuple(Part(bytes(byte ^ 0xA5 for byte in part.data), part.wait_s) for part in response.parts)
    headers = (*response.headers, ("content-encoding", "br"))
    yield from response.tweak(parts=junk, headers=headers).script()


@fault("wrong-content-type", expect=_SAME + " It asked for a stream, and this is one.")
def wrong_content_type(scene: Scene) -> Script:
    """The answer is labelled `text/plain`."""
    yield from scene.response().tweak(headers=(("content-type", "text/plain"),)).script()


@fault("1xx", expect=_SAME)
def informational(scene: Scene) -> Script:
    """`103 Early Hints` and `102 Processing` come before the real status line."""
    yield b"HTTP/1.1 103 Early Hints\r\nlink: </mock.css>; rel=preload\r\n\r\n"
    yield b"HTTP/1.1 102 Processing\r\n\r\n"
    yield from scene.response().script()


@fault("empty-body", expect="Reports an empty answer as an error.")
def empty_body(scene: Scene) -> Script:
    """Status 200 with the right content type and not one byte of body."""
    yield from scene.response().tweak(parts=()).script()


FAULTS = (
    split_utf8,
    byte_by_byte,
    crlf,
    cr,
    no_final_blank_line,
    bom,
    ids,
    one_big_chunk,
    gzip,
    deflate,
    br_label,
    wrong_content_type,
    informational,
    empty_body,
)

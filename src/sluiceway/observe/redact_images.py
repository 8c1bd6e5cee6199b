"""The data of images in a body, replaced by its size and hash. Pure.

In JSON and event streams: data URLs, `b64_json` and `partial_image_b64`, Anthropic's `source.data`, and whatever
string begins as the base64 of an image does, as the results of the Responses API's `image_generation_call`. In forms:
the files.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from sluiceway.dialects.form_request import read_media_type
from sluiceway.observe.redact_spans import SLICE, Pause, Span, find_all, run_end

# PNG, JPEG, GIF and WebP, in base64, behind the quote of a string. JSON may write the slash as `\\/`.
_MAGIC: Final = (b'"iVBORw0KGgo', b'"/9j/', b'"\\/9j\\/', b'"R0lGOD', b'"UklGR')
_NAMED: Final = (b'b64_json"', b'b64_json\\"', b'partial_image_b64"', b'partial_image_b64\\"')
_DATA: Final = (b'"data"', b'"data\\"')
_URL: Final = b";base64,"

# What is shorter is no image that begins so, but chance.
MAGIC_MIN_BYTES: Final = 32

_URL_HEAD_MAX: Final = 160  # bytes before `;base64,` in which `data:` stands
_URL_HEAD = re.compile(rb"data:(image\\?/[A-Za-z0-9.+-]{1,40}[^,\"\r\n]{0,80})\Z")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]*+(?:\\++[/nr][A-Za-z0-9+/=_-]*+)*+")
_OPENS = re.compile(rb'[ \t]{0,8}:[ \t]{0,8}\\{0,8}"')
_ESCAPED_LINE_END = re.compile(rb"\\+[nr]")
_STANDARD = bytes.maketrans(b"-_", b"+/")  # RFC 4648 section 5, as some write it

# How far from Anthropic's `data` its `media_type` may stand, in the same object.
_NEAR: Final = 160
_SAYS_IMAGE = re.compile(rb'"media_type\\{0,8}"[ \t]{0,8}:[ \t]{0,8}\\{0,8}"image')


def find_images(body: bytes, pause: Pause) -> Iterator[Span]:
    """Where the base64 of images stands, in JSON and event streams; spans may overlap."""
    done = 0
    for at, literal in find_all(body, (*_MAGIC, *_NAMED, *_DATA, _URL), pause):
        if at < done:
            continue
        start, least = _start(body, at, literal)
        if start < 0:
            continue
        end = run_end(_BASE64, body, start, pause)
        if end - start < least or (literal in _DATA and not _is_image(body, at, end)):
            continue
        done = end
        yield Span(start, end, _describe(memoryview(body)[start:end], pause))


def find_files(body: bytes, content_type: bytes, pause: Pause) -> Iterator[Span]:
    """Where the contents of files stand in a form (RFC 7578), which may be cut off."""
    for head, start, end in form_parts(body, content_type):
        if is_file(head):
            kind = "image" if b"image/" in head.lower() else "file"
            size, digest = end - start, hashlib.sha256()
            for at in range(start, end, SLICE):
                pause()
                digest.update(body[at : min(at + SLICE, end)])
            yield Span(start, end, _marker(kind, size, digest.hexdigest()))


def form_parts(body: bytes, content_type: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The parts of a form: the head of each, and where its content begins and ends."""
    boundary = read_media_type(content_type)[1]
    if not boundary:
        return
    delimiter = b"--" + boundary
    at = body.find(delimiter)
    while at >= 0:
        begin = at + len(delimiter)
        following = body.find(b"\r\n" + delimiter, begin)
        end = len(body) if following < 0 else following
        head_end = body.find(b"\r\n\r\n", begin, end)
        if head_end >= 0:
            yield body[begin:head_end], head_end + 4, end
        at = following + 2 if following >= 0 else -1


def is_file(head: bytes) -> bool:
    """Whether the part with that head is a file."""
    return b"filename" in head.lower()


def _marker(kind: str, size: int, digest: str) -> bytes:
    return f"<{kind} {size} bytes, sha256 {digest}>".encode()


def _start(body: bytes, at: int, literal: bytes) -> tuple[int, int]:
    """Where the base64 begins, -1 if none does, and the least that it must have."""
    behind = at + len(literal)
    if literal == _URL:
        head = body[max(0, at - _URL_HEAD_MAX) : at]
        found = head.rfind(b"data:")
        return (behind, 1) if found >= 0 and _URL_HEAD.match(head, found) is not None else (-1, 0)
    if literal in _MAGIC:
        return at + 1, MAGIC_MIN_BYTES
    opens = _OPENS.match(body, behind)
    return (opens.end(), 1) if opens is not None else (-1, 0)


def _is_image(body: bytes, at: int, end: int) -> bool:
    """Whether the object that this `data` is in, which is a flat one, says that it is an image."""
    before = body[max(0, at - _NEAR) : at]
    before = before[before.rfind(b"{") + 1 :]
    behind = body[end : end + _NEAR]
    if (closing := behind.find(b"}")) >= 0:
        behind = behind[:closing]
    return any(_SAYS_IMAGE.search(text) is not None for text in (before, behind))


def _describe(encoded: memoryview, pause: Pause) -> bytes:
    """Size and hash of what this base64 stands for; escapes of JSON and padding are seen through."""
    digest, size = hashlib.sha256(), 0
    backslash = left = b""  # what belongs to the next slice: half an escape, and less than four letters
    for at in range(0, len(encoded), SLICE):
        pause()
        text = backslash + encoded[at : at + SLICE]
        whole = text.rstrip(b"\\")
        backslash = text[len(whole) :]
        if b"\\" in whole:
            whole = _ESCAPED_LINE_END.sub(b"", whole).replace(b"\\", b"")
        whole = left + whole.translate(_STANDARD, b"=")
        left = whole[len(whole) // 4 * 4 :]
        decoded = binascii.a2b_base64(whole[: len(whole) - len(left)])
        digest.update(decoded)
        size += len(decoded)
    if len(left) > 1:
        decoded = binascii.a2b_base64(left + b"=" * (4 - len(left)))
        digest.update(decoded)
        size += len(decoded)
    return _marker("image", size, digest.hexdigest())

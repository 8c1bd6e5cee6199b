"""Request bodies that are forms with files in them (RFC 7578), read only as far as the gateway needs.

The files stay where they are: nothing of them is copied, decoded or looked at. What is noted are the few
short fields that the gateway goes by, and where in the body they stand, so that one can be changed and
every other byte left as it came.
"""

from __future__ import annotations

from typing import Final

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sluiceway.dialects.base import DialectRequest
from sluiceway.errors import InvalidRequest

MULTIPART: Final = b"multipart/form-data"
URLENCODED: Final = b"application/x-www-form-urlencoded"

PARTS_MAX: Final = 64
"""Parts of a form. OpenAI takes 16 images, a mask and some twenty other fields."""

VALUE_MAX_BYTES: Final = 4096
"""Of a field that is read: a model's name, a number, a flag."""

HEADERS_MAX: Final = 8
"""Header lines of a part. RFC 7578 knows three."""

HEADER_MAX_BYTES: Final = 4096
"""One header line of a part: room for any file's name."""

Span = tuple[int, int]
"""Where in the body a value stands: its first byte, and the first one behind it."""

_HEAD_END: Final = b"\r\n\r\n"


class FormRequest(DialectRequest, frozen=True, kw_only=True):
    """A request whose `body` is a form, and where that stands in it which may have to change.

    model_at, stream_at: the values of these fields, None for a `stream` that did not come. first_part: the
    first byte behind the first boundary. boundary: as the content-type names it.
    """

    model_at: Span
    stream_at: Span | None
    first_part: int
    boundary: bytes


class FormFields(msgspec.Struct, frozen=True):
    """What was read of a form: of each field that was wanted and came, its value and where that stands.

    first_part: see `FormRequest`.
    """

    values: dict[str, bytes]
    spans: dict[str, Span]
    first_part: int


def read_media_type(content_type: bytes) -> tuple[bytes, bytes]:
    """Of the header's value: the media type in lower case and its boundary; `b""` for what is missing."""
    media_type, options = parse_options_header(content_type)
    return media_type, options.get(b"boundary", b"")


def read_form(body: bytes, boundary: bytes, wanted: frozenset[str]) -> FormFields:
    """Read the wanted fields. A part with a file name is a file, whatever its name, and no field.

    Raises `InvalidRequest` for what is no form, is cut off, or is over one of the limits above; and for a
    wanted field that comes twice: of those, some readers take the first and others the last.
    """
    if not boundary:
        raise InvalidRequest("the content-type multipart/form-data names no boundary")
    _check_boundaries(body, b"\r\n--" + boundary)
    reader = _Reader(body, wanted)
    try:
        # In one write, so that the offsets which the callbacks get are offsets in the body.
        MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_begin": reader.begin_header,
                "on_header_field": reader.take_header_name,
                "on_header_value": reader.take_header_value,
                "on_part_data": reader.take_data,
                "on_part_end": reader.end_part,
                "on_end": reader.end,
            },
            max_header_count=HEADERS_MAX,
            max_header_size=HEADER_MAX_BYTES,
        ).write(body)
    except FormParserError as error:
        raise InvalidRequest(f"the request body is not a valid multipart/form-data body: {error}") from None
    return reader.fields()


def changed_form(form: FormRequest, *, model: str | None, force_stream: bool) -> bytes:
    """The body for the upstream, see `base.Dialect.write_request`.

    The client's own bytes but for the values that change, and but for one part in front where `stream`
    did not come at all.
    """
    changes: list[tuple[Span, bytes]] = []
    if model is not None and model != form.model:
        changes.append((form.model_at, model.encode()))
    if force_stream and not form.stream:
        if form.stream_at is not None:
            changes.append((form.stream_at, b"true"))
        else:
            part = (
                b'Content-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--' + form.boundary + b"\r\n"
            )
            changes.append(((form.first_part, form.first_part), part))
    if not changes:
        return form.body
    body = memoryview(form.body)
    pieces: list[bytes | memoryview] = []
    at = 0
    for (start, end), value in sorted(changes):
        pieces += (body[at:start], value)
        at = end
    return b"".join([*pieces, body[at:]])


def _check_boundaries(body: bytes, delimiter: bytes) -> None:
    """Refuse what the parser would go through byte by byte: 64 MB of that hold up every other request.

    Those are boundaries without end, and whatever stands behind one in its line. RFC 2046 section 5.1.1
    forbids a line inside of a part to begin as the boundary does, and no client pads its boundaries.
    """
    found = 0
    at = body.find(delimiter)
    while at >= 0:
        behind = at + len(delimiter)
        if body.startswith(b"--", behind):
            return
        found += 1
        if found > PARTS_MAX:
            raise _too_many_parts()
        if len(body) > behind + 1 and not body.startswith(b"\r\n", behind):
            raise InvalidRequest(f"a line of the form begins as its boundary does, at byte {at + 2}")
        at = body.find(delimiter, behind)


def _too_many_parts() -> InvalidRequest:
    return InvalidRequest(f"the request body is a form of more than {PARTS_MAX} parts")


class _Reader:
    """Takes the parser's callbacks."""

    __slots__ = (
        "_body",
        "_data_end",
        "_disposition",
        "_ended",
        "_first_part",
        "_head_end",
        "_header",
        "_parts",
        "_spans",
        "_values",
        "_wanted",
    )

    def __init__(self, body: bytes, wanted: frozenset[str]) -> None:
        self._body = body
        self._wanted = wanted
        self._values: dict[str, bytes] = {}
        self._spans: dict[str, Span] = {}
        self._parts = 0
        self._first_part = -1
        self._ended = False
        self.begin_part()

    def fields(self) -> FormFields:
        if not self._ended:
            raise InvalidRequest("the request body is not a whole form: its last boundary is missing")
        if not self._parts:
            raise InvalidRequest("the request body is a form without a field")
        return FormFields(self._values, self._spans, self._first_part)

    def begin_part(self) -> None:
        self._disposition = b""
        self._head_end = 0  # at the end of the last header, or in it
        self._data_end = 0
        self.begin_header()

    def begin_header(self) -> None:
        self._header = b""

    def take_header_name(self, data: bytes, start: int, end: int) -> None:
        if self._first_part < 0:
            self._first_part = start
        self._header = data[start:end].lower()
        self._head_end = end

    def take_header_value(self, data: bytes, start: int, end: int) -> None:
        if self._header == b"content-disposition":
            self._disposition = data[start:end]
        self._head_end = end

    def take_data(self, _data: bytes, _start: int, end: int) -> None:
        self._data_end = end

    def end_part(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise _too_many_parts()
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:  # RFC 7578 section 4.2: each part has both
            raise InvalidRequest(f"part {self._parts} of the form has no name")
        name = options[b"name"].decode("latin-1")
        if name in self._wanted and b"filename" not in options:
            self._take(name)

    def end(self) -> None:
        self._ended = True

    def _take(self, name: str) -> None:
        start = self._body.find(_HEAD_END, self._head_end) + len(_HEAD_END)
        end = self._data_end or start  # an empty value is not reported
        if end - start > VALUE_MAX_BYTES:
            raise InvalidRequest(f"{name} must have at most {VALUE_MAX_BYTES} bytes", param=name)
        if name in self._values:
            raise InvalidRequest(f"{name} comes twice", param=name)
        self._values[name] = self._body[start:end]
        self._spans[name] = (start, end)

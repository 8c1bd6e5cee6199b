"""Redaction: what is taken out of requests and answers before they are kept. Pure.

Always: credentials, whether a header is made for them, a body or a path holds what looks like one, or it is the one
that was sent. Unless the operator wants them: the data of images. Besides: whatever the operator's patterns match.
JSON stays JSON, and an event stream the same events, each with another content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from sluiceway.dialects.form_request import read_media_type
from sluiceway.observe.redact_images import find_files, find_images, form_parts, is_file
from sluiceway.observe.redact_patterns import Patterns
from sluiceway.observe.redact_secrets import find_secrets, known_secrets, marker
from sluiceway.observe.redact_spans import Pause, Span, splice
from sluiceway.wire.http import CREDENTIALS, Headers
from sluiceway.wire.sse import EventSplitter

Kind = Literal["json", "events", "form", "text"]

# At the end of a body of which not everything was looked at, a credential may begin that can't be told: so much is
# left out. Keys are shorter.
EDGE_BYTES: Final = 4096

# What stands at the end of a body that was cut. In an event stream it is a comment, which says nothing.
CUT: Final = b"[cut]"
_CUT_EVENTS: Final = b": [cut]\n\n"

# Headers that are made to carry credentials, besides those whose names say so.
_SECRET_HEADERS = CREDENTIALS | {b"proxy-authorization", b"x-goog-api-key", b"x-amz-security-token"}
_SAYS_SECRET = re.compile(
    rb"authorization|authentication|api-?key|apikey|token|secret|cookie|passw|credential|session-?key"
    rb"|jwt|client-cert"
)

_QUERY_SECRET = re.compile(
    rb"(?i)([?&](?:[a-z0-9_.-]{0,40}(?:key|token|secret|passw(?:or)?d|credential|signature|auth)[a-z0-9_.-]{0,40})=)[^&#]+"
)
_BEARER = re.compile(rb"(?i)\A(?:bearer|basic|token) +")
_MARKED = re.compile(rb"\[redacted(?::[a-z-]+)?\]|<(?:image|file) [0-9]+ bytes, sha256 [0-9a-f]{64}>")


class Redacted(NamedTuple):
    """A body as it may be kept, and how often something was replaced."""

    body: bytes
    replaced: int


def _go_on() -> None:
    """Without a pause."""


class Redactor:
    """What one configuration takes out."""

    __slots__ = ("_images", "_known", "_patterns")

    def __init__(
        self, patterns: Iterable[str] = (), *, images: bool = False, known: Iterable[bytes] = ()
    ) -> None:
        """`patterns`: the operator's. `images`: keep their data. `known`: credentials, as the upstreams' keys, that
        are taken out wherever they stand. Raises `re.error`."""
        self._patterns = Patterns(patterns)
        self._images = images
        self._known = tuple(known)

    def body(
        self,
        data: bytes,
        content_type: bytes,
        *,
        known: Iterable[bytes] = (),
        pause: Pause = _go_on,
    ) -> Redacted:
        """A body, or its beginning. `known`: further credentials. `pause` is called often, and may raise."""
        kind = kind_of(data, content_type)
        total = 0
        if not self._images:
            found = find_files(data, content_type, pause) if kind == "form" else find_images(data, pause)
            data, total = splice(data, found)
        secrets = known_secrets((*self._known, *known))
        one_line = kind in ("json", "events")
        data, count = splice(data, find_secrets(data, pause, known=secrets, one_line=one_line))
        total += count
        if self._patterns:
            data, count = splice(data, self._matches(data, kind, content_type, pause))
            total += count
        return Redacted(data, total)

    def headers(self, headers: Headers, *, known: Iterable[bytes] = ()) -> tuple[tuple[str, str], ...]:
        """The headers that may be kept: none that carries a credential."""
        kept: list[tuple[str, str]] = []
        for name, value in headers:
            if not carries_credential(name):
                clean = self.body(value, b"text/plain", known=known).body
                kept.append((name.decode("latin-1"), clean.decode("latin-1")))
        return tuple(kept)

    def path(self, path: bytes, *, known: Iterable[bytes] = ()) -> str:
        """A path with its query, without credentials."""
        without = _QUERY_SECRET.sub(rb"\1" + marker("credential"), path)
        return self.body(without, b"text/plain", known=known).body.decode("latin-1")

    def _matches(self, data: bytes, kind: Kind, content_type: bytes, pause: Pause) -> Iterable[Span]:
        if kind == "json":
            return self._patterns.in_json(data, pause)
        if kind == "events":
            return self._patterns.in_events(data, pause)
        if kind == "form":
            parts = form_parts(data, content_type)
            fields = [(start, end) for head, start, end in parts if not is_file(head)]
            return (span for place in fields for span in self._patterns.in_text(data, pause, *place))
        return self._patterns.in_text(data, pause)


def kind_of(data: bytes, content_type: bytes) -> Kind:
    """What a body is, by its content type, or without one by how it begins."""
    media_type = read_media_type(content_type)[0] if content_type else b""
    if media_type == b"text/event-stream":
        return "events"
    if media_type == b"multipart/form-data":
        return "form"
    if media_type.endswith((b"/json", b"+json")):
        return "json"
    if media_type:
        return "text"
    begin = data[:64].lstrip()
    if begin.startswith((b"data:", b"event:", b"id:", b"retry:", b":")):
        return "events"
    return "json" if begin.startswith((b"{", b"[")) else "text"


def carries_credential(name: bytes) -> bool:
    """Whether a header of that name, in lower case, is there to say who somebody is."""
    return name in _SECRET_HEADERS or _SAYS_SECRET.search(name) is not None


def credentials_in(headers: Headers) -> list[bytes]:
    """The credentials that headers carry, without their schemes."""
    return [_BEARER.sub(b"", value).strip() for name, value in headers if carries_credential(name)]


def cut(data: bytes, kind: Kind, max_bytes: int, *, unseen: bool) -> bytes:
    """The beginning of a redacted body, marked if something is missing.

    `unseen`: there was more of the body than was looked at, so that its edge can't be trusted. Event streams are
    cut between two events.
    """
    if unseen:
        data = data[: max(0, len(data) - EDGE_BYTES)]
    elif len(data) <= max_bytes:
        return data
    mark = _CUT_EVENTS if kind == "events" else CUT
    data = data[: max(0, max_bytes - len(mark))]
    if kind == "events":
        data = EventSplitter(0).feed(data)
    return (data + mark)[:max_bytes]


def is_cut(body: bytes) -> bool:
    """Whether a kept body ends in the mark of `cut`."""
    return body.rstrip().endswith(CUT)


def without_mark(body: bytes) -> bytes:
    """A kept body without the mark of `cut`."""
    return body.removesuffix(_CUT_EVENTS).removesuffix(CUT)


def is_redacted(body: bytes) -> bool:
    """Whether a kept body has places where something was replaced."""
    return _MARKED.search(body) is not None

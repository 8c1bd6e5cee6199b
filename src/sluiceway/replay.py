"""Replay: a captured request sent again, and the answer compared with the one it had; or a captured answer played
again, byte for byte, at its original pace.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluiceway.mock.app import MockProvider
from sluiceway.mock.exchange import Endpoint, Exchange
from sluiceway.mock.scene import Act, Script, Wait
from sluiceway.observe.captured import Captured
from sluiceway.observe.redact import Redactor, is_cut, is_redacted, without_mark
from sluiceway.wire.http import Headers, upstream_request_headers
from sluiceway.wire.sse import SseParser

# How long the other side may be silent: longer than any heartbeat, and than most thinking.
TIMEOUT_S: Final = 900.0

_READ_BYTES: Final = 64 * 1024


class Original(msgspec.Struct, frozen=True):
    """What is kept of a request. `status`: of its answer, as the record says; 0 if there is no record any more."""

    captured: Captured
    status: int = 0


class Refused(Exception):
    """It can't be replayed; the message says why, in words for the operator."""


class Answer(msgspec.Struct, frozen=True):
    """An answer as it came. `timing`: of each piece, milliseconds since the request, and bytes. `broken`: it ended
    before its end."""

    status: int
    body: bytes
    timing: tuple[tuple[float, int], ...]
    broken: bool = False


class Comparison(msgspec.Struct, frozen=True):
    """How two answers differ. `same_bytes`; `same_but_ids`: apart from ids, times and heartbeats; `first_difference`:
    the number of the first event (from 1) that differs even so, of streams."""

    same_status: bool
    same_bytes: bool
    same_but_ids: bool
    first_difference: int | None = None


# ── sending a request again ─────────────────────────────────────────────────────────────────────────


def check_request(captured: Captured) -> None:
    """Raise `Refused` unless the request is kept as it was sent."""
    _check(captured, captured.request, captured.request_size, "request")


def check_answer(captured: Captured) -> None:
    """Raise `Refused` unless the answer is kept as it was sent."""
    _check(captured, captured.response, captured.response_size, "answer")


def target_of(base_url: str, path: str) -> str:
    """Where a request for `path` (`/v1/…`) goes at another server.

    `base_url`: as SDKs take it, with its version (`https://api.openai.com/v1`); `/v1` is added where it has no path.
    """
    url = urlsplit(base_url)
    base = url.path.rstrip("/") or "/v1"
    return f"{url.scheme}://{url.netloc}{base}{path.removeprefix('/v1')}"


def headers_for(captured: Captured, key: str) -> Headers:
    """The headers to send again: what a gateway passes on, and what the client asked of the gateway itself."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in captured.headers]
    ours = frozenset(name for name, _ in headers if name.startswith(b"x-sluiceway-")) - {
        b"x-sluiceway-capture"
    }
    passed = upstream_request_headers(headers, keep=ours)
    if key:
        # Anthropic's API takes its keys in a header of its own; a gateway takes them in either.
        anthropic = captured.path.startswith("/v1/messages")
        own = (b"x-api-key", key.encode()) if anthropic else (b"authorization", b"Bearer " + key.encode())
        passed = [header for header in passed if header[0] != own[0]] + [own]
    return passed


def send(
    captured: Captured,
    base_url: str,
    *,
    key: str = "",
    took: Callable[[bytes], object],
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Send it again and read the answer; `took` is called with each piece as it comes.

    Raises `OSError` if there is no connection, or nothing comes in time, and `Refused` for a URL that is none.
    """
    url = urlsplit(target_of(base_url, captured.path))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Refused(f"{base_url} is no URL of a server, as http://127.0.0.1:8787/v1")
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout_s)
    try:
        began = time.monotonic()
        try:
            connection.connect()
        except OSError as error:  # whose text does not say where
            raise OSError(f"no connection to {url.hostname}:{connection.port}: {_reason(error)}") from error
        target = url.path + (f"?{url.query}" if url.query else "")
        connection.putrequest(captured.method, target, skip_accept_encoding=True)
        for name, value in headers_for(captured, key):
            connection.putheader(name, value)
        body = without_mark(captured.request)
        if body or captured.method in ("POST", "PUT", "PATCH"):
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        return _read(connection.getresponse(), began, took)
    except http.client.HTTPException as error:
        raise OSError(f"the answer is no HTTP: {type(error).__name__}") from None
    finally:
        connection.close()


def _reason(error: OSError) -> str:
    """Why there is no connection, as `upstream.connection` says it of upstreams."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def _read(response: http.client.HTTPResponse, began: float, took: Callable[[bytes], object]) -> Answer:
    pieces: list[bytes] = []
    timing: list[tuple[float, int]] = []
    broken = False
    try:
        while piece := response.read1(_READ_BYTES):
            timing.append((round((time.monotonic() - began) * 1000, 3), len(piece)))
            pieces.append(piece)
            took(piece)
    except (http.client.IncompleteRead, ConnectionError):
        broken = True
    # A body that is shorter than it said ends without an error.
    return Answer(response.status, b"".join(pieces), tuple(timing), broken or bool(response.length))


def _check(captured: Captured, body: bytes, size: int, what: str) -> None:
    if captured.redacted and is_redacted(body):
        raise Refused(f"something was taken out of this {what} before it was kept: {_KINDS}")
    if is_cut(body) or len(body) < size:
        raise Refused(f"only {len(body)} of {size} bytes of this {what} were kept: see capture.max_bytes")


_KINDS: Final = "credentials, the data of images, or what capture.redact matches"


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────

# What differs between two equal answers: names and moments.
_OWN = re.compile(
    rb'"((?:\w{0,40}_)?id|created|created_at|completed_at|system_fingerprint|obfuscation|encrypted_content'
    rb'|signature|service_tier)"\s{0,8}:\s{0,8}(?:"(?:[^"\\]|\\.)*+"|-?[0-9][0-9.eE+-]*+|null)'
)


def compare(original: Original, answer: Answer) -> Comparison:
    """Hold an answer against the captured one."""
    captured = original.captured
    then, now = without_mark(captured.response), answer.body
    if captured.redacted and is_redacted(
        then
    ):  # what was replaced then, is replaced now: images have their hashes
        now = Redactor().body(now, captured.response_type.encode("latin-1")).body
    same_bytes = then == now
    first: int | None = None
    if "event-stream" in captured.response_type:
        ours, theirs = _events(then), _events(now)
        differing = (at for at, pair in enumerate(zip(ours, theirs, strict=False), 1) if pair[0] != pair[1])
        first = next(differing, None)
        if first is None and len(ours) != len(theirs):
            first = min(len(ours), len(theirs)) + 1
        alike = first is None
    else:
        alike = _without_own(then) == _without_own(now)
    return Comparison(
        same_status=not original.status or original.status == answer.status,
        same_bytes=same_bytes,
        same_but_ids=same_bytes or alike,
        first_difference=None if same_bytes else first,
    )


def _events(body: bytes) -> list[tuple[bytes, bytes]]:
    """Name and data of each event, without what is its own alone, and without heartbeats."""
    parser = SseParser(0)
    events = [*parser.feed(body), *parser.flush()]
    return [
        (event.event, _without_own(event.data))
        for event in events
        if event.data is not None and event.event != b"ping"
    ]


def _without_own(data: bytes) -> bytes:
    return _OWN.sub(rb'"\1":0', data)


# ── playing an answer again ─────────────────────────────────────────────────────────────────────────


class Player(MockProvider):
    """A provider that answers whatever it is asked with one captured answer, as it went to the client then."""

    def __init__(self, original: Original) -> None:
        super().__init__()
        self._original = original

    def _endpoint(self, exchange: Exchange) -> Endpoint:
        return self._play

    async def _play(self, exchange: Exchange) -> Script:
        async for _ in exchange.body_pieces():
            pass  # the connection's next request begins behind it
        return answer_script(self._original, closing=exchange.closing, chunked=not exchange.http10)


def answer_script(original: Original, *, closing: bool = False, chunked: bool = True) -> Script:
    """The captured answer: the same bytes in the same pieces, each when it went to the client then, counted from the
    request's arrival. The head goes with the first piece; of what was cut, the connection breaks off.

    From an answer in which something was replaced, the pieces are as many and as long as they were, but the last.
    """
    captured = original.captured
    chunked = chunked and original.status not in _BODILESS
    closing = closing or not (chunked or original.status in _BODILESS)
    head = _head(original, closing=closing, chunked=chunked)
    for piece, wait_s in _pieces(without_mark(captured.response), captured.timing):
        yield Wait(wait_s, steady=True)
        yield head + (b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        head = b""
    if head:
        yield head
    if is_cut(captured.response):
        yield Act.CLOSE
        return
    if chunked:
        yield b"0\r\n\r\n"
    yield Act.LAST if closing else Act.DONE


def _head(original: Original, *, closing: bool, chunked: bool) -> bytes:
    status = original.status or 200
    phrase = HTTPStatus(status).phrase if status in _KNOWN_STATUSES else ""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    if original.captured.response_type:
        lines.append(f"content-type: {original.captured.response_type}")
    if chunked:
        lines.append("transfer-encoding: chunked")
    if closing:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


_KNOWN_STATUSES: Final = frozenset(HTTPStatus)
_BODILESS: Final = frozenset({204, 304})  # RFC 9112 section 6.3


def _pieces(body: bytes, timing: tuple[tuple[float, int], ...]) -> Iterator[tuple[bytes, float]]:
    """The pieces of a body, and the silence before each, in seconds. What is left goes with the last."""
    start, before_ms = 0, 0.0
    for number, (at_ms, size) in enumerate(timing, 1):
        end = len(body) if number == len(timing) else start + size
        if piece := body[start:end]:
            yield piece, max(0.0, at_ms - before_ms) / 1000
            start, before_ms = end, at_ms
    if not timing and body:
        yield body, 0.0

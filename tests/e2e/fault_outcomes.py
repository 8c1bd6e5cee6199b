"""What becomes of each fault of the simulated provider behind the gateway, in chat."""

from __future__ import annotations

import msgspec
from harness import RawClient

LIMIT_BYTES = 1024 * 1024


class Whole(msgspec.Struct, frozen=True):
    """The answer that the provider gives without the fault. `done`: a stream ends in `[DONE]`."""

    done: bool = True


class InBand(msgspec.Struct, frozen=True):
    """Status 200, some of the answer perhaps, and one error event at the end."""

    code: str


class Refused(msgspec.Struct, frozen=True):
    """An HTTP error. `code` None: the body is the upstream's own, whatever it is."""

    status: int
    code: str | None


Outcome = Whole | InBand | Refused

WHOLE = Whole()
TRUNCATED = Refused(502, "upstream_truncated")
INVALID = Refused(502, "upstream_invalid")
LATE = Refused(504, "upstream_timeout_first_event")
TOO_LARGE = Refused(502, "event_too_large")

# fault (with its argument and further knobs): what a streaming client gets, what one that wants JSON gets.
OUTCOMES: dict[str, tuple[Outcome, Outcome]] = {
    "slow-headers:0.2": (WHOLE, WHOLE),
    "silent": (LATE, LATE),
    "stall": (InBand("upstream_timeout_idle"), Refused(504, "upstream_timeout_idle")),
    "stall:0.2": (WHOLE, WHOLE),
    "stall-between": (InBand("upstream_timeout_idle"), LATE),
    "stall-between:0.2": (WHOLE, WHOLE),
    "comments:0.05&ttft=0.3": (WHOLE, WHOLE),
    "pings-only:0.05": (LATE, LATE),
    "rst": (InBand("upstream_truncated"), TRUNCATED),
    "rst-before": (Refused(502, "upstream_unreachable"), Refused(502, "upstream_unreachable")),
    "eof": (InBand("upstream_truncated"), INVALID),  # half a JSON document whose framing is whole
    "eof-mid-event": (InBand("upstream_truncated"), INVALID),
    "cut": (InBand("upstream_truncated"), TRUNCATED),
    "connection-close": (WHOLE, WHOLE),
    "keepalive-close": (WHOLE, WHOLE),
    "stale": (WHOLE, WHOLE),
    "http-429": (Refused(429, "rate_limit_exceeded"), Refused(429, "rate_limit_exceeded")),
    "http-500": (Refused(500, "internal_error"), Refused(500, "internal_error")),
    "http-500-html": (Refused(500, None), Refused(500, None)),
    "http-400": (Refused(400, "mock_refusal"), Refused(400, "mock_refusal")),
    "error-first": (Refused(503, "overloaded"), Refused(503, "overloaded")),
    "error-mid": (InBand("internal_error"), Refused(500, "internal_error")),
    "stream-only": (WHOLE, Refused(400, "stream_required")),
    "split-utf8": (WHOLE, WHOLE),
    "byte-by-byte": (WHOLE, WHOLE),
    "crlf": (WHOLE, WHOLE),
    "cr": (WHOLE, WHOLE),
    "no-final-blank-line": (WHOLE, WHOLE),
    "bom": (WHOLE, WHOLE),
    "ids": (WHOLE, WHOLE),
    "one-big-chunk": (WHOLE, WHOLE),
    "gzip": (WHOLE, WHOLE),
    "deflate": (WHOLE, WHOLE),
    "br-label": (INVALID, INVALID),
    "wrong-content-type": (WHOLE, WHOLE),
    "1xx": (WHOLE, WHOLE),
    "empty-body": (TRUNCATED, TRUNCATED),
    "no-done": (Whole(done=False), WHOLE),
    "no-finish": (WHOLE, WHOLE),
    "missing-tool-index": (WHOLE, WHOLE),
    "repeated-tool-ids": (WHOLE, WHOLE),
    "role-null": (WHOLE, WHOLE),
    "finish-empty": (WHOLE, WHOLE),
    "usage-none": (WHOLE, WHOLE),
    # The broken event is passed on as it came: on a stream, what an event says is the client's to judge.
    "bad-json": (WHOLE, INVALID),
    "json-instead-of-stream": (WHOLE, WHOLE),
    "stream-instead-of-json": (WHOLE, WHOLE),
    "garbage": (INVALID, INVALID),
    "endless-headers": (INVALID, INVALID),
    "endless-event": (InBand("event_too_large"), TOO_LARGE),
    "endless-body": (InBand("upstream_timeout_total"), TOO_LARGE),
}


def clocks(spec: str, *, stream: bool) -> dict[str, float]:
    """The clock that ends that fault, in s, and no other: on a slow machine another one might run out first."""
    first_event, idle, total = {"first_event_s": 0.8}, {"idle_s": 0.6}, {"total_s": 2.0}
    match spec:
        case "silent" | "pings-only:0.05":
            return first_event
        case "stall" | "stall:9":
            return idle
        case "stall-between":
            return idle if stream else first_event
        case "endless-body":
            return total
    return {}


def tell(client: RawClient) -> tuple[int, dict[str, str], bytes]:
    """One response, its middle left out where it is larger than any honest one."""
    status, headers = client.read_head()
    if headers.get("transfer-encoding") != "chunked":
        return status, headers, client.read_body(headers)
    body = b""
    while size := int(client.read_until(b"\r\n"), 16):
        body += client._take(size)
        client._take(2)
        if len(body) > 4 * LIMIT_BYTES:
            body = body[:LIMIT_BYTES] + body[-LIMIT_BYTES:]
    client._take(2)
    return status, headers, body

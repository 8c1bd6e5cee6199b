"""What was done to the headers and the connection: compression, missing headers, HTTP version, keep-alive. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.doctor.finding import Change, Finding
from sluiceway.doctor.hops import changes_for
from sluiceway.doctor.seen import Seen


def headers(stream: Seen, hops: tuple[str, ...]) -> Iterator[Finding]:
    """Findings about the head of an event stream."""
    yield _compression(stream, hops)
    yield _headers(stream, hops)
    if stream.version != "1.1":
        yield Finding(
            code="http",
            severity="warning",
            title=f"answers come as HTTP/{stream.version}: no connection is used twice",
            seen=f"HTTP/{stream.version}",
            changes=(Change("the proxy in front of the gateway", "speak HTTP/1.1 to clients"),),
        )


def keep_alive(first: Seen, second: Seen | None, hops: tuple[str, ...]) -> Finding:
    """Two requests on one connection. `second`: None if the first answer already said that there is none."""
    title = "connections are kept open"
    if first.keeps and second is not None and second.status:
        return Finding(code="keep-alive", severity="ok", title=title, seen="two requests on one connection")
    seen = (
        "the answer says connection: close" if not first.keeps else "it was closed before the second request"
    )
    return Finding(
        code="keep-alive",
        severity="warning",
        title="each request needs a new connection",
        seen=seen,
        changes=changes_for("keep-alive", hops),
    )


def _compression(stream: Seen, hops: tuple[str, ...]) -> Finding:
    coding = stream.header("content-encoding")
    if coding in ("", "identity"):
        return Finding(code="compression", severity="ok", title="event streams are not compressed")
    return Finding(
        code="compression",
        severity="warning",
        title=f"event streams are compressed ({coding})",
        seen=f"content-encoding: {coding}, which the gateway never sends: bytes wait in the compressor for more",
        changes=changes_for("compression", hops),
    )


def _headers(stream: Seen, hops: tuple[str, ...]) -> Finding:
    media, cache = stream.header("content-type"), stream.header("cache-control")
    if not media.lower().startswith("text/event-stream"):
        return Finding(
            code="headers",
            severity="error",
            title="an event stream is no longer labelled as one",
            seen=f"content-type: {media or 'none'}",
            changes=changes_for("headers", hops),
        )
    if "no-transform" not in cache.lower():
        return Finding(
            code="headers",
            severity="warning",
            title="cache-control: no-transform is taken away, so others on the way may compress and collect",
            seen=f"cache-control: {cache or 'none'}",
            changes=changes_for("headers", hops),
        )
    if not stream.header("x-accel-buffering"):
        return Finding(
            code="headers",
            severity="note",
            title="x-accel-buffering does not arrive, which is as it should be behind one nginx",
            seen="nginx takes it for itself: a second nginx in front of that one needs `proxy_buffering off`, or "
            "`proxy_pass_header X-Accel-Buffering` in the first",
        )
    return Finding(code="headers", severity="ok", title="the gateway's headers arrive")

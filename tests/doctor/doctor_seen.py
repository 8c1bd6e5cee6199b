"""Recorded observations, made up: what a client would have seen."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sluiceway.doctor.seen import End, Piece, Seen

STREAM_HEADERS = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
    ("x-request-id", "req_1"),
)


def chunk(text: str, due_ms: float | None = None) -> bytes:
    """One event of a chat answer."""
    data: dict[str, object] = {"choices": [{"delta": {"content": text}}]}
    if due_ms is not None:
        data["mock_due_ms"] = due_ms
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": heartbeat\n\n"


def streamed(
    pieces: Iterable[tuple[float, bytes]],
    *,
    headers: Iterable[tuple[str, str]] = STREAM_HEADERS,
    head_s: float | None = None,
    end: End = "whole",
    end_s: float | None = None,
    status: int = 200,
    version: str = "1.1",
) -> Seen:
    """An event stream that came in these pieces."""
    came = tuple(Piece(at_s, data) for at_s, data in pieces)
    return Seen(
        status=status,
        version=version,
        headers=tuple(headers),
        head_s=head_s if head_s is not None else (came[0].at_s if came else 0.0),
        pieces=came,
        end=end,
        end_s=end_s if end_s is not None else (came[-1].at_s if came else 0.0),
        keeps=end == "whole",
    )


def answered(
    status: int, body: object = b"", *headers: tuple[str, str], at_s: float = 0.01, end: End = "whole"
) -> Seen:
    """An answer that came at once: JSON, or these bytes."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Seen(
        status=status,
        version="1.1" if status else "",
        headers=headers,
        head_s=at_s,
        pieces=(Piece(at_s, data),) if data else (),
        end=end,
        end_s=at_s,
        keeps=end == "whole",
    )


def nothing_came(end: End = "closed", end_s: float = 0.5) -> Seen:
    """No answer at all."""
    return Seen(end=end, end_s=end_s)


def error_body(code: str, message: str = "it is so") -> dict[str, object]:
    """The gateway's own shape of error."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def refused_by_gateway(status: int, code: str, message: str = "it is so") -> Seen:
    """An error of the gateway's own."""
    return answered(status, error_body(code, message), ("x-request-id", "req_1"))


NGINX_504 = b"<html><head><title>504 Gateway Time-out</title></head></html>"
NGINX = ("server", "nginx/1.22.1")
CLOUDFLARE = (("server", "cloudflare"), ("cf-ray", "8f1"))

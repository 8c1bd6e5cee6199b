"""What was asked and answered, where the operator wants it kept: bodies, redacted and cut to size."""

from __future__ import annotations

import msgspec


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. Sizes are those before anything was cut or replaced.

    headers: the request's, in lower case, without credentials. request, response: the bodies, redacted.
    timing: of each piece that went to the client: milliseconds since the request's arrival, and bytes.
    """

    request_id: str
    started: float  # Unix seconds
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    request: bytes
    request_size: int
    response: bytes
    response_size: int
    response_type: str  # its content type
    timing: tuple[tuple[float, int], ...]
    redacted: int = 0  # how often something was replaced

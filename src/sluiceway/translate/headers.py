"""The headers of a request that is translated: what belongs to the client's API stays behind."""

from __future__ import annotations

from typing import Final

from sluiceway.wire.http import Headers

ANTHROPIC_VERSION: Final = b"2023-06-01"
"""The only version of Anthropic's API that there has been since; the header is required."""

# Statements about one provider's API, organisation or SDK that mean nothing to another.
_OF_ONE_API = (b"anthropic-", b"openai-", b"x-stainless-")


def translated_headers(passed: Headers, *, upstream: str) -> Headers:
    """The headers for an upstream that speaks the dialect `upstream`, and the client another.

    `passed`: what would go on to an upstream of the client's own dialect. A credential among them moves
    to where the other API looks for it.
    """
    headers = [header for header in passed if not header[0].startswith(_OF_ONE_API)]
    headers = [header for header in headers if header[0] not in (b"content-type", b"accept")]
    headers.append((b"content-type", b"application/json"))
    if upstream == "messages":
        headers = [_to_api_key(header) for header in headers]
        headers.append((b"anthropic-version", ANTHROPIC_VERSION))
    else:
        headers = [_to_bearer(header) for header in headers]
    return headers


def _to_api_key(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    if name == b"authorization" and value[:7].lower() == b"bearer ":
        return b"x-api-key", value[7:].strip()
    return header


def _to_bearer(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    return (b"authorization", b"Bearer " + value) if name == b"x-api-key" else header

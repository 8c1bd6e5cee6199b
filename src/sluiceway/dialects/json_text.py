"""JSON as providers really write it: read as leniently as their own clients do, written so that all can read.

`msgspec` is strict and fast. What it refuses and a client's parser takes is read a second time with
the standard library: half a surrogate pair as an escape, which is what a provider in JavaScript sends
when it cuts a text inside an emoji (RFC 8259 section 8.2), and bytes that are not UTF-8, which an event
stream's reader replaces (HTML standard, section 9.2.6). `NaN` and `Infinity` stay errors.
"""

from __future__ import annotations

import json
from typing import Any, Never

import msgspec

NOT_JSON = (ValueError, RecursionError)
"""What `read_json` and msgspec's own decoding raise: bad syntax or UTF-8, or nesting beyond the stack."""


def read_json(text: bytes) -> Any:
    """The value of a JSON text. Whole numbers of any size are kept. Raises one of `NOT_JSON`."""
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return json.loads(text.decode("utf-8", "replace"), parse_constant=_refuse)


def write_json(value: Any) -> bytes:
    """Compact JSON. Where a half surrogate pair is in it, ASCII only: its halves join again when read."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")

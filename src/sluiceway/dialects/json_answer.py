"""JSON answers of an upstream, read leniently: what every dialect asks of one before it looks closer."""

from __future__ import annotations

from typing import Any

from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.errors import UpstreamInvalid


def read_object(body: bytes) -> dict[str, Any]:
    """The answer. Raises `UpstreamInvalid` for what is no JSON object."""
    try:
        document = read_json(body)
    except NOT_JSON:
        raise UpstreamInvalid("the upstream's answer is not valid JSON") from None
    if not isinstance(document, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    return document


def read_success(body: bytes) -> dict[str, Any]:
    """The same of an answer that must not be an error object; raises `UpstreamReported` if it is one."""
    document = read_object(body)
    if (error := read_object_error(document)) is not None:
        raise error
    return document

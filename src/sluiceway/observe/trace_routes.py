"""What a path is about, in words whose number clients can't make grow. Pure."""

from __future__ import annotations

from typing import Final

from sluiceway.dialects.table import DIALECT_PATHS
from sluiceway.observe.record import Record

# Paths that are relayed as they are, and well known: by them a span is called. Others only by their method.
_RELAYED: Final = frozenset(
    (
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/batches",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/files",
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/moderations",
        "/v1/rerank",
    )
)
_BELOW: Final = (
    ("/v1/batches/", "/v1/batches/{id}"),
    ("/v1/files/", "/v1/files/{id}"),
    ("/v1/models/", "/v1/models/{id}"),
    ("/v1/responses/", "/v1/responses/{id}"),
)

# `gen_ai.operation.name`. The conventions have no word for making images alone; this one is for content of any kind.
_OPERATIONS: Final = {
    "chat": "chat",
    "responses": "chat",
    "messages": "chat",
    "images": "generate_content",
}
_RELAYED_OPERATIONS: Final = {
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}


def route_of(path: str) -> str | None:
    """The path with names of single things left out; None where it is none of those that are known."""
    if path in DIALECT_PATHS or path in _RELAYED:
        return path
    return next((route for prefix, route in _BELOW if path.startswith(prefix)), None)


def operation_of(record: Record) -> str | None:
    """What a model was asked for; None where none was asked."""
    if record.dialect is not None:
        return _OPERATIONS.get(record.dialect)
    return _RELAYED_OPERATIONS.get(record.path)

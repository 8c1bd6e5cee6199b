"""Which path speaks which dialect. The only place where a dialect is chosen."""

from __future__ import annotations

from sluiceway.dialects.base import Dialect
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.images import IMAGE_EDITS, IMAGE_GENERATIONS, IMAGE_VARIATIONS
from sluiceway.dialects.messages import MESSAGES
from sluiceway.dialects.responses import RESPONSES

DIALECT_PATHS: dict[str, Dialect] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/images/generations": IMAGE_GENERATIONS,
    "/v1/images/edits": IMAGE_EDITS,
    "/v1/images/variations": IMAGE_VARIATIONS,
}

# Paths below these belong to one API too, though they are relayed as they are: `/v1/messages/count_tokens`,
# `/v1/responses/{id}`.
_FAMILIES = ("/v1/chat/", "/v1/responses/", "/v1/messages/", "/v1/images/")


def family_of(path: str) -> str | None:
    """The name of the dialect that a path belongs to, itself or by what it is below of; None for others."""
    dialect = DIALECT_PATHS.get(path)
    if dialect is not None:
        return dialect.name
    return next((prefix.split("/")[2] for prefix in _FAMILIES if path.startswith(prefix)), None)


# The shape of the gateway's own errors on paths that belong to no dialect.
DEFAULT_ERRORS: Dialect = CHAT

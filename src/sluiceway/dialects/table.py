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

# The shape of the gateway's own errors on paths that belong to no dialect.
DEFAULT_ERRORS: Dialect = CHAT

"""Which path speaks which dialect. The only place where a dialect is chosen."""

from __future__ import annotations

from sluiceway.dialects.base import Dialect
from sluiceway.dialects.chat import CHAT

DIALECT_PATHS: dict[str, Dialect] = {
    "/v1/chat/completions": CHAT,
}

# The shape of the gateway's own errors on paths that belong to no dialect.
DEFAULT_ERRORS: Dialect = CHAT

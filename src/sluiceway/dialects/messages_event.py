"""What kind an event of a messages stream is, for follower and collector alike."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.wire.sse import SseEvent

CONTENT: Final = ("content_block_start", "content_block_delta", "content_block_stop")
"""Kinds that carry pieces of the answer: nothing in them is counted, and none of them ends anything."""

_KINDS: Final = frozenset({"message_start", "message_delta", "message_stop", "ping", "error", *CONTENT})
_KIND_OF_NAME: Final = {kind.encode(): kind for kind in _KINDS}


def kind_of(event: SseEvent, document: Any = None) -> str | None:
    """The kind by the event's name, or, where the name tells none, by `type` in its data (`document`).

    The API names every event, and Anthropic's SDKs skip events without a name. Some imitators leave the names
    out all the same, or call all events `message`, and then only the data tell.
    """
    kind = _KIND_OF_NAME.get(event.event)
    if kind is None and isinstance(document, dict):
        kind = document.get("type")
    return kind if isinstance(kind, str) else None

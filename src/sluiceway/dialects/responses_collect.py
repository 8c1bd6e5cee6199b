"""A responses stream as the response that a non-streaming client expects.

The last event holds the whole response, so nothing has to be put together but `output`, where a provider
leaves it short: ChatGPT's backend for Codex does (https://github.com/NousResearch/hermes-agent/pull/5689).
It is then made of the items that came whole.
Nothing is made up, not even from deltas: an answer without its last event, with an error, or with an item
that never came whole, raises.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import write_json
from sluiceway.dialects.responses_events import (
    DONE,
    ENDS,
    PINGS,
    are_pieces,
    kind_named,
    kind_of,
    object_of,
    read_error,
    read_usage,
    response_of,
)
from sluiceway.errors import EventTooLarge, UpstreamInvalid, UpstreamTruncated
from sluiceway.wire.sse import SseEvent, parse_events

_ITEM_ADDED: Final = "response.output_item.added"
_ITEM_DONE: Final = "response.output_item.done"
_READ: Final = frozenset({_ITEM_ADDED, _ITEM_DONE, "error", *PINGS, *ENDS})


class ResponsesCollector:
    """See `base.Collector`. `max_bytes` counts what is held, the items and the last event; 0 is unlimited.

    Deltas and partial images repeat what the items say whole, so they are neither decoded nor counted.
    """

    __slots__ = ("_added", "_bytes", "_event", "_items", "_max_bytes", "_response", "ended", "usage")

    def __init__(self, *, max_bytes: int) -> None:
        self.ended = False
        self.usage: Usage | None = None
        self._max_bytes = max_bytes
        self._bytes = 0
        self._event = 0  # number of the current event, for messages
        self._added: set[int] = set()  # items that began, by output_index
        # Whole items, by output_index and id: two can claim the same place, where a translator counts texts and
        # calls apart (https://github.com/agentgateway/agentgateway/pull/1455).
        self._items: dict[tuple[int, str], dict[str, Any]] = {}
        self._response: dict[str, Any] = {}

    def feed(self, block: bytes) -> bool:
        """See `base.Collector`."""
        if are_pieces(block):
            self._event += block.count(b"\n") // 3
            return not self.ended
        progress = False
        for event in parse_events(block):
            if self.ended:
                break
            if event.data and not event.data.isspace() and not event.data.startswith(DONE):
                progress |= self._take(event, event.data)
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. Also raises `UpstreamInvalid` where an item began and is nowhere whole."""
        if not self.ended:
            raise UpstreamTruncated("the upstream ended its stream before the answer was complete")
        response, items = self._response, self._items
        output = response.get("output")
        missing = self._added - {index for index, _ in items}
        if response.get("status") == "incomplete":
            missing = set()  # what was cut off need not come whole
        if (len(output) if isinstance(output, list) else 0) < len(items) + len(missing):
            if missing:
                raise UpstreamInvalid(f"the upstream's output item {min(missing)} began and never came whole")
            in_order = sorted(items, key=lambda place: place[0])
            response = response | {"output": [items[place] for place in in_order]}
        try:
            return write_json(response)
        except RecursionError:
            raise UpstreamInvalid("the upstream's answer is nested too deeply") from None

    def _take(self, event: SseEvent, data: bytes) -> bool:
        """True if this was progress."""
        self._event += 1
        named = kind_named(event.event)
        if named and named not in _READ:
            return True
        fields = object_of(data)
        kind = kind_of(event, fields or {})
        if kind in PINGS:
            return False
        error = read_error(event, fields)
        if error is not None:
            raise error
        if fields is None:
            raise UpstreamInvalid(f"event {self._event} of the upstream's stream is not a JSON object")
        item = fields.get("item")
        if kind == _ITEM_ADDED and isinstance(item, dict):  # without an item, nothing began
            self._added.add(_read_index(fields, len(self._added)))
        elif kind == _ITEM_DONE and isinstance(item, dict):
            self._hold(data)
            index = _read_index(fields, len(self._items))
            self._items[index, str(item.get("id") or item.get("call_id"))] = item
        elif kind in ENDS:
            self._hold(data)
            self._response = response_of(fields)
            if not self._response:
                raise UpstreamInvalid(f"the upstream's {kind} has no response in it")
            self.usage = read_usage(self._response.get("usage"))
            self.ended = True
        return True

    def _hold(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._max_bytes and self._bytes > self._max_bytes:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._max_bytes} bytes)"
            )


def _read_index(fields: dict[str, Any], otherwise: int) -> int:
    """An item's place in the output; where an imitator leaves it out, behind those that came."""
    index = fields.get("output_index")
    return index if isinstance(index, int) else otherwise

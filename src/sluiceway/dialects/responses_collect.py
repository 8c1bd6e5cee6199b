"""A responses stream as the response that a non-streaming client expects.

The last event holds the whole response, so nothing has to be put together but `output`, where a provider
leaves it short. Nothing is made up: an answer without its last event, or with an error, raises.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import write_json
from sluiceway.dialects.responses_events import (
    DONE,
    ENDS,
    PINGS,
    kind_of,
    read_error,
    read_usage,
    response_of,
    try_read,
)
from sluiceway.errors import EventTooLarge, UpstreamInvalid, UpstreamTruncated
from sluiceway.wire.sse import SseEvent, parse_events

_ADDED: Final = "response.output_item.added"
_DONE_ITEM: Final = "response.output_item.done"
_READ: Final = frozenset({_ADDED, _DONE_ITEM, "error", *ENDS})


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
        self._added: set[int] = set()
        self._items: dict[int, Any] = {}
        self._response: dict[str, Any] | None = None

    def feed(self, block: bytes) -> bool:
        """See `base.Collector`."""
        progress = False
        for event in parse_events(block):
            if self.ended:
                break
            if event.data and not event.data.isspace() and not event.data.startswith(DONE):
                progress |= self._take(event, event.data)
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. Also raises `UpstreamInvalid` where an item began and is nowhere whole."""
        response = self._response
        if response is None:
            raise UpstreamTruncated("the upstream ended its stream before the answer was complete")
        output = response.get("output")
        known = output if isinstance(output, list) else []
        if len(known) < len(self._items | dict.fromkeys(self._added)):
            if missing := self._added - self._items.keys():
                raise UpstreamInvalid(f"the upstream's output item {min(missing)} began and never ended")
            response = response | {"output": [self._items[index] for index in sorted(self._items)]}
        try:
            return write_json(response)
        except RecursionError:
            raise UpstreamInvalid("the upstream's answer is nested too deeply") from None

    def _take(self, event: SseEvent, data: bytes) -> bool:
        """True if this was progress."""
        self._event += 1
        name = event.event.decode("latin-1")
        if name and name not in _READ:
            return name not in PINGS
        document = try_read(data)
        error = read_error(event, document)
        if error is not None:
            raise error
        if not isinstance(document, dict):
            raise UpstreamInvalid(f"event {self._event} of the upstream's stream is not a JSON object")
        kind = kind_of(event, document)
        if kind == _ADDED:
            self._added.add(self._index(document))
        elif kind == _DONE_ITEM:
            self._hold(data)
            self._items[self._index(document)] = document.get("item")
        elif kind in ENDS:
            self._hold(data)
            self._response = response_of(document)
            if not self._response:
                raise UpstreamInvalid(f"the upstream's {kind} has no response in it")
            self.usage = read_usage(self._response.get("usage"))
            self.ended = True
        return kind not in PINGS

    def _hold(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._max_bytes and self._bytes > self._max_bytes:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._max_bytes} bytes)"
            )

    def _index(self, fields: dict[str, Any]) -> int:
        index = fields.get("output_index")
        if isinstance(index, int) and not isinstance(index, bool):
            return index
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream has no output_index")

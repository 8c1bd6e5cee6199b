"""An image stream as the JSON answer that a non-streaming client expects, without loss.

Of the partial images nothing is kept: the JSON answer has no place for them. Nothing is made up: an
answer that holds fewer images than were asked for, an error, or what can't be read raises.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.images_event import has_image, is_partial, look, missing_images
from sluiceway.dialects.images_usage import add_usage, read_usage
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.errors import EventTooLarge, UpstreamInvalid
from sluiceway.wire.sse import SseEvent, parse_events

_Fields = dict[str, Any]

_OF_THE_ANSWER: Final = (
    "model",
    "background",
    "output_format",
    "quality",
    "size",
    "safety_identifier",
    "svg_usage",
)
"""Members of a JSON answer that each completed event repeats. The API has all but `model`, which imitators
add in this place."""

_TIMES: Final = ("created", "created_at")  # the first is what a JSON answer calls it
_NOT_OF_AN_IMAGE: Final = ("type", "usage", "partial_image_index")
_INDEXES: Final = ("index", "image_index")


class ImagesCollector:
    """See `base.Collector`. `images`: how many were asked for; the stream ends with the last of them.

    `max_bytes` counts the data of completed events, since nothing else is held; 0 is unlimited.
    """

    __slots__ = ("_bytes", "_counts", "_event", "_images", "_items", "_max_bytes", "ended")

    def __init__(self, *, images: int, max_bytes: int) -> None:
        self.ended = False
        self._images = images
        self._max_bytes = max_bytes
        self._bytes = 0
        self._event = 0  # number of the current event, for messages
        self._items: list[_Fields] = []  # the completed events
        self._counts: _Fields | None = None

    @property
    def usage(self) -> Usage | None:
        """See `base.Collector`: the sum of what the completed events say, see `images_usage`."""
        return read_usage(self._counts)

    def feed(self, block: bytes) -> bool:
        """See `base.Collector`."""
        if is_partial(block) and not self.ended:
            self._event += 1
            return True
        progress = False
        for event in parse_events(block):
            if self.ended:
                break
            progress |= self._take(event, event.data or b"")
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. The error says how many images came.

        Images are in the order in which they were completed, or by their index where each has another.
        What the events say of the answer stands beside `data` if all say the same, else in each image.
        `created` is the time at which the last image was.
        """
        if not self.ended:
            raise missing_images(len(self._items), self._images)
        try:
            return write_json(self._whole())
        except RecursionError:
            raise UpstreamInvalid("the upstream's answer is nested too deeply") from None

    def _whole(self) -> _Fields:
        created = [item[name] for item in self._items for name in _TIMES if item.get(name) is not None]
        answer = {"created": created[-1]} if created else {}
        items = _in_order(self._items)
        shared = [name for name in _OF_THE_ANSWER if _agree(items, name)]
        taken = {*shared, *_TIMES, *_NOT_OF_AN_IMAGE}
        answer["data"] = [{name: item[name] for name in item if name not in taken} for item in items]
        answer |= {name: items[0][name] for name in shared}
        return answer if self._counts is None else answer | {"usage": self._counts}

    def _take(self, event: SseEvent, data: bytes) -> bool:
        seen = look(event)
        if seen.kind == "silent":
            return False
        self._event += 1
        if seen.error is not None:
            raise seen.error
        if seen.kind == "completed":
            self._take_image(data)
            self._counts = add_usage(self._counts, seen.usage)
        return True

    def _take_image(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._max_bytes and self._bytes > self._max_bytes:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._max_bytes} bytes)"
            )
        try:
            item = read_json(data)
        except NOT_JSON:
            item = None
        if not has_image(item):
            raise UpstreamInvalid(f"event {self._event} of the upstream's stream completes no image")
        self._items.append(item)
        self.ended = len(self._items) >= self._images


def _in_order(items: list[_Fields]) -> list[_Fields]:
    for name in _INDEXES:
        indexes = [item.get(name) for item in items]
        if all(type(index) is int for index in indexes) and len(set(indexes)) == len(items):
            return sorted(items, key=lambda item: int(item[name]))
    return items


def _agree(items: list[_Fields], name: str) -> bool:
    return all(name in item and item[name] == items[0][name] for item in items)

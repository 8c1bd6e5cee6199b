"""A Responses stream as deltas, event by event.

OpenAI says everything two or three times: piece by piece, whole at the end of each part, and whole again at
the end of its item and of the response. Imitators leave out some of it, often the pieces. So what is whole
is given where no piece of it came, and each text is given once.

Source: the SDK's `response_stream_event`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.responses_events import DONE, kind_of
from sluiceway.errors import UpstreamInvalid
from sluiceway.translate.neutral import Begin, Delta, End, PartBegin, PartDelta, PartEnd, PartKind
from sluiceway.translate.responses_answer import (
    objects_of,
    read_call,
    read_created,
    read_stop,
    read_tokens,
    text_of,
    unknown_item,
)
from sluiceway.translate.responses_items import PARAGRAPHS
from sluiceway.wire.sse import SseEvent

# By an event's type: the kind of part, the member with its text, the member that counts such texts within
# the item, and whether that is all of it.
_TEXTS: Final[dict[str, tuple[PartKind, str, str, bool]]] = {
    "response.output_text.delta": ("text", "delta", "content_index", False),
    "response.output_text.done": ("text", "text", "content_index", True),
    "response.refusal.delta": ("refusal", "delta", "content_index", False),
    "response.refusal.done": ("refusal", "refusal", "content_index", True),
    "response.reasoning_summary_text.delta": ("thinking", "delta", "summary_index", False),
    "response.reasoning_summary_text.done": ("thinking", "text", "summary_index", True),
    "response.reasoning_text.delta": ("thinking", "delta", "content_index", False),
    "response.reasoning_text.done": ("thinking", "text", "content_index", True),
    "response.function_call_arguments.delta": ("call", "delta", "", False),
    "response.function_call_arguments.done": ("call", "arguments", "", True),
}

# Of a finished message: the kind of a part of its content, and the member with its text.
_CONTENT: Final[dict[str, tuple[PartKind, str]]] = {
    "output_text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
}

# Of a finished thought: the lists of its texts, and the member that counts them in events.
_PARAGRAPHS: Final = (("summary", "summary_index"), ("content", "content_index"))

_Item = int | str
_Text = tuple[_Item, PartKind, str, int]
"""One text of an item: its kind, the member that counts it in events, and its number there."""
_Part = tuple[_Item, PartKind, int]
"""What becomes one part: a text of a message, or a whole thought or call (their number is 0)."""


class StreamReader:
    """See `neutral.StreamReader`. Also raises `UpstreamInvalid` for an item that has no neutral form, and for
    a call that goes on after text has come in between, for which the neutral form has no place.

    A thought is one part, however many paragraphs it has. What an imitator does not end, the next part ends.
    """

    __slots__ = ("_begun", "_calls", "_ended", "_given", "_open", "_paragraph", "_parts", "_refuses")

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._parts = 0  # begun so far
        self._open: dict[_Part, int] = {}
        self._calls: set[_Part] = set()  # begun, and perhaps ended
        self._refuses = False
        self._given: set[_Text] = set()
        self._paragraph: _Text | None = None  # the last that was given of a thought

    def feed(self, event: SseEvent) -> list[Delta]:
        """See `neutral.StreamReader`."""
        if self._ended or not event.data or event.data.isspace() or event.data.startswith(DONE):
            return []
        try:
            data = read_json(event.data)
        except NOT_JSON:
            raise UpstreamInvalid("an event of the upstream's stream is not JSON") from None
        if not isinstance(data, dict):
            return []
        return list(self._take(kind_of(event, data), data))

    def finish(self) -> list[Delta]:
        """See `neutral.StreamReader`. Without the event that says so, why it ended is not known."""
        return [] if self._ended else [*self._begin({}), *self._finish(End(None))]

    def _take(self, kind: str, data: dict[str, Any]) -> Iterator[Delta]:
        if kind in _TEXTS:
            yield from self._begin({})
            yield from self._take_text(*_TEXTS[kind], data)
            return
        match kind:
            case "response.created" | "response.queued" | "response.in_progress":
                yield from self._begin(_object(data, "response"))
            case "response.output_item.added" if item := _object(data, "item"):
                yield from self._begin({})
                yield from self._begin_item(_item_of(data), item)
            case "response.output_item.done" if item := _object(data, "item"):
                yield from self._begin({})
                yield from self._end_item(_item_of(data), item)
            case "response.completed" | "response.incomplete":
                yield from self._conclude(kind, _object(data, "response"))
            case "response.failed" | "error":
                self._ended = True  # the upstream's follower tells; no end is given for a broken stream

    def _begin(self, response: dict[str, Any]) -> Iterator[Delta]:
        """Once; an imitator's stream may begin with an item."""
        if not self._begun:
            self._begun = True
            yield Begin(text_of(response, "id"), text_of(response, "model"), read_created(response))

    def _take_text(
        self, kind: PartKind, member: str, counter: str, whole: bool, data: dict[str, Any]
    ) -> Iterator[Delta]:
        number = data.get(counter)
        text: _Text = (_item_of(data), kind, counter, number if isinstance(number, int) else 0)
        if not whole or text not in self._given:
            yield from self._give(text, text_of(data, member))
        if whole and kind != "thinking":  # which may have more paragraphs
            yield from self._end_part(_part_of(text))

    def _begin_item(self, at: _Item, item: dict[str, Any]) -> Iterator[Delta]:
        kind = item.get("type")
        if kind == "function_call":
            yield from self._begin_call((at, "call", 0), item)
        elif kind not in ("message", "reasoning"):
            raise unknown_item(kind)

    def _end_item(self, at: _Item, item: dict[str, Any]) -> Iterator[Delta]:
        """What its own events did not tell: texts of a kind of which nothing was given yet."""
        told = {given[:2] for given in self._given}
        if item.get("type") == "function_call":
            yield from self._begin_call((at, "call", 0), item)
        for text, words in _texts_of(at, item):
            if text[:2] not in told:
                yield from self._give(text, words)
        for part in [part for part in self._open if part[0] == at]:
            yield from self._end_part(part)

    def _begin_call(self, part: _Part, item: dict[str, Any]) -> Iterator[Delta]:
        if part not in self._calls:
            call = read_call(item)
            yield from self._begin_part(part, call.id, call.name)
            self._calls.add(part)

    def _give(self, text: _Text, words: str) -> Iterator[Delta]:
        """More of a text, and the beginning of its part."""
        part = _part_of(text)
        kind = text[1]
        if not words:
            return
        if part not in self._open:
            if kind == "call":
                if part in self._calls:
                    raise UpstreamInvalid("the upstream's stream goes on with a call that had ended")
                return  # nobody said whose arguments these are: the finished item will
            yield from self._begin_part(part)
        elif kind == "thinking" and text != self._paragraph:
            words = PARAGRAPHS + words
        if kind == "thinking":
            self._paragraph = text
        self._refuses |= kind == "refusal"
        self._given.add(text)
        yield PartDelta(self._open[part], words)

    def _begin_part(self, part: _Part, id: str = "", name: str = "") -> Iterator[Delta]:  # noqa: A002 - of a call
        kind = part[1]
        for other in list(self._open):
            if kind != "call" or other[1] != "call":  # only calls are open beside one another
                yield from self._end_part(other)
        self._open[part] = self._parts
        self._parts += 1
        yield PartBegin(self._open[part], kind, id=id, name=name)

    def _end_part(self, part: _Part) -> Iterator[Delta]:
        index = self._open.pop(part, None)
        if index is not None:
            yield PartEnd(index)

    def _conclude(self, kind: str, response: dict[str, Any]) -> Iterator[Delta]:
        yield from self._begin(response)
        if not self._parts:  # a stream of nothing but its last event
            for number, item in enumerate(objects_of(response, "output")):
                yield from self._end_item(number, item)
        if kind == "response.incomplete":
            response = response | {"status": "incomplete"}
        stop = read_stop(response, calls=bool(self._calls), refuses=self._refuses)
        yield from self._finish(End(stop, tokens=read_tokens(response.get("usage"))))

    def _finish(self, end: End) -> Iterator[Delta]:
        for part in list(self._open):
            yield from self._end_part(part)
        self._ended = True
        yield end


def _texts_of(at: _Item, item: dict[str, Any]) -> Iterator[tuple[_Text, str]]:
    """All texts of an item, in the order of their parts. Raises `UpstreamInvalid`."""
    match item.get("type"):
        case "message":
            for number, part in enumerate(objects_of(item, "content")):
                kind, member = _CONTENT.get(text_of(part, "type"), (None, ""))
                if kind is None:
                    raise unknown_item(part.get("type"))
                yield (at, kind, "content_index", number), text_of(part, member)
        case "reasoning":
            for name, counter in _PARAGRAPHS:
                for number, part in enumerate(objects_of(item, name)):
                    yield (at, "thinking", counter, number), text_of(part, "text")
            yield (at, "sealed", "", 0), text_of(item, "encrypted_content")
        case "function_call":
            yield (at, "call", "", 0), text_of(item, "arguments")
        case kind:
            raise unknown_item(kind)


def _part_of(text: _Text) -> _Part:
    at, kind, _, number = text
    return at, kind, number if kind in ("text", "refusal") else 0


def _item_of(data: dict[str, Any]) -> _Item:
    """Where an event belongs. Some imitators change an item's id from event to event, so its place counts."""
    place = data.get("output_index")
    return place if isinstance(place, int) else text_of(data, "item_id")


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}

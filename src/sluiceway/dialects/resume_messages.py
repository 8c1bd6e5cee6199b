"""Going on with a broken messages stream: what the client has, the next request, and one stream made of two.

What the client sees is one message, that of the first stream. The block of text that broke off goes on, and what
follows is numbered after it. Usage is as the second upstream says it in `message_delta`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.json_request import Fields
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.messages_event import kind_of
from sluiceway.dialects.resume_text import Overlap, Partial, Prefill, join_text, read_value, with_answer
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

_THOUGHTS: Final = ("thinking", "redacted_thinking")

# ── what the client has ─────────────────────────────────────────────────────────────────────────────


def read_partial(sent: Iterable[bytes]) -> Partial | None:
    """See `resume.partial_answer`. Unsafe: blocks that are neither text nor thoughts, citations (their rest is lost
    with the upstream), a stop reason, and a thought that was not ended: nobody can go on with it, and one that
    is closed without its signature spoils the client's next request. "Tool use and extended thinking blocks cannot
    be partially recovered", https://docs.claude.com/en/docs/build-with-claude/streaming#error-recovery.
    """
    reader = _Sent()
    for block in sent:
        for event in parse_events(block):
            if event.data and not event.data.isspace() and not reader.take(event, event.data):
                return None
    text = join_text(reader.texts)
    if text is None or reader.open in _THOUGHTS:
        return None
    return Partial(text=text, blocks=reader.blocks, open_block=reader.blocks - 1 if reader.open else None)


class _Sent:
    """`open`: the type of the block that has begun last, if it has not ended."""

    __slots__ = ("begun", "blocks", "open", "texts")

    def __init__(self) -> None:
        self.begun = False
        self.blocks = 0
        self.open: str | None = None
        self.texts: list[str] = []

    def take(self, event: SseEvent, data: bytes) -> bool:
        """False where the answer can't be continued."""
        try:
            document = read_json(data)
        except NOT_JSON:
            return False
        if not isinstance(document, dict):
            return False
        index = document.get("index")
        match kind_of(event, document):
            case "ping":
                return True
            case "message_start" if not self.begun:
                self.begun = True
                message = document.get("message")
                return isinstance(message, dict) and not message.get("content")
            case "content_block_start" if self.open is None and index == self.blocks:
                self.blocks += 1
                return self._begin(document.get("content_block"))
            case "content_block_delta" if self.open and index == self.blocks - 1:
                return self._grow(document.get("delta"))
            case "content_block_stop" if self.open and index == self.blocks - 1:
                self.open = None
                return True
            case _:
                return False

    def _begin(self, block: Any) -> bool:
        if not isinstance(block, dict) or block.get("type") not in ("text", *_THOUGHTS):
            return False
        self.open = block["type"]
        return self.open != "text" or self._add(block)

    def _grow(self, delta: Any) -> bool:
        if not isinstance(delta, dict):
            return False
        if self.open == "text":
            return delta.get("type") == "text_delta" and self._add(delta)
        return delta.get("type") in ("thinking_delta", "signature_delta")

    def _add(self, holder: dict[str, Any]) -> bool:
        text = holder.get("text")
        if not isinstance(text, str) or holder.get("citations"):
            return False
        self.texts.append(text)
        return True


# ── the next request ────────────────────────────────────────────────────────────────────────────────


def resume(request: DialectRequest, partial: Partial, prefill: Prefill) -> DialectRequest | None:
    """See `resume.resumed_request`. `prefix` and `continue_final_message` have no form in this API; a request that
    is translated gets them afterwards, see `resume.mark_translated`."""
    fields = request.fields
    if "messages" not in fields or not _asks_for_text(fields):
        return None
    messages = with_answer(fields["messages"], partial.text, extend=prefill != "prefix")
    if messages is None:
        return None
    fields = fields | {"messages": messages}
    return msgspec.structs.replace(request, body=msgspec.json.encode(fields), fields=fields)


def _asks_for_text(fields: Fields) -> bool:
    """Text without thoughts, or calls of tools if the model likes.

    Anthropic takes no prefill together with extended thinking
    (https://docs.claude.com/en/docs/prefill-claudes-response) or a JSON format
    (https://docs.claude.com/en/docs/build-with-claude/structured-outputs), and a forced call leaves no room for text.
    """
    try:
        thinking = read_value(fields, "thinking") or {"type": "disabled"}
        config = read_value(fields, "output_config") or {}
        old_format = read_value(fields, "output_format")  # the beta's name of `output_config.format`
        choice = read_value(fields, "tool_choice") or {"type": "auto"}
    except NOT_JSON:
        return False
    return (
        isinstance(thinking, dict)
        and thinking.get("type") == "disabled"
        and isinstance(config, dict)
        and not (config.get("format") or old_format)
        and isinstance(choice, dict)
        and choice.get("type") in ("auto", "none")
    )


# ── one stream of two ───────────────────────────────────────────────────────────────────────────────


class MessagesSplice:
    """See `resume.Splice`. Raises `UpstreamInvalid` for content blocks that never began.

    The first text goes on in the client's block, if that is open still. Thoughts of the continuation are left
    out: the client did not ask for any, and they would break its text in two. Anything else ends the open
    block first, as the API writes one block after the other.
    """

    __slots__ = ("_blocks", "_joint", "_overlap", "_places", "_text_at")

    def __init__(self, partial: Partial, overlap: Overlap) -> None:
        self._overlap = overlap
        self._blocks = partial.blocks  # begun so far, in the client's stream
        self._joint = partial.open_block  # the client's block that waits to go on
        self._places: dict[int, int | None] = {}  # the upstream's index to the client's; None: left out
        self._text_at: int | None = None  # the client's block that text was last added to

    def feed(self, event: SseEvent) -> bytes:
        """See `resume.Splice`."""
        try:
            document = read_json(event.data or b"")
        except NOT_JSON:
            document = None
        if not isinstance(document, dict):
            return event.raw
        match kind_of(event, document):
            case "message_start":
                return b""
            case "content_block_start":
                return self._begin(document, event)
            case "content_block_delta":
                return self._grow(document, event)
            case "content_block_stop":
                place = self._place(document)
                return b"" if place is None else self._rest_of_text() + _moved(event, document, place)
            case "message_delta" | "message_stop":
                return self._rest_of_text() + self._end_joint() + event.raw
            case _:
                return event.raw

    def _begin(self, document: dict[str, Any], event: SseEvent) -> bytes:
        index, block = document.get("index"), document.get("content_block")
        if not isinstance(index, int) or not isinstance(block, dict):
            raise UpstreamInvalid("the upstream's stream has a content block without an index or a type")
        if block.get("type") in _THOUGHTS:
            self._places[index] = None
            return b""
        text = block.get("text")
        if block.get("type") == "text" and self._joint is not None:
            self._places[index] = self._text_at = self._joint
            self._joint = None
            return self._write_text(self._overlap.take(text) if isinstance(text, str) else "")
        ended = self._rest_of_text() + self._end_joint()
        place = self._places[index] = self._blocks
        self._blocks += 1
        if block.get("type") == "text":
            self._text_at = place
            if isinstance(text, str):
                block["text"] = self._overlap.take(text)
        return ended + _moved(event, document, place)

    def _grow(self, document: dict[str, Any], event: SseEvent) -> bytes:
        place, delta = self._place(document), document.get("delta")
        if place is None:
            return b""
        if (
            isinstance(delta, dict)
            and delta.get("type") == "text_delta"
            and isinstance(delta.get("text"), str)
        ):
            self._text_at = place
            delta["text"] = self._overlap.take(delta["text"])
            if not delta["text"]:
                return b""
        return _moved(event, document, place)

    def _place(self, document: dict[str, Any]) -> int | None:
        try:
            return self._places[document["index"]]
        except (KeyError, TypeError):
            raise UpstreamInvalid(
                "the upstream's stream goes on with a content block that never began"
            ) from None

    def _end_joint(self) -> bytes:
        place, self._joint = self._joint, None
        return b"" if place is None else _write("content_block_stop", index=place)

    def _rest_of_text(self) -> bytes:
        return self._write_text(self._overlap.release())

    def _write_text(self, text: str) -> bytes:
        if not text:
            return b""
        delta = {"type": "text_delta", "text": text}
        return _write("content_block_delta", index=self._text_at, delta=delta)


def _moved(event: SseEvent, document: dict[str, Any], place: int) -> bytes:
    """The event with the client's index."""
    name = str(document.get("type")).encode()
    return encode_event(write_json(document | {"index": place}), event=event.event or name, id=event.id)


def _write(kind: str, **fields: Any) -> bytes:
    return encode_event(write_json({"type": kind} | fields), event=kind.encode())

"""One choice of a chat stream, joined from its deltas into the choice of a JSON answer."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.chat_chunk import read_index
from sluiceway.dialects.pieces import Pieces

PADDING: Final = "obfuscation"
"""Random characters that hide the length of a chunk (OpenAI, `include_obfuscation`): not the answer's."""

_CALL_PARTS: Final = frozenset({"function", "custom"})
_MESSAGE_PARTS: Final = frozenset({"function_call", "audio"})


class ChatChoice:
    """What came of one choice so far. `finish_reason`: None until it came, and where it was empty."""

    __slots__ = (
        "_call_of_id",
        "_calls",
        "_index",
        "_last_call",
        "_message",
        "fields",
        "finish_reason",
        "logprobs",
    )

    def __init__(self, index: int) -> None:
        self.fields = Pieces()  # members beside delta, logprobs and finish_reason
        self.logprobs = Pieces()
        self.finish_reason: str | None = None
        self._index = index
        self._message = Pieces()
        self._calls: dict[int, Pieces] = {}
        self._call_of_id: dict[str, int] = {}
        self._last_call = 0

    def add(self, name: str, value: Any) -> None:
        """One field of a delta, any but `tool_calls`."""
        if name in _MESSAGE_PARTS and isinstance(value, dict):
            self._message.add_object(name, value)
        elif name != PADDING:
            self._message.add(name, value)

    def add_call(self, call: dict[str, Any], position: int | None) -> None:
        """One entry of a delta's `tool_calls`; its position there, if it is not alone."""
        key = self._key(call, position)
        held = self._calls.setdefault(key, Pieces())
        for name, value in call.items():
            if name in _CALL_PARTS and isinstance(value, dict):
                held.add_object(name, value)
            elif name != "index":
                held.add(name, value)
        self._last_call = key

    def whole(self) -> dict[str, Any]:
        """The choice of a JSON answer. A finish reason that never came is read off what did."""
        message = self._message.whole()
        message = {"role": message.get("role") or "assistant", "content": message.get("content")} | {
            name: value for name, value in message.items() if name not in ("role", "content")
        }
        if self._calls:
            message["tool_calls"] = [_whole_call(self._calls[key]) for key in sorted(self._calls)]
        kind = "tool_calls" if self._calls else "function_call" if message.get("function_call") else "stop"
        return {
            "index": self._index,
            "message": message,
            "logprobs": self.logprobs.whole() or None,
            "finish_reason": self.finish_reason or kind,
        } | self.fields.whole()

    def _key(self, call: dict[str, Any], position: int | None) -> int:
        """Which call an entry belongs to.

        By `index`. Providers omit it on single calls, and some on all of them: then a new id begins a
        new call, as does another function's name, and anything else goes on with the last one.
        """
        index = read_index(call)
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id:
            if index is not None:
                return index
            if position is not None:
                return position
            return self._next_key() if self._is_other_function(call) else self._last_call
        if index is None:
            index = self._call_of_id.get(call_id)
        key = self._next_key() if index is None else index
        self._call_of_id[call_id] = key
        return key

    def _next_key(self) -> int:
        return max(self._calls, default=-1) + 1

    def _is_other_function(self, call: dict[str, Any]) -> bool:
        last = self._calls.get(self._last_call)
        function = call.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return last is not None and bool(name) and last.name_of("function") not in (None, "", name)


def _whole_call(pieces: Pieces) -> dict[str, Any]:
    """A call as clients require it: with a type, and arguments that are text even where none came."""
    call = pieces.whole()
    function = call.get("function")
    if isinstance(function, dict):
        call["type"] = call.get("type") or "function"
        if function.get("arguments") is None:
            function["arguments"] = ""
    return call

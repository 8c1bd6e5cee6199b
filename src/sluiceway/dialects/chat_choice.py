"""One choice of a chat stream, joined from its deltas into the choice of a JSON answer."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.chat_chunk import read_index
from sluiceway.dialects.pieces import Pieces

PADDING: Final = "obfuscation"
"""Random characters that hide the length of a chunk (OpenAI, `include_obfuscation`): not the answer's."""

_CALL_PARTS: Final = frozenset({"function", "custom"})
_MESSAGE_PARTS: Final = frozenset({"function_call", "audio"})


class CallKeys:
    """Which tool call an entry of a delta's `tool_calls` belongs to, however it is numbered.

    By `index`. Providers omit it on single calls, and some on all of them: then a new id begins a new
    call, as does another function's name, and anything else goes on with the last one.
    """

    __slots__ = ("_key_of_id", "_last", "_names")

    def __init__(self) -> None:
        self._key_of_id: dict[str, int] = {}
        self._names: dict[int, str] = {}  # of each call, as far as it came
        self._last = 0

    def key(self, call: dict[str, Any], position: int | None) -> int:
        """The call's number. `position`: the entry's in its list, if it is not alone there."""
        function = call.get("function")
        said = function.get("name") if isinstance(function, dict) else None
        name = said if isinstance(said, str) else ""
        key = self._find(call, position, name)
        self._names[key] = self._names.get(key) or name
        self._last = key
        return key

    def _find(self, call: dict[str, Any], position: int | None, name: str) -> int:
        index = read_index(call)
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id:
            if index is not None:
                return index
            if position is not None:
                return position
            last = self._names.get(self._last)
            return self._next() if name and last and last != name else self._last
        if index is None:
            index = self._key_of_id.get(call_id)
        key = self._next() if index is None else index
        self._key_of_id[call_id] = key
        return key

    def _next(self) -> int:
        return max(self._names, default=-1) + 1


class ChatChoice:
    """What came of one choice so far. `finish_reason`: None until it came, and where it was empty."""

    __slots__ = (
        "_calls",
        "_index",
        "_keys",
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
        self._keys = CallKeys()

    def add(self, name: str, value: Any) -> None:
        """One field of a delta, any but `tool_calls`."""
        if name in _MESSAGE_PARTS and isinstance(value, dict):
            self._message.add_object(name, value)
        elif name != PADDING:
            self._message.add(name, value)

    def add_call(self, call: dict[str, Any], position: int | None) -> None:
        """One entry of a delta's `tool_calls`; its position there, if it is not alone."""
        key = self._keys.key(call, position)
        held = self._calls.setdefault(key, Pieces())
        for name, value in call.items():
            if name in _CALL_PARTS and isinstance(value, dict):
                held.add_object(name, value)
            elif name != "index":
                held.add(name, value)

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


def _whole_call(pieces: Pieces) -> dict[str, Any]:
    """A call as clients require it: with a type, and arguments that are text even where none came."""
    call = pieces.whole()
    function = call.get("function")
    if isinstance(function, dict):
        call["type"] = call.get("type") or "function"
        if function.get("arguments") is None:
            function["arguments"] = ""
    return call
